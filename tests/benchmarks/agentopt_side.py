"""The side of agentopt, with the measures that no peer has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import agentopt as ao
from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive
from agentopt.graph.render import RenderOptions, render
from agentopt.graph.showing import estimate_tokens
from agentopt.graph.subgraph import propagate
from agentopt.graph.tracing import Trace
from agentopt.llm.base import Request
from agentopt.llm.scripted import ScriptedLLM
from agentopt.proposers.base import Context
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.sandbox.local import LocalSandbox
from agentopt.space import Space
from tests.benchmarks.side import Side, cpu_s, serve


class AgentOpt(Side):
    """This checkout."""

    def node(self, value: Any) -> Any:
        return ao.node(value)

    def parameter(self, value: float, name: str) -> Any:
        return ao.Parameter(value, name=name, bounds=(-10, 10))

    def bundle(self, function: Callable[..., Any], *, trainable: bool = False) -> Any:
        return ao.bundle(trainable=trainable)(function)

    def backward(self, output: Any, parameters: Sequence[Any]) -> None:
        output.backward("better")

    def backward_s(self, shape: str, size: int) -> float:
        elapsed = super().backward_s(shape, size)
        for parameter in self._built(shape, size)[1]:
            parameter.zero_feedback()
        return elapsed

    def render_s(self, shape: str, size: int, max_tokens: int) -> float:
        """Seconds to render a graph under a budget.

        Raises:
            AssertionError: the text is longer than the budget.
        """
        evidence = propagate(self._built(shape, size)[0], "better")
        texts: list[str] = []
        elapsed = cpu_s(lambda: texts.append(render([evidence], RenderOptions(max_tokens=max_tokens))))
        tokens = estimate_tokens(texts[0])
        assert tokens <= max_tokens, f"{tokens} tokens under a budget of {max_tokens}"
        return elapsed

    def prompt(self, further: int) -> list[str]:
        f, parameters = self.problem(further)
        asked: list[Request] = []

        def answer(request: Request) -> str:
            asked.append(request)
            return '{"reasoning": "", "changes": {"x": 2.0}}'

        space, archive = Space({p.name: p for p in parameters}), Archive()
        parent = archive.add(archive.candidate(space.values(), origin="start"))
        context = Context(
            archive=archive,
            space=space,
            objective="Make f as small as possible.",
            instances={"train": ("f",), "dev": ()},
            rng=Random(0),
            ledger=Ledger(Budget()),
            sandbox=LocalSandbox(),
            refuse=archive.refusals.append,
            llm=ScriptedLLM([answer]),
        )
        evidence = propagate(f, "f should be as small as possible", instance="f")
        OptoPrimeProposer().propose(context, [parent], [evidence])
        return [message.content for message in asked[0].messages]

    def mixed_in_threads(self) -> int:
        """Of 32 runs traced in threads at once, how many hold anything of another's."""
        runs = [_Run(i) for i in range(32)]
        with ThreadPoolExecutor(32) as pool:
            traces = list(pool.map(lambda run: run.traced(), runs))
        return sum(run.is_mixed(trace) for run, trace in zip(runs, traces))

    def mixed_in_tasks(self) -> int:
        """Of 1,000 runs traced in asyncio tasks at once, how many hold anything of another's."""
        runs = [_Run(i) for i in range(1000)]

        async def together() -> list[Trace]:
            return list(await asyncio.gather(*(run.awaited() for run in runs)))

        traces = asyncio.run(together())
        return sum(run.is_mixed(trace) for run, trace in zip(runs, traces))


class _Run:
    """A run with a parameter of its own, read directly, inside a bundle unseen, and by a branch."""

    rounds = 20

    def __init__(self, number: int) -> None:
        self.start = ao.node(number)
        self.parameter = ao.Parameter(number, name="p")
        self.hidden = ao.Parameter(number, name="hidden")

    def traced(self) -> Trace:
        def workflow() -> Any:
            x: Any = self.start
            for _ in range(self.rounds):
                x = self._plus_hidden(x + self.parameter)
                assert x >= 0
            return x

        run: Trace = ao.trace(workflow)()
        return run

    async def awaited(self) -> Trace:
        async def workflow() -> Any:
            x: Any = self.start
            for _ in range(self.rounds):
                x = x + self.parameter
                await asyncio.sleep(0)
                x = await self._plus_hidden_later(x)
                assert x >= 0
            return x

        run: Trace = await ao.trace(workflow)()
        return run

    @ao.bundle
    def _plus_hidden(self, x: Any) -> Any:
        return x + self.hidden

    @ao.bundle
    async def _plus_hidden_later(self, x: Any) -> Any:
        y = x + self.hidden
        await asyncio.sleep(0)
        return y

    def is_mixed(self, run: Trace) -> bool:
        number = self.start._value
        graph = propagate(run.output, 0).subgraph
        return not (
            run.value == number * (1 + 2 * self.rounds)
            and {version.parameter for version in graph.parameters} == {self.parameter, self.hidden}
            and list(graph.inputs) == [self.start]
            and len(graph.nodes) == 2 * self.rounds
            and len(run.escapes) == self.rounds
        )


if __name__ == "__main__":
    serve(AgentOpt())
