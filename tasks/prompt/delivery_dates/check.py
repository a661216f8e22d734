"""The counting rules as code: derives every date from facts.json and compares facts and texts."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = timedelta(days=1)
WEEKS = {"Mon-Fri": 5, "Mon-Sat": 6}
MONDAY_RULE = "count ends on a Monday"
LEAKS = r"day zero|not counted|in time\b|(before|after) the cut-off|longer|never|\d{4}-\d|\b(Mon|Tue|Wed|Thu|Fri|Sat)\b"
WRITTEN_DAY = re.compile(r"\b([A-Z][a-z]+day) (\d{1,2} [A-Z][a-z]+ \d{4})\b")


def say(day: date) -> str:
    """The day as the questions write it."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def next_day(day: date, allowed: Callable[[date], bool]) -> date:
    """First allowed day after `day`."""
    day += DAY
    while not allowed(day):
        day += DAY
    return day


def decide(fact: dict[str, Any]) -> tuple[date, list[str]]:
    """The promised date and the rules that led to it."""
    start = datetime.fromisoformat(fact["start"])
    closed = {date.fromisoformat(day) for day in fact.get("closed", [])}

    def working(week: str) -> Callable[[date], bool]:
        return lambda day: day.weekday() < WEEKS[week] and day not in closed

    today, clock, cutoff = start.date(), f"{start:%H:%M}", fact["cutoff"]
    works = working(fact["legs"][0]["week"])
    if not works(today):
        rules, day = ["not a working day"], next_day(today, works)
    elif clock > cutoff:
        rules, day = ["after the cut-off"], next_day(today, works)
    else:
        rules, day = ["at the cut-off" if clock == cutoff else "before the cut-off"], today
    for leg in fact["legs"]:
        works = working(leg["week"])
        for _ in range(sum(leg["days"]) if leg["combine"] == "added" else max(leg["days"])):
            day = next_day(day, works)
    if "van" in fact and f"{day:%A}" not in fact["van"]:
        day = next_day(day, lambda other: f"{other:%A}" in fact["van"])
    if f"{day:%A}" == "Monday":
        rules.append(MONDAY_RULE)
        day = next_day(day, works)
    return day, [*rules, f"story: {fact['shape']}"]


def text_complaints(question: str, answer: date, fact: dict[str, Any]) -> list[str]:
    """What the text of one question lacks or gives away."""
    found = []
    start = datetime.fromisoformat(fact["start"])
    parts = [f"{say(start)} at {start:%H:%M}", fact["cutoff"], *(f"{name}s" for name in fact.get("van", []))]
    found += [f"the text does not say {part}" for part in parts if part not in question]
    numbers = sorted(days for leg in fact["legs"] for days in leg["days"])
    rest = WRITTEN_DAY.sub("", question).replace(f"{start:%H:%M}", "").replace(fact["cutoff"], "")
    if sorted(map(int, re.findall(r"\d+", rest))) != numbers:
        found.append(f"the numbers of days in the text are not {numbers}")
    days = [fact["start"][:10], *fact.get("closed", []), *([fact["earlier"]] if "earlier" in fact else [])]
    said = sorted(f"{name} {day}" for name, day in WRITTEN_DAY.findall(question))
    if said != sorted(say(date.fromisoformat(day)) for day in days):
        found.append(f"the days in the text are {said}")
    if any(leg["week"] == "Mon-Sat" for leg in fact["legs"]) != bool(re.search("Saturdays? |to Saturday", rest)):
        found.append("text and facts disagree whether Saturdays count")
    if f"{answer.day} {answer:%B}" in question:
        found.append("the answer is in the text")
    if leak := re.search(LEAKS, question):
        found.append(f"the text gives away {leak[0]!r}")
    return found


def check(folder: Path) -> list[str]:
    """Complaints about the pack in `folder`; empty when all is right."""
    lines = (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples: list[dict[str, str]] = [json.loads(line) for line in lines]
    facts: dict[str, dict[str, Any]] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    complaints = []
    if [example["id"] for example in examples] != list(facts):
        return ["examples.jsonl and facts.json do not have the same ids in the same order"]
    if len({example["answer"] for example in examples}) < len(examples):
        complaints.append("an answer occurs twice")
    counts = {split: Counter[str]() for split in ("train", "dev", "test")}
    for example in examples:
        fact = facts[example["id"]]
        day, rules = decide(fact)
        counts[example["split"]].update(rules)
        found = text_complaints(example["question"], day, fact)
        if example["answer"] != f"{day:%a} {day.isoformat()}":
            found.append(f"the answer is {example['answer']!r}, the rules say {day:%a} {day.isoformat()}")
        if not example["why"].endswith(f"written {example['answer']}."):
            found.append("`why` does not end with the answer")
        if ("Monday" in example["why"]) != (MONDAY_RULE in rules):
            found.append("`why` is wrong about Mondays")
        complaints += [f"{example['id']}: {complaint}" for complaint in found]
    for split, count in counts.items():
        if sum(split == example["split"] for example in examples) != 24:
            complaints.append(f"{split} does not have 24 examples")
        complaints += [
            f"{split}: rule `{rule}` occurs less than twice in train" for rule in count if counts["train"][rule] < 2
        ]
    return complaints
