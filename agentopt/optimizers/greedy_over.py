"""Searches that are known by the name of their proposer: `greedy` over it, with the defaults of its source."""

from __future__ import annotations

from agentopt.optimizers.greedy import Greedy
from agentopt.proposers.base import Proposer
from agentopt.proposers.directional import DirectionalProposer
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.proposers.textgrad import TextGradProposer


class OptoPrimeSearch(Greedy):
    """OptoPrime (arXiv:2406.16218): several proposals from one graph, the best of them kept if it is better.

    Args:
        proposer: an `OptoPrimeProposer` with settings of your own; any other is replaced by one with four candidates.
        minibatch, attempts: as in `greedy`.
    """

    name = "optoprime"

    def __init__(self, proposer: Proposer | None = None, *, minibatch: int = 6, attempts: int = 3) -> None:
        is_given = isinstance(proposer, OptoPrimeProposer)
        super().__init__(
            proposer if proposer and is_given else OptoPrimeProposer(candidates=4),
            minibatch=minibatch,
            attempts=attempts,
        )


class TextGradSearch(Greedy):
    """TextGrad (arXiv:2406.07496): criticism carried back along the graph; updates kept only if dev says so.

    Args:
        proposer: a `TextGradProposer` with settings of your own; any other is replaced by the usual one.
        minibatch, attempts: as in `greedy`; three instances as in the paper's prompt optimization.
    """

    name = "textgrad"

    def __init__(self, proposer: Proposer | None = None, *, minibatch: int = 3, attempts: int = 3) -> None:
        is_given = isinstance(proposer, TextGradProposer)
        super().__init__(
            proposer if proposer and is_given else TextGradProposer(), minibatch=minibatch, attempts=attempts
        )


class DirectionalSearch(Greedy):
    """Sequential optimization by directional feedback (arXiv:2405.16434): one step at a time, never downhill.

    Args:
        proposer: a `DirectionalProposer` with settings of your own; any other is replaced by the usual one.
        minibatch, attempts: as in `greedy`; five instances as in the paper's runs on text.
    """

    name = "directional"

    def __init__(self, proposer: Proposer | None = None, *, minibatch: int = 5, attempts: int = 3) -> None:
        is_given = isinstance(proposer, DirectionalProposer)
        super().__init__(
            proposer if proposer and is_given else DirectionalProposer(), minibatch=minibatch, attempts=attempts
        )
