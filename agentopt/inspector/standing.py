"""How far a run is, counted event by event."""

from __future__ import annotations

from agentopt.canonical import from_jsonable
from agentopt.events import Asked, CandidateAdded, Evaluated, Event, Exchanged, Resumed, RunStarted


class Standing:
    """How far a run is: the best score, and what was spent of which limits."""

    def __init__(self) -> None:
        self.limits: dict[str, float] = {}
        self.spent = {"evaluations": 0.0, "asks": 0.0, "llm_calls": 0.0, "tokens": 0.0}
        self.best: float | None = None
        self._start: float | None = None
        self._compared: frozenset[str] = frozenset()
        self._scores: dict[int, dict[str, float]] = {}

    def take(self, event: Event) -> None:
        """Counts an event."""
        match event:
            case RunStarted():
                self.limits = {k: float(v) for k, v in event.settings.get("budget", {}).items()}
                self._compared = frozenset(event.instances.get("dev") or event.instances.get("train") or [])
            case Resumed():
                self.limits = dict(event.budget)
            case CandidateAdded():
                self._scores[event.candidate] = {}
            case Asked():
                self.spent["asks"] += len(event.trials) + event.rejected
            case Evaluated():
                self._take_evaluation(event)
            case Exchanged():
                reply = event.exchange.get("reply") or {}
                if reply.get("cached"):
                    return
                usage = reply.get("usage") or {}
                self.spent["llm_calls"] += 1
                self.spent["tokens"] += (usage.get("prompt_tokens") or 0) + (usage.get("completion_tokens") or 0)

    def _take_evaluation(self, event: Evaluated) -> None:
        self.spent["evaluations"] += event.status != "unmeasured" and event.taken_from is None
        score, scores = from_jsonable(event.score), self._scores.setdefault(event.candidate, {})
        if event.instance not in self._compared or not isinstance(score, (int, float)):
            return
        scores[event.instance] = score
        if len(scores) < len(self._compared):
            return
        mean = sum(scores.values()) / len(scores)
        if event.candidate == 0:
            self._start = mean
        self.best = mean if self.best is None else max(self.best, mean)

    def __str__(self) -> str:
        parts = []
        if self.best is not None:
            is_start = self._start is None or self._start == self.best
            parts.append(f"best {self.best:.4g}" + ("" if is_start else f" (start {self._start:.4g})"))
        parts.append(f"{len(self._scores)} candidates")
        for name, amount in self.spent.items():
            limit = f"/{self.limits[name]:g}" if name in self.limits else ""
            if limit or (amount and name != "asks"):
                parts.append(f"{amount:g}{limit} {name.replace('_', ' ')}")
        return ", ".join(parts)
