"""How often a gate passes a child that changes nothing, and one that is better by 0.10 (scores of 0 and 1).

`changed` is the share of instances on which parent and child differ by chance alone: 0.2 is a model at a low
temperature, 0.5 a coin for each. The three-example gate of GEPA passes a child whose sum on three instances is higher.
As it is, it passes up to a third of the children that change nothing; so it is also taken at the error rate of the
proof: what passes is thinned at random until 5 % of those that change nothing are left. `many` spends as many
evaluations on one child as the proof does: one such gate after the other, and a binomial test of how many it passed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from agentopt.selection.acceptance import proves_better

GAIN = 0.10
ERROR_RATE = 0.05


@dataclass(frozen=True, kw_only=True)
class GateRates:
    """Shares of children that pass: without any gain (`false`) and with one (`power`)."""

    false: float
    power: float
    false_of_three_alone: float
    power_of_three_alone: float
    power_of_three: float
    power_of_many: float


def gate_rates(*, pairs: int, runs: int, changed: float) -> GateRates:
    """Rates of the proof, by simulation, and of three examples, exactly."""
    rates = [_passed(gain, pairs=pairs, runs=runs, changed=changed) for gain in (0.0, GAIN)]
    alone = [_three_win(gain, changed) for gain in (0.0, GAIN)]
    return GateRates(
        false=rates[0],
        power=rates[1],
        false_of_three_alone=alone[0],
        power_of_three_alone=alone[1],
        power_of_three=alone[1] * min(1.0, ERROR_RATE / alone[0]),
        power_of_many=_many(pairs // 3, *alone),
    )


def _odds(gain: float, changed: float) -> tuple[float, float]:
    """Chances that the child wins an instance, and that it loses one; no more of them differ than by chance."""
    return (changed + gain) / 2, (changed - gain) / 2


def _passed(gain: float, *, pairs: int, runs: int, changed: float) -> float:
    won, lost = _odds(gain, changed)
    count = 0
    for run in range(runs):
        rng = Random(f"{gain}:{run}")
        drawn = rng.choices((1.0, -1.0, 0.0), weights=(won, lost, 1 - won - lost), k=pairs)
        after = {str(n): step for n, step in enumerate(drawn)}
        count += proves_better(dict.fromkeys(after, 0.0), after, error_rate=ERROR_RATE)
    return count / runs


def _three_win(gain: float, changed: float) -> float:
    won, lost = _odds(gain, changed)
    same = 1 - won - lost
    return won**3 + 3 * won**2 * (same + lost) + 3 * won * same**2


def _many(gates: int, false: float, power: float) -> float:
    """Power of passing more of the gates than chance would let it, at `ERROR_RATE`, thinned at the limit."""

    def chances(rate: float) -> list[float]:
        return [math.comb(gates, k) * rate**k * (1 - rate) ** (gates - k) for k in range(gates + 1)]

    null, alternative = chances(false), chances(power)
    level, found = ERROR_RATE, 0.0
    for k in range(gates, -1, -1):
        share = min(1.0, level / null[k])
        found += share * alternative[k]
        level -= share * null[k]
        if level <= 0:
            break
    return found
