"""The house's reckoning as code: derives every answer from facts.json and compares facts and texts."""

import ast
import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

HOUSE = {"dozen": 13, "half_dozen": 7, "day": 7, "week": 6}
"""What the house means by these words: pieces, pieces, hours, days."""
UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {word: number for number, word in enumerate(UNITS.split())} | {"both": 2}
WORDS |= {word: 20 + 10 * number for number, word in enumerate(TENS.split())}
WORDS |= {f"{ten}-{unit}": WORDS[ten] + WORDS[unit] for ten in TENS.split() for unit in UNITS.split()[1:10]}
LEAKS = r"thirteen to|\b13\b|baker's|round|seven hours|six days a week|full ten"


def value(node: ast.AST) -> Fraction:
    """What the expression comes to, exactly, with the house's meaning of its words."""
    match node:
        case ast.Expression(body):
            return value(body)
        case ast.Constant(number):
            return Fraction(str(number))
        case ast.Name(name):
            return Fraction(HOUSE[name])
        case ast.Call(func=ast.Name("ceil"), args=[inner]):
            amount = value(inner)
            return Fraction(-(-amount.numerator // amount.denominator))
        case ast.BinOp(left, ast.Add(), right):
            return value(left) + value(right)
        case ast.BinOp(left, ast.Sub(), right):
            return value(left) - value(right)
        case ast.BinOp(left, ast.Mult(), right):
            return value(left) * value(right)
        case ast.BinOp(left, ast.Div(), right):
            return value(left) / value(right)
    raise ValueError(ast.dump(node))


def decide(fact: dict[str, str]) -> tuple[str, list[str]]:
    """The answer, and the rules that led to it."""
    tree = ast.parse(fact["value"], mode="eval")
    amount = value(tree)
    rules = [name for name in (*HOUSE, "ceil") if re.search(rf"\b{name}\b", fact["value"])]
    if fact["unit"] != "€":
        assert amount.denominator == 1, fact
        return f"{amount} {fact['unit']}", rules
    tenths = amount * 10 // 1
    return f"€{tenths // 10}.{tenths % 10}0", rules + (["cut"] if tenths != amount * 10 else [])


def numbers_said(text: str) -> Counter[Fraction]:
    """The numbers in a text, in digits or words; cents as parts of a euro."""
    pattern = r"€?(\d+(?:\.\d+)?)( cents)?|\b(" + "|".join(sorted(WORDS, key=len, reverse=True)) + r")\b( cents)?"
    said = Counter[Fraction]()
    for digits, cents, word, word_cents in re.findall(pattern, text, re.IGNORECASE):
        number = Fraction(digits) if digits else Fraction(WORDS[word.lower()])
        said[number / 100 if cents or word_cents else number] += 1
    return said


def text_complaints(question: str, fact: dict[str, str]) -> list[str]:
    """What the text of one question lacks or gives away."""
    found = []
    tree = ast.parse(fact["value"], mode="eval")
    wanted = Counter(Fraction(str(node.value)) for node in ast.walk(tree) if isinstance(node, ast.Constant))
    said = numbers_said(question)
    if missing := wanted - said:
        found.append(f"the text does not say {', '.join(map(str, missing))}")
    strange = set(said - wanted) - {Fraction(1), Fraction(2)}
    if strange:
        found.append(f"the text says {', '.join(map(str, strange))}, which the facts do not")
    for name, sign in {
        "half_dozen": "half a dozen",
        "dozen": "dozen",
        "day": r"\bdays?\b|week",
        "week": r"week|working day",
    }.items():
        if re.search(rf"\b{name}\b", fact["value"]) and not re.search(sign, question, re.IGNORECASE):
            found.append(f"the text does not say {name}")
    if leak := re.search(LEAKS, question, re.IGNORECASE):
        found.append(f"the text gives away {leak[0]!r}")
    return found


def check(folder: Path) -> list[str]:
    """Complaints about the pack in `folder`; empty when all is right."""
    lines = (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples: list[dict[str, str]] = [json.loads(line) for line in lines]
    facts: dict[str, dict[str, Any]] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    if [example["id"] for example in examples] != list(facts):
        return ["examples.jsonl and facts.json do not have the same ids in the same order"]
    complaints = []
    counts = {split: Counter[str]() for split in ("train", "dev", "test")}
    for example in examples:
        answer, rules = decide(facts[example["id"]])
        counts[example["split"]].update([*rules, "all"])
        found = text_complaints(example["question"], facts[example["id"]])
        if example["answer"] != answer:
            found.append(f"the answer is {example['answer']!r}, the rules say {answer!r}")
        if not example["why"].endswith(f"written {answer}."):
            found.append("`why` does not end with the answer")
        complaints += [f"{example['id']}: {complaint}" for complaint in found]
    for split, count in counts.items():
        if count["all"] != 20:
            complaints.append(f"{split} does not have 20 examples")
        complaints += [
            f"{split}: `{rule}` occurs less than twice in train" for rule in count if counts["train"][rule] < 2
        ]
    return complaints
