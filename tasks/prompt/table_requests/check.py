"""How the house reads a request, as code: derives every answer from facts.json and compares facts and texts."""

import json
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
DAYS = [f"{date(2026, 3, 2) + timedelta(number):%A}" for number in range(7)]
MONTHS = [f"{date(2026, month, 1):%B}" for month in range(1, 13)]
AREAS = {"terrace": r"terrace", "inside": r"inside"}


def day_meant(received: date, said: str) -> date:
    """`tomorrow`, the next day of that name after the message came in, or a day of the same year."""
    if said == "tomorrow":
        return received + timedelta(1)
    if said in DAYS:
        return received + timedelta((DAYS.index(said) - received.weekday() - 1) % 7 + 1)
    number, month = said.split()
    return date(received.year, MONTHS.index(month) + 1, int(number))


def clock_meant(said: str | None) -> str | None:
    """`HH:MM`; an hour from 1 to 9 is in the afternoon or evening, as the house opens at 10."""
    if said is None:
        return None
    if said == "noon":
        return "12:00"
    if found := re.fullmatch(r"(?:(half|quarter) (past|to)) (\w+)", said):
        part, side, word = found.groups()
        minutes = (HOURS.index(word) + 1) * 60 + {"half": 30, "quarter": 15}[part] * (1 if side == "past" else -1)
    else:
        figures = re.fullmatch(r"(\d+)(?::(\d\d))?(?: ([ap]m))?", said)
        assert figures is not None, said
        hour = int(figures[1])
        assert figures[3] != "am" or hour >= 10, said
        minutes = hour * 60 + int(figures[2] or 0)
    if minutes < 10 * 60:
        minutes += 12 * 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def decide(fact: dict[str, Any]) -> dict[str, Any]:
    """What the booking sheet says."""
    return {
        "name": fact["name"].upper(),
        "date": day_meant(date.fromisoformat(fact["received"]), fact["day"]).isoformat(),
        "time": clock_meant(fact["clock"]),
        "people": fact["adults"] + fact["children"],
        "babies": fact["babies"],
        "area": fact["area"],
    }


def text_complaints(question: str, answer: dict[str, Any], fact: dict[str, Any]) -> list[str]:
    """What the text of one question lacks or gives away."""
    found = []
    received = date.fromisoformat(fact["received"])
    head, _, message = question.partition("\n\n")
    if head != f"Message of {received:%A} {received.day} {received:%B %Y}:":
        found.append(f"the first line is {head!r}")
    for said in (fact["name"], fact["day"], fact["clock"]):
        if said is not None and not re.search(rf"\b{re.escape(said)}\b", message, re.IGNORECASE):
            found.append(f"the text does not say {said}")
    said_areas = {area for area, sign in AREAS.items() if re.search(sign, message, re.IGNORECASE)}
    if (fact["area"] is None and said_areas) or (fact["area"] is not None and fact["area"] not in said_areas):
        found.append(f"the text says {sorted(said_areas)} and the facts {fact['area']}")
    if fact["babies"] and not re.search(r"bab(y|ies)|infant|months?\b|month-old|newborn", message, re.IGNORECASE):
        found.append("the text has no baby")
    if fact["clock"] is None and re.search(r"\d:\d\d|\b[ap]m\b|half past|quarter", message):
        found.append("the text says an hour")
    if answer["date"] in question or answer["name"] in question:
        found.append("the text has a field as the house writes it")
    return found


def check(folder: Path) -> list[str]:
    """Complaints about the pack in `folder`; empty when all is right."""
    lines = (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples: list[dict[str, str]] = [json.loads(line) for line in lines]
    facts: dict[str, dict[str, Any]] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    if [example["id"] for example in examples] != list(facts):
        return ["examples.jsonl and facts.json do not have the same ids in the same order"]
    complaints = []
    if len({fact["name"] for fact in facts.values()}) < len(facts) - 2:
        complaints.append("too many guests have one name")
    counts = {split: Counter[str]() for split in ("train", "dev", "test")}
    for example in examples:
        fact = facts[example["id"]]
        answer = decide(fact)
        kinds = {"no hour": fact["clock"] is None, "no area": fact["area"] is None, "babies": fact["babies"] > 0}
        counts[example["split"]].update(["all", *(kind for kind, holds in kinds.items() if holds)])
        found = text_complaints(example["question"], answer, fact)
        if json.loads(example["answer"]) != answer:
            found.append(f"the answer is {example['answer']}, the rules say {json.dumps(answer)}")
        complaints += [f"{example['id']}: {complaint}" for complaint in found]
    for split, count in counts.items():
        if count["all"] != 20:
            complaints.append(f"{split} does not have 20 examples")
        complaints += [f"{split}: `{kind}` occurs less than twice" for kind in count if count[kind] < 2]
    return complaints
