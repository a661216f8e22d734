"""How the best score of a run rose: read from its record, and drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from agentopt.canonical import from_jsonable
from agentopt.events import Evaluated, RunStarted
from agentopt.store.sqlite import StoredEvent

_WIDTH, _HEIGHT, _LEFT, _EDGE = 480, 150, 64, 16


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A candidate at the moment when it was measured on the whole split that candidates are compared on.

    Args:
        evaluations: how many the run had made by then, on any split.
        best: the highest mean up to here.
    """

    evaluations: int
    candidate: int
    mean: float
    best: float


def curve_of(events: Iterable[StoredEvent]) -> list[CurvePoint]:
    """The best mean so far on dev or, where there is no dev, on train; without candidates that have no finite score."""
    split, whole = "train", 0
    scores: dict[int, dict[str, float]] = {}
    points: list[CurvePoint] = []
    count = 0
    for stored in events:
        match stored.event:
            case RunStarted(instances=instances):
                split = "dev" if instances.get("dev") else "train"
                whole = len(instances.get(split, ()))
            case Evaluated() as one:
                count += 1
                score = from_jsonable(one.score)
                if one.split != split or not isinstance(score, (int, float)) or not math.isfinite(score):
                    continue
                known = scores.setdefault(one.candidate, {})
                known[one.instance] = float(score)
                if len(known) >= whole:
                    mean = sum(known.values()) / len(known)
                    best = max(mean, points[-1].best) if points else mean
                    points.append(CurvePoint(evaluations=count, candidate=one.candidate, mean=mean, best=best))
    return points


def curve_svg(points: Sequence[CurvePoint], title: str) -> str:
    """A picture of the curve, readable in a light and in a dark scheme; without points, of the title alone."""
    last = points[-1].evaluations if points else 1
    means = [point.mean for point in points]
    low, high = (min(means), max(means)) if means else (0.0, 0.0)
    span = (high - low) or 1.0

    def x(evaluations: int) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _EDGE) * evaluations / last, 1)

    def y(score: float) -> float:
        return round(_HEIGHT - 30 - (_HEIGHT - 66) * (score - low) / span, 1)

    steps = "".join(f"H{x(p.evaluations)}V{y(p.best)}" for p in points)
    line = f'<path class="line" d="M{x(points[0].evaluations)} {y(points[0].best)}{steps}"/>' if points else ""
    dots = "".join(f'<circle cx="{x(p.evaluations)}" cy="{y(p.mean)}" r="3"/>' for p in points)
    labels = [(4, y(score) + 4, f"{score:.4g}") for score in ({low, high} if points else ())]
    labels += [(_LEFT, _HEIGHT - 6, f"best score so far, over {last} evaluations" if points else "nothing has a score")]
    words = "".join(f'<text x="{left}" y="{top}">{said}</text>' for left, top, said in labels)
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="agentopt-curve" {size}><style>{_STYLE}</style>'
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>{line}{dots}{words}'
        f'<text class="title" x="4" y="16">{escape(title)}</text></svg>'
    )


_STYLE = (
    ".agentopt-curve text{font:11px system-ui,sans-serif;fill:#59636e}.agentopt-curve .title{font-weight:600}"
    ".agentopt-curve .paper{fill:#fff}.agentopt-curve .line{fill:none;stroke:#0a56c2;stroke-width:2}"
    ".agentopt-curve circle{fill:#0a56c2}@media(prefers-color-scheme:dark){.agentopt-curve .paper{fill:#0d1117}"
    ".agentopt-curve text{fill:#9da7b3}.agentopt-curve .line{stroke:#6cb0ff}.agentopt-curve circle{fill:#6cb0ff}}"
)
