"""The routing policy as code: derives every answer from facts.json and compares facts and texts."""

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

QUEUES = ("accounts", "billing", "delivery", "replacement", "safety", "warranty")
# Strongest first: the first claim a ticket makes decides, whatever else it says.
RULES = {
    "hurt": "safety",
    "hazard": "safety",
    "business": "accounts",
    "gift_card": "accounts",
    "change": "billing",
    "fault": "replacement or warranty",
    "wrong_parcel": "delivery",
    "not_arrived": "delivery or replacement",
    "how_to": "warranty",
    "money": "billing",
}
# Words that must be in the text exactly when the claim is made; the other claims only a reader can judge.
SIGNS = {
    "hurt": r"stitches|bruised|\bcut\b|sliced|swollen",
    "hazard": r"smoke|sparks|flame|shock",
    "business": r"\bB-\d{5}\b",
    "gift_card": r"gift card",
}
LEAKS = r"policy|precedence|14 days|7 days|\brules?\b|\brout(e|ed|ing)\b"
MONTHS = [f"{date(2026, month, 1):%B}" for month in range(1, 13)]


def days_since(fact: dict[str, Any], key: str) -> int:
    """Days from the day under `key` to the day the ticket was received."""
    return (date.fromisoformat(fact["received"]) - date.fromisoformat(fact[key])).days


def decide(fact: dict[str, Any]) -> tuple[str, str]:
    """The deciding rule, with the side of its limit, and the queue."""
    rule = next(claim for claim in RULES if claim in fact["claims"])
    if rule == "fault":
        early = days_since(fact, "delivered") <= 14
        return ("fault, early", "replacement") if early else ("fault, late", "warranty")
    if rule == "not_arrived":
        lost = days_since(fact, "promised") > 7
        return ("not arrived, lost", "replacement") if lost else ("not arrived, late", "delivery")
    return rule, RULES[rule]


def text_complaints(question: str, answer: str, fact: dict[str, Any]) -> list[str]:
    """What the text of one question lacks or gives away."""
    found = []
    received = date.fromisoformat(fact["received"])
    head, ticket, tail = question.split("\n\n")
    if head != f"Ticket received on {received:%A} {received.day} {received:%B %Y}:":
        found.append(f"the first line is {head!r}")
    if tail != f"Queues: {', '.join(QUEUES)}":
        found.append(f"the last line is {tail!r}")
    if not 25 <= len(ticket.split()) <= 70:
        found.append(f"the ticket has {len(ticket.split())} words")
    if re.findall(r"\b[A-Z]-\d+\b", ticket) != [fact["order"]]:
        found.append(f"order number {fact['order']} is not the only one in the text")
    for claim, sign in SIGNS.items():
        if (claim in fact["claims"]) != bool(re.search(sign, ticket)):
            found.append(f"claim `{claim}` and the words {sign} disagree")
    for key in ("delivered", "promised"):
        if key in fact:
            day = date.fromisoformat(fact[key])
            year = "" if day.year == received.year else f" {day.year}"
            said = rf"\b{day.day} {day:%B}{year}\b"
            if not re.search(said, ticket) and not ("yesterday" in ticket and days_since(fact, key) == 1):
                found.append(f"the text does not say {key} {fact[key]}")
    for name, number, month in re.findall(r"\b(\w+day),? (\d{1,2}) ([A-Z][a-z]+)\b", ticket):
        if f"{date(received.year, MONTHS.index(month) + 1, int(number)):%A}" != name:
            found.append(f"{number} {month} is not a {name}")
    if leak := re.search(rf"{LEAKS}|\b{answer}\b", ticket, re.IGNORECASE):
        found.append(f"the ticket gives away {leak[0]!r}")
    return found


def check(folder: Path) -> list[str]:
    """Complaints about the pack in `folder`; empty when all is right."""
    lines = (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples: list[dict[str, str]] = [json.loads(line) for line in lines]
    facts: dict[str, dict[str, Any]] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    complaints = []
    if [example["id"] for example in examples] != list(facts):
        return ["examples.jsonl and facts.json do not have the same ids in the same order"]
    if len({fact["order"] for fact in facts.values()}) < len(facts):
        complaints.append("an order number occurs twice")
    rules = {split: Counter[str]() for split in ("train", "dev", "test")}
    queues = {split: Counter[str]() for split in rules}
    overruled: dict[str, set[tuple[str, str]]] = {split: set() for split in rules}
    for example in examples:
        fact, split = facts[example["id"]], example["split"]
        rule, queue = decide(fact)
        rules[split][rule] += 1
        queues[split][queue] += 1
        first, *others = sorted(fact["claims"], key=list(RULES).index)
        overruled[split] |= {(RULES[first], claim) for claim in others}
        found = text_complaints(example["question"], queue, fact)
        if example["answer"] != queue:
            found.append(f"the answer is {example['answer']!r}, the policy says {queue!r}")
        if queue not in example["why"]:
            found.append(f"`why` does not name {queue!r}")
        for days in re.findall(r"\bhere (\d+)\b|\bis (\d+) days past", example["why"]):
            if int("".join(days)) != days_since(fact, "delivered" if rule.startswith("fault") else "promised"):
                found.append(f"`why` counts {''.join(days)} days")
        complaints += [f"{example['id']}: {complaint}" for complaint in found]
    for split in rules:
        if queues[split] != dict.fromkeys(QUEUES, 4):
            complaints.append(f"{split}: the queues are not balanced: {dict(queues[split])}")
        complaints += [
            f"{split}: rule `{rule}` occurs less than twice in train"
            for rule in rules[split]
            if rules["train"][rule] < 2
        ]
        complaints += [
            f"{split}: that {pair[0]} overrules `{pair[1]}` never occurs in train"
            for pair in sorted(overruled[split] - overruled["train"])
        ]
    return complaints
