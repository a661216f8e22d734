"""From words to a verified model: traced pipelines whose instructions are parameters.

A model writes a program or a document under an instruction; its optimization model is solved and verified outside;
what was found goes back for a repair, a few times. With several samples there is a vote, with more effort a
comparison with the words. The label of a problem is never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from agentopt.adapters.answer import Answer
from agentopt.adapters.benchmarks import read_problems
from agentopt.adapters.consensus import SameModel, same_optimum
from agentopt.adapters.effort import Effort, LevelName, PipelineName, effort_of
from agentopt.adapters.grading import grade
from agentopt.adapters.labels import with_labels
from agentopt.adapters.repairs import is_kept, wants_repair
from agentopt.adapters.routes import ROUTES, LibraryName, RouteName
from agentopt.adapters.steps import (
    Hints,
    choose,
    compare_checked,
    consult,
    contradict,
    describe,
    formulate,
    keep_better,
    repair_draft,
    run_and_verify,
    understand,
    write_checker,
    write_draft,
)
from agentopt.errors import UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.node import detach
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import Split, as_instances
from agentopt.llm.base import LLM
from agentopt.prompts import load_prompt
from agentopt.space import Space
from agentopt.task import Task

PRELOAD = ("numpy", "agentopt.modeling.capture.gurobi.dialect")
"""Not highspy: a program may import OR-Tools, and one process cannot hold both."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How problems are solved.

    Args:
        route: how a model is written down.
        library: what the programs of the route `code` are asked to be written with.
        level: how much is spent on a problem; see `effort.LEVELS`.
        pipeline, samples: in place of the level's own; see `effort.effort_of`.
        attempts: drafts per sample, the first one included.
        hints: consulted before anything is written; a record cannot hold it, so a replay needs it again.
        same_model: whether two answers are of one model, for the vote.

    Raises:
        UsageError: a name that is none, or a number below 1.
    """

    route: RouteName = "code"
    library: LibraryName = "gurobipy"
    level: LevelName = "fast"
    pipeline: PipelineName | None = None
    samples: int | None = None
    attempts: int = 3
    hints: Hints | None = None
    same_model: SameModel = same_optimum

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise UsageError(f"there is no route `{self.route}`; there are {', '.join(ROUTES)}")
        if self.library not in get_args(LibraryName):
            raise UsageError(f"programs are asked for in {', '.join(get_args(LibraryName))}, not in `{self.library}`")
        if self.attempts < 1:
            raise UsageError(f"`attempts` is {self.attempts}; expected 1 or more")
        self.effort  # noqa: B018  raises for a level or pipeline that is none

    @property
    def effort(self) -> Effort:
        """What the level and the settings in its place come to."""
        return effort_of(self.level, self.pipeline, self.samples)

    def to_json(self) -> dict[str, Any]:
        """The settings that are not the usual ones, for a record."""
        named = ("route", "level", "pipeline", "samples")
        usual = Plan()
        return {name: getattr(self, name) for name in named if getattr(self, name) != getattr(usual, name)}


def pipeline_task(
    path: Path,
    *,
    ids: Sequence[str] | None = None,
    split: Split | None = None,
    format_name: str | None = None,
    labels: Path | None = None,
    plan: Plan | None = None,
    **settings: Any,
) -> Task:
    """A task from a file of problems in words.

    The usual file is JSON Lines with `question`; `answer` (a number, or null where infeasible or unbounded is right);
    optionally `answer_set` (several defensible numbers), `id`, `problem_type`. Without `answer` the problem has no
    label, and no score. Files of public benchmarks are read as they are; see `benchmarks.FORMATS`.

    Args:
        ids: only these problems.
        split: put all problems into one split, instead of dealing them.
        format_name: of the file; told from its first row where not given.
        labels: JSON Lines of labels to take instead; see `labels.with_labels`.
        plan: how problems are solved.
        settings: those of `Plan`, where no plan is given.

    Raises:
        FormatError: a line lacks `question`, or its `answer` is no number; names file and line.
        UsageError: an id is not in the file, or a setting cannot work.
    """
    plan = plan or _plan(settings)
    rows = read_problems(path, format_name)
    if ids is not None:
        if unknown := [i for i in ids if i not in {str(row["id"]) for row in rows}]:
            raise UsageError(f"{path} has no problems with the ids {unknown}")
        rows = [row for row in rows if str(row["id"]) in set(ids)]
    if labels is not None:
        rows = with_labels(rows, labels)
    parameters = _parameters(plan)
    policy: Any = wants_repair
    if plan.effort.is_compared:
        policy = bundle(trainable=True)(wants_repair)
        parameters["wants_repair"] = policy.code
    named = {"format_name": format_name, "labels": None if labels is None else str(labels)}
    return Task(
        name=f"modeling/{path.stem}",
        workflow=trace(_workflow(plan, parameters, policy)),
        space=Space(parameters),
        instances=as_instances(rows, origin=f"{path}: problem", default_split=split),
        feedback=grade,
        objective=_objective(plan),
        failure_score=0.0,
        target=1.0,
        reference={
            "kind": "modeling",
            "instances": str(path),
            "ids": None if ids is None else list(ids),
            "attempts": plan.attempts,
            "split": split,
            **{key: value for key, value in named.items() if value is not None},
            **({"library": plan.library} if plan.route == "code" else {}),
            **plan.to_json(),
        },
        runs_code=True,
        preload=PRELOAD,
    )


def _objective(plan: Plan) -> str:
    """What the optimizer of the plan's parameters is told."""
    if plan.to_json():
        return load_prompt("modeling_plan_objective").fill(draft=ROUTES[plan.route].draft)
    return load_prompt("modeling_pipeline_objective").fill()


