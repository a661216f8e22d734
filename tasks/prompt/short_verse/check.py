"""The forms as code: derives every answer from facts.json and compares facts and texts."""

import json
import re
from collections import Counter
from pathlib import Path

HAIKU = (5, 7, 5)
KATAUTA = (5, 7, 7)
FORMS = {"haiku": HAIKU, "tanka": (*HAIKU, 7, 7), "sedoka": KATAUTA * 2}


def check(folder: Path) -> list[str]:
    """Complaints about the pack in `folder`; empty when all is right."""
    lines = (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples: list[dict[str, str]] = [json.loads(line) for line in lines]
    facts: dict[str, dict[str, str]] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    if [example["id"] for example in examples] != list(facts):
        return ["examples.jsonl and facts.json do not have the same ids in the same order"]
    complaints = []
    if len({fact["subject"].lower() for fact in facts.values()}) < len(facts):
        complaints.append("a subject occurs twice")
    counts = {split: Counter[str]() for split in ("train", "dev", "test")}
    for example in examples:
        fact, question = facts[example["id"]], example["question"]
        counts[example["split"]][fact["form"]] += 1
        found = []
        if example["answer"] != "-".join(map(str, FORMS[fact["form"]])):
            found.append(f"the answer is {example['answer']!r}, which is no {fact['form']}")
        if [form for form in FORMS if re.search(rf"\b{form}\b", question)] != [fact["form"]]:
            found.append(f"the text does not ask for a {fact['form']}")
        if fact["subject"].lower() not in question.lower():
            found.append("the text does not say the subject")
        if leak := re.search(r"\d|syllable|lines?\b", question.lower().replace(fact["subject"].lower(), "")):
            found.append(f"the text gives away {leak[0]!r}")
        complaints += [f"{example['id']}: {complaint}" for complaint in found]
    complaints += [f"{split}: {dict(count)}" for split, count in counts.items() if count != counts["train"]]
    return complaints
