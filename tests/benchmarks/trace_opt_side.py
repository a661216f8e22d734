"""The side of `trace-opt`, PyPI 0.1.3.x; run by the Python of an environment that has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

from tests.benchmarks.side import Side, serve

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise its import asks the network
with redirect_stdout(sys.stderr):  # its import prints
    import litellm  # type: ignore[import-not-found]
    from opto import trace  # type: ignore[import-not-found]
    from opto.optimizers.optoprime import OptoPrime  # type: ignore[import-not-found]
    from opto.trace.propagators.graph_propagator import GraphPropagator  # type: ignore[import-not-found]


class TraceOpt(Side):
    """Trace as its authors published it."""

    def node(self, value: Any) -> Any:
        return trace.node(value)

    def parameter(self, value: float, name: str) -> Any:
        return trace.node(value, name=name, trainable=True, constraint="must be in [-10, 10]")

    def bundle(self, function: Callable[..., Any], *, trainable: bool = False) -> Any:
        return trace.bundle(trainable=trainable)(function)

    def backward(self, output: Any, parameters: Sequence[Any]) -> None:
        # What `OptoPrime.step` does before it writes the prompt: `backward`, and the first lines of `summarize`.
        output.backward("better", retain_graph=True)
        propagator = GraphPropagator()
        sum(propagator.aggregate(p.feedback) for p in parameters)

    def backward_s(self, shape: str, size: int) -> float:
        self._graph = None  # its nodes keep feedback, so that every pass needs a graph of its own
        return super().backward_s(shape, size)

    def prompt(self, further: int) -> list[str]:
        f, parameters = self.problem(further)
        optimizer = OptoPrime(parameters, llm=_no_model)
        optimizer.zero_feedback()
        optimizer.backward(f, "f should be as small as possible")
        return list(optimizer.construct_prompt(optimizer.summarize()))

    def cl100k_tokens(self, texts: list[str]) -> int:
        """Tokens of `texts` by OpenAI's cl100k_base, of which litellm brings a copy."""
        return sum(len(litellm.encoding.encode(text)) for text in texts)


def _no_model(*_: Any, **__: Any) -> Any:
    raise AssertionError("only the prompt is wanted")


if __name__ == "__main__":
    serve(TraceOpt())
