"""Which of many solutions to trust, from a matrix of who passes which test, or from their outputs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence


def b4(passes: Sequence[Sequence[bool]], *, prior: float | None = None, wrong_prior: float | None = None) -> list[int]:
    """The solutions that are most likely right where the tests may be wrong too, in order.

    Every set of solutions that pass the same tests is a hypothesis: they are right, and so are the tests they pass.
    The returned one has the highest posterior; any of its solutions is as good as the others.

    Args:
        passes: by solution, then by test. Leave out solutions that do not run.
        prior: how common right solutions and tests are, as Beta(prior, 1); 10 for small matrices where not given,
            growing with the matrix to 1,000 at 50,000 entries.
        wrong_prior: how seldom a wrong solution passes a wrong test, as Beta(1, wrong_prior); 10, growing to 10,000.

    Source: "B4: Towards Optimal Assessment of Plausible Code Solutions with Plausible Tests", arXiv:2409.08692.
    """
    if not passes:
        return []
    if not passes[0]:
        return list(range(len(passes)))
    grown = _growth(len(passes) * len(passes[0]))
    alpha = prior if prior is not None else 10.0 * 100.0**grown
    beta = wrong_prior if wrong_prior is not None else 10.0 * 1000.0**grown
    groups: dict[tuple[bool, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(passes):
        groups[tuple(bool(x) for x in row)].append(place)
    patterns = [p for p in groups if any(p)] or list(groups)
    return groups[max(patterns, key=lambda pattern: log_posterior(passes, pattern, alpha, beta))]


def log_posterior(passes: Sequence[Sequence[bool]], pattern: Sequence[bool], alpha: float, beta: float) -> float:
    """Logarithm of the posterior, up to a constant, that the solutions with this pattern are the right ones."""
    wrong = [row for row in passes if tuple(map(bool, row)) != tuple(pattern)]
    right, tests = len(passes) - len(wrong), len(pattern)
    true_tests = sum(pattern)
    on_true = sum(bool(x) for row in wrong for x, is_true in zip(row, pattern) if is_true)
    on_false = sum(bool(x) for row in wrong for x, is_true in zip(row, pattern) if not is_true)
    all_true, all_false = len(wrong) * true_tests, len(wrong) * (tests - true_tests)
    return (
        _log_beta(right + alpha, len(wrong) + 1)
        + _log_beta(true_tests + alpha, tests - true_tests + 1)
        + _log_beta(on_true + 1, all_true - on_true + 1)
        + _log_beta(on_false + 1, all_false - on_false + beta)
    )


def consensus(outputs: Sequence[Sequence[str | None]], vetoed: Sequence[bool] = ()) -> list[float]:
    """How much each solution agrees with the others, over all cases; higher is better.

    Args:
        outputs: by solution, then by case, in a canonical form; `None` where it failed. A case that all
            fail is left out.
        vetoed: by solution, whether it breaks a test that is known to be right.

    Returns:
        Per solution: for each case the number of others with the same output, less 100 where it failed; less 10,000
        where it is vetoed.

    Source: functional consensus of FunCoder, arXiv:2405.20092.
    """
    scores = [-10_000.0 if place < len(vetoed) and vetoed[place] else 0.0 for place in range(len(outputs))]
    for case in zip(*outputs, strict=True):
        if any(output is not None for output in case):
            for place, output in enumerate(case):
                scores[place] += -100.0 if output is None else case.count(output) - 1
    return scores


def _growth(entries: int) -> float:
    """0 up to 1,000 entries, 1 from 50,000 on, in between by the logarithm."""
    return min(max(math.log(max(entries, 1) / 1000) / math.log(50), 0.0), 1.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