def _plan(settings: Mapping[str, Any]) -> Plan:
    try:
        return Plan(**settings)
    except TypeError as error:
        raise UsageError(f"no such setting of a pipeline: {error}") from None


def _parameters(plan: Plan) -> dict[str, Parameter]:
    """The instructions that the plan's steps read."""
    effort = plan.effort
    route = ROUTES[plan.route]
    instruction = route.instruction(plan.library)
    texts = {"instruction": (instruction, f"says how to write the {route.draft}, before each problem")}
    if "staged" in effort.styles:
        staged = load_prompt("modeling_staged")
        texts["understanding"] = (staged.fill("understanding"), "says how to read a problem, before it is modeled")
        texts["formulation"] = (staged.fill("formulation"), "says how to write the mathematics, before the model")
    if effort.is_checked:
        checking = load_prompt("modeling_checker").fill("instruction")
        texts["checking"] = (checking, "says how to write a checker of single decisions from the words alone")
    if effort.is_retold:
        judging = load_prompt("modeling_back_translation").fill("instruction")
        texts["judging"] = (judging, "says how to find contradictions between problem and described model")
    return {name: Parameter(text, name=name, doc=doc) for name, (text, doc) in texts.items()}


def _workflow(plan: Plan, parameters: Mapping[str, Parameter], policy: Callable[..., Any]) -> Any:
    solver = _Solver(plan, parameters, policy)

    def solve_in_words(question: str, llm: LLM) -> Any:
        notes = consult(question, plan.hints) if plan.hints else ""
        answers = [solver.sample(style, question, notes, llm) for style in plan.effort.styles]
        answer = answers[0] if len(answers) == 1 else choose(answers, plan.effort.styles, plan.same_model)
        return solver.reviewed(answer, question, llm)

    return solve_in_words


class _Solver:
    """The steps of one plan; all arguments that hold values of a problem are nodes."""

    def __init__(self, plan: Plan, parameters: Mapping[str, Any], policy: Callable[..., Any]) -> None:
        self._plan = plan
        self._texts = parameters
        self._policy = policy

    def sample(self, style: str, question: Any, notes: Any, llm: LLM) -> Any:
        """One answer: a draft in the given style, and its repairs."""
        words: Any = question
        if style == "staged":
            understood = understand(self._texts["understanding"], question, notes, llm)
            words = formulate(self._texts["formulation"], question, understood, llm)
        draft = write_draft(self._texts["instruction"], words, notes, self._plan.route, llm)
        answer = self._examined(draft, question)
        asked: set[tuple[str, str]] = set()
        for _ in range(self._plan.attempts - 1):
            if not self._wants_repair(answer.value, asked):
                break
            asked |= {f.key for f in answer.value.findings if f.is_question}
            again: Any = repair_draft(self._texts["instruction"], words, answer, self._plan.route, llm)
            if again.value == answer.value.draft:
                break
            found = self._examined(again, question)
            if not is_kept(answer.value, found.value):
                break  # the same request would follow
            answer = found
        return answer

    def reviewed(self, answer: Any, question: Any, llm: LLM) -> Any:
        """The answer after the checks that ask a model, repaired once if that clears what they found."""
        effort = self._plan.effort
        if not (effort.is_checked or effort.is_retold) or answer.value.model is None:
            return answer
        checker = write_checker(self._texts["checking"], question, answer, llm) if effort.is_checked else ""
        answer = self._checked(answer, checker, question, llm)
        if not answer.value.warnings:
            return answer
        again: Any = repair_draft(self._texts["instruction"], question, answer, self._plan.route, llm)
        if again.value == answer.value.draft:
            return answer
        found = self._checked(self._examined(again, question), checker, question, llm)
        return keep_better(answer, found)

    def _wants_repair(self, answer: Answer, asked: Set[tuple[str, str]]) -> bool:
        questions = [f.text for f in answer.findings if f.is_question and f.key not in asked]
        found: Any = self._policy(answer.status, answer.verdict, [f.text for f in answer.warnings], questions)
        return bool(detach(found))

    def _examined(self, draft: Any, question: Any) -> Any:
        return run_and_verify(draft, question, self._plan.route, self._plan.effort.is_compared)

    def _checked(self, answer: Any, checker: Any, question: Any, llm: LLM) -> Any:
        answer = compare_checked(answer, checker)
        if self._plan.effort.is_retold:
            answer = contradict(self._texts["judging"], question, describe(answer, llm), answer, llm)
        return answer
