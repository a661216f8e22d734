"""Small worlds with a known answer, in which a search runs without a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.trainable import Parameter

WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jade", "kelp", "larch",
    "maple", "north", "olive", "pearl",
)  # fmt: skip
COMPONENTS = ("plan", "answer")


def text_of(words: list[str] | tuple[str, ...]) -> str:
    """The prompt that asks to mind these words; what the worlds' prompts look like."""
    return f"Mind: {', '.join(words)}."


def words_in(text: str) -> list[str]:
    """The words of a prompt, in order, each once, as far as the worlds know them."""
    found = (word.strip(".,:;!").lower() for word in text.split())
    return list(dict.fromkeys(word for word in found if word in WORDS))


@dataclass(frozen=True, kw_only=True)
class PromptWorld:
    """Two prompts under a hidden scorer: every instance asks for some words and is hurt by others.

    The score of an instance is the share of its wanted words that are there, less a quarter for each harmful one and
    a fiftieth for each word beyond six, at least 0. With `noise`, a score is replaced by a coin toss, which is always
    the same for the same prompts and instance. On half of the instances the feedback names a word that is missing.

    Args:
        train, dev: how many instances.
        noise: chance that a score says nothing.
        seed: of the hidden rules and of the noise.
    """

    train: int = 16
    dev: int = 24
    noise: float = 0.0
    seed: int = 0

    def settings(self) -> dict[str, Any]:
        """What `agentopt.optimize` is called with; its first argument is `workflow`."""
        prompts = {name: Parameter(text_of(()), name=name, kind="prompt") for name in COMPONENTS}

        @bundle
        def replied(plan: str, answer: str) -> str:
            """What both prompts make of the input."""
            return f"{plan}\n{answer}"

        def workflow() -> Any:
            return replied(**prompts)  # type: ignore[arg-type]  # parameters stand for their values

        return {
            "workflow": workflow,
            "parameters": list(prompts.values()),
            "examples": self.rows(),
            "feedback": self.judge,
            "out": None,
        }

    def rows(self) -> list[dict[str, Any]]:
        """The instances, with what each wants and what hurts it, by component."""
        rng = Random(f"prompt world:{self.seed}")
        useful = {name: rng.sample(WORDS, 6) for name in COMPONENTS}
        rows = []
        for number in range(self.train + self.dev):
            wants = {name: rng.sample(useful[name][:5], 2) for name in COMPONENTS}
            hurts = {name: [w for w in WORDS if w not in useful[name]][number % 5 :: 5] for name in COMPONENTS}
            split = "train" if number < self.train else "dev"
            rows.append({"id": f"{split}{number}", "split": split, "wants": wants, "hurts": hurts})
        return rows

    def judge(self, output: str, fields: Mapping[str, Any]) -> Feedback:
        """The score of both prompts on one instance, and perhaps a hint."""
        texts = dict(zip(COMPONENTS, output.split("\n")))
        rng = Random(f"{self.seed}:{output}:{fields['wants']}")
        if rng.random() < self.noise:
            return Feedback(float(rng.random() < 0.5), "Hard to say.")
        score, missing = self.score(texts, fields), self._missing(texts, fields)
        hint = f" It lacks {rng.choice(missing)}." if missing and rng.random() < 0.5 else ""
        return Feedback(score, f"Score {score:.2f}.{hint}")

    def score(self, texts: Mapping[str, str], fields: Mapping[str, Any]) -> float:
        """The score without noise, in [0, 1]."""
        got = {name: words_in(texts.get(name, "")) for name in COMPONENTS}
        wanted = sum(len(fields["wants"][name]) for name in COMPONENTS)
        found = wanted - len(self._missing(texts, fields))
        harm = sum(word in got[name] for name in COMPONENTS for word in fields["hurts"][name])
        beyond = sum(max(0, len(words) - 6) for words in got.values())
        return max(0.0, found / wanted - 0.25 * harm - 0.02 * beyond)

    def true_mean(self, values: Mapping[str, str]) -> float:
        """Mean score on dev without noise: what a search was really after."""
        rows = [row for row in self.rows() if row["split"] == "dev"]
        return sum(self.score(values, row) for row in rows) / len(rows)

    def _missing(self, texts: Mapping[str, str], fields: Mapping[str, Any]) -> list[str]:
        got = {name: words_in(texts.get(name, "")) for name in COMPONENTS}
        return [f"{word} in {name}" for name in COMPONENTS for word in fields["wants"][name] if word not in got[name]]


def mixed_settings(*, train: int = 4, dev: int = 4, has_scores: bool = True, fails: bool = False) -> dict[str, Any]:
    """What `agentopt.optimize` is called with for a number, an integer, a choice and a prompt that all matter.

    Args:
        train, dev: how many instances; one of train and none of dev is the smallest there is.
        has_scores: without, the feedback is words alone.
        fails: whether every run of the workflow fails.
    """
    amount = Parameter(0.9, name="amount", bounds=(0.0, 1.0))
    count = Parameter(1, name="count", bounds=(0, 9))
    colour = Parameter("red", name="colour", choices=("red", "green", "blue"))
    prompt = Parameter(text_of(()), name="prompt", kind="prompt")

    @bundle
    def made(amount: float, count: int, colour: str, prompt: str, shift: float) -> float:
        """How far all four are from the best, as a score."""
        if fails:
            raise RuntimeError("this workflow never works")
        return -((amount - 0.3 - shift) ** 2) - abs(count - 4) / 9 + (colour == "blue") + 0.2 * len(words_in(prompt))

    def workflow(shift: Any) -> Any:
        return made(amount, count, colour, prompt, shift)  # type: ignore[arg-type]  # parameters stand for their values

    def judge(score: float) -> Feedback:
        words = "Blue is good; more words help."
        return Feedback(score if has_scores else None, words, objectives={"brevity": -score})

    splits = ["train"] * train + ["dev"] * dev
    rows = [{"id": f"{s}{n}", "split": s, "shift": 0.01 * n} for n, s in enumerate(splits)]
    return {
        "workflow": workflow,
        "parameters": [amount, count, colour, prompt],
        "examples": rows,
        "feedback": judge,
        "out": None,
    }
