"""OptoPrime's proposer: what it makes of replies, right or malformed, and what it asks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive, Candidate, Evaluation, Refusal
from agentopt.errors import BudgetExhausted, LLMError
from agentopt.feedback import Feedback
from agentopt.graph.subgraph import Evidence, propagate
from agentopt.llm.base import Message, Reply, Request
from agentopt.llm.recorded import RecordedLLM
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.sandbox.local import LocalSandbox
from agentopt.space import Space

GOOD = '{"reasoning": "five is right", "changes": {"x": 5}}'


@dataclass
class Scene:
    """One parent with evidence, a scripted model, and everything that was asked of it."""

    space: Space
    replies: Sequence[Scripted]
    budget: Budget = field(default_factory=Budget)
    requests: list[Request] = field(default_factory=list)
    archive: Archive = field(default_factory=Archive)

    def __post_init__(self) -> None:
        self.parent = self.archive.add(self.archive.candidate(self.space.values(), origin="start"))
        self.ledger = Ledger(self.budget)

    def propose(self, proposer: OptoPrimeProposer | None = None) -> list[Proposal]:
        llm = RecordedLLM(
            ScriptedLLM(self.replies),
            ledger=self.ledger,
            on_exchange=lambda exchange: self.requests.append(exchange.request),
            role="optimizer",
        )
        context = Context(
            archive=self.archive,
            space=self.space,
            objective="Make it five.",
            instances={"train": ("one",), "dev": ()},
            rng=Random(0),
            ledger=self.ledger,
            sandbox=LocalSandbox(),
            refuse=self.archive.refusals.append,
            llm=llm,
        )
        return (proposer or OptoPrimeProposer()).propose(context, [self.parent], [self.evidence()])

    def evidence(self) -> Evidence:
        output = sum(self.space.parameters.values(), ao.node(0)) if _is_numeric(self.space) else ao.node(0)
        return propagate(ao.node(output), Feedback(-1.0, "Not five."), instance="one")

    def changes(self) -> Mapping[str, Any]:
        (proposal,) = self.propose()
        return proposal.changes


def _is_numeric(space: Space) -> bool:
    return all(p.kind in ("number", "integer") for p in space.parameters.values())


def scene(*replies: Scripted, budget: Budget = Budget(), of: Sequence[ao.Parameter] = ()) -> Scene:
    given = of or [ao.Parameter(1, name="x", bounds=(0, 10))]
    return Scene(Space({str(p.name): p for p in given}), replies, budget)


@dataclass(frozen=True)
class Malformed:
    """A reply that broke Trace's parsers; its `value` is right, or its problem is quoted in a re-ask (`quotes`)."""

    name: str
    reply: str
    value: int | None = None
    quotes: str = ""


JSON_LIKE = [
    Malformed("clean", GOOD, 5),
    Malformed("json_fence", f"```json\n{GOOD}\n```", 5),
    Malformed("prose_around", f"I looked at the graph.\n\n{GOOD}\n\nThis should help.", 5),
    Malformed("index_in_the_name", '{"reasoning": "r", "changes": {"x:0": 5}}', quotes="x:0"),
    Malformed("trailing_comma", '{"reasoning": "r", "changes": {"x": 5,},}', 5),
    Malformed("single_quotes", "{'reasoning': 'r', 'changes': {'x': 5}}", 5),
    Malformed("raw_newline_in_a_string", '{"reasoning": "first\nsecond", "changes": {"x": 5}}', 5),
    Malformed("unescaped_quotes", '{"reasoning": "it said "no" to me", "changes": {"x": 5}}', quotes="cannot be read"),
    Malformed("truncated", '{"reasoning": "r", "changes": {"x": 5', quotes="the end of the reply"),
    Malformed("comment", '{"reasoning": "r", // my thoughts\n "changes": {"x": 5} // done\n}', 5),
    Malformed("name_without_index", '{"reasoning": "r", "changes": {"x": 5}}', 5),
    Malformed("thinking_with_braces_before", f"<think>maybe {{'x': 9}} or {{..}}</think>{GOOD}", 5),
    Malformed("prose_with_braces_after", f"{GOOD}\nNote that {{x}} is a set {{of things}}.", 5),
    Malformed(
        "two_code_fences",
        f'First I thought\n```json\n{{"changes": {{"x": 9}}}}\n```\nbut better is\n```json\n{GOOD}\n```',
        5,
    ),
    Malformed("terminate_in_the_reasoning", '{"reasoning": "TERMINATE is near", "changes": {"x": 5}}', 5),
]

TAG_LIKE = [
    Malformed(
        "tags_clean",
        "<reasoning>r</reasoning><variable><name>x</name><value>5</value></variable>",
        quotes="no JSON object",
    ),
    Malformed(
        "tags_in_a_fence", "```xml\n<variable><name>x</name><value>5</value></variable>\n```", quotes="no JSON object"
    ),
    Malformed("tags_without_reasoning", "<variable><name>x</name><value>5</value></variable>", quotes="no JSON object"),
    Malformed("tag_name_in_the_reasoning", '{"reasoning": "the <value> tag is not used", "changes": {"x": 5}}', 5),
    Malformed("nested_value_pair", "<value><value>5</value></value>", quotes="no JSON object"),
    Malformed("unclosed_reasoning_tag", f"<reasoning>so\n{GOOD}", 5),
    Malformed("attribute_style", '<variable name="x" type="int">5</variable>', quotes="no JSON object"),
    Malformed("tags_truncated", "<variable><name>x</name><value>5", quotes="no JSON object"),
    Malformed("case_of_tags", "<Variable><Name>x</Name><Value>5</Value></Variable>", quotes="no JSON object"),
    Malformed("bare_name", "x = 5", quotes="no JSON object"),
    Malformed("flat_json", '{"x": 5}', 5),
    Malformed("lone_value_in_the_text", "I would set <value> to 5.", quotes="no JSON object"),
    Malformed("terminate", "TERMINATE", quotes="no JSON object"),
    Malformed("expression_for_an_integer", '{"changes": {"x": "2+3"}}', quotes="2+3"),
    Malformed("number_as_text", '{"changes": {"x": "5"}}', 5),
    Malformed("number_with_spaces", '{"changes": {"x": "  5 "}}', 5),
    Malformed("empty", "", quotes="the reply is empty"),
]


def test_the_tables_are_the_two_lists_of_the_findings() -> None:
    assert (len(JSON_LIKE), len(TAG_LIKE)) == (15, 17)


@pytest.mark.parametrize("case", JSON_LIKE + TAG_LIKE, ids=lambda case: case.name)
def test_malformed_reply_gives_the_right_value_or_one_re_ask_that_quotes_the_problem(case: Malformed) -> None:
    made = scene(case.reply, GOOD)
    assert made.changes() == {"x": 5}
    assert len(made.requests) == (1 if case.value is not None else 2)
    if case.value is None:
        said = Message("assistant", case.reply) if case.reply else made.requests[0].messages[-1]
        assert made.requests[1].messages[-2] == said
        assert case.quotes in made.requests[1].messages[-1].content
        assert len(made.archive.refusals) == 1


def test_code_in_a_fence_is_taken_without_the_fence() -> None:
    code = ao.Parameter("def f():\n    return 1\n", name="f", kind="code")
    reply = '{"changes": {"f": "```python\\ndef f():\\n    return 5\\n```"}}'
    assert scene(reply, of=[code]).changes() == {"f": "def f():\n    return 5\n"}


def test_leading_spaces_of_a_prompt_are_kept() -> None:
    prompt = ao.Parameter("a", name="p")
    assert scene('{"changes": {"p": "  indented"}}', of=[prompt]).changes() == {"p": "  indented"}


def test_reasoning_of_the_model_is_kept() -> None:
    (proposal,) = scene(GOOD).propose()
    assert (proposal.reasoning, proposal.origin) == ("five is right", "optoprime")


def test_reasoning_that_is_no_text_does_not_spoil_the_values() -> None:
    (proposal,) = scene('{"reasoning": ["a", "b"], "changes": {"x": 5}}').propose()
    assert (proposal.changes, proposal.reasoning) == ({"x": 5}, "")


@pytest.mark.parametrize(
    ("reply", "quotes"),
    [
        ('{"changes": {"x": "False"}}', "'False' (str)"),
        ('{"changes": {"x": true}}', "True (bool)"),
        ('{"changes": {"x": [5]}}', "[5] (list)"),
        ('{"changes": {"x": {"value": 5}}}', "(dict)"),
        ('{"changes": {"x": 5.5}}', "5.5"),
        ('{"changes": {"x": 1e400}}', "finite"),
        ('{"changes": {"x": NaN}}', "NaN"),
        ('{"changes": {"x": 11}}', "from 0 to 10"),
        ('{"changes": {"x": -1}}', "from 0 to 10"),
        ('{"changes": {"y": 5}}', "there is no parameter `y`; the parameters are x"),
        ('{"changes": {"x": 5, "y": 5}}', "no parameter `y`"),
        ('{"changes": {"X": 5}}', "no parameter `X`"),
        ('{"changes": {"x": 1}}', "changes nothing"),
        ('{"changes": {"x": 5, "x": 6}}', "only once"),
        ('{"changes": [{"name": "x", "value": 5}]}', '"changes"'),
        ('{"suggestion": {"x": 5}}', '"changes"'),
        ('{"changes": "x = 5"}', '"changes"'),
        ("[5]", "expected one JSON object"),
        ('[{"x": 5}]', "expected one JSON object"),
    ],
)
def test_unusable_value_is_asked_for_again_with_the_reason(reply: str, quotes: str) -> None:
    made = scene(reply, GOOD)
    assert made.changes() == {"x": 5}
    assert quotes in made.requests[1].messages[-1].content


def test_a_proposal_is_all_or_nothing() -> None:
    parameters = [ao.Parameter(1, name="x", bounds=(0, 10)), ao.Parameter(1, name="z", bounds=(0, 3))]
    made = scene('{"changes": {"x": 5, "z": 9}}', '{"changes": {"x": 6}}', of=parameters)
    assert made.changes() == {"x": 6}


def test_all_problems_of_a_proposal_are_told_at_once() -> None:
    parameters = [ao.Parameter(1, name="x", bounds=(0, 10)), ao.Parameter(1, name="z", bounds=(0, 3))]
    made = scene('{"changes": {"x": 50, "z": 9}}', GOOD, of=parameters)
    made.propose()
    assert "`x`" in made.requests[1].messages[-1].content
    assert "`z`" in made.requests[1].messages[-1].content


def test_values_that_the_reply_repeats_unchanged_are_left_out() -> None:
    parameters = [ao.Parameter(1, name="x"), ao.Parameter(1, name="z")]
    assert scene('{"changes": {"x": 5, "z": 1}}', of=parameters).changes() == {"x": 5}


def test_null_leaves_a_parameter_as_it_is() -> None:
    parameters = [ao.Parameter(1, name="x"), ao.Parameter(1, name="z")]
    assert scene('{"changes": {"x": 5, "z": null}}', of=parameters).changes() == {"x": 5}


def test_null_is_a_value_where_it_is_a_choice() -> None:
    choice = ao.Parameter("a", name="c", choices=("a", None))
    assert scene('{"changes": {"c": null}}', of=[choice]).changes() == {"c": None}


@pytest.mark.parametrize("reply", ['{"reasoning": "all is well", "changes": {}}', '{"changes": {"x": null}}'])
def test_no_change_on_purpose_is_a_proposal_without_changes_and_is_not_re_asked(reply: str) -> None:
    made = scene(reply)
    assert made.changes() == {}
    assert len(made.requests) == 1


def test_values_beside_empty_changes_are_not_silently_dropped() -> None:
    made = scene('{"reasoning": "r", "x": 5, "changes": {}}', GOOD)
    assert made.changes() == {"x": 5}


def test_a_refusal_is_asked_again_in_the_models_words() -> None:
    made = scene(Reply(text="", refusal="I cannot help with boxes.", finish="refusal"), GOOD)
    assert made.changes() == {"x": 5}
    assert made.archive.refusals == [Refusal(parents=(0,), problem="The model refused: I cannot help with boxes.")]
    assert "I cannot help with boxes." in made.requests[1].messages[-1].content


def test_a_re_ask_holds_no_empty_message() -> None:
    made = scene(Reply(text="", refusal="No.", finish="refusal"), GOOD)
    made.propose()
    assert all(message.content for message in made.requests[1].messages)


def test_a_reply_that_was_cut_off_is_asked_again() -> None:
    made = scene(Reply(text=GOOD[: len(GOOD) // 2], finish="length"), GOOD)
    assert made.changes() == {"x": 5}
    assert len(made.requests) == 2


def test_re_asks_are_limited() -> None:
    made = scene(*["nothing of use"] * 9)
    assert made.propose(OptoPrimeProposer(again=2)) == []
    assert len(made.requests) == 3
    assert len(made.archive.refusals) == 3


def test_no_re_ask_where_none_is_wanted() -> None:
    made = scene("nothing of use", GOOD)
    assert made.propose(OptoPrimeProposer(again=0)) == []
    assert len(made.requests) == 1


def test_re_asks_are_counted_in_the_budget() -> None:
    made = scene("nothing of use", "nothing of use", GOOD, budget=Budget(llm_calls=2))
    with pytest.raises(BudgetExhausted, match="llm_calls"):
        made.propose()
    assert made.ledger.spent["llm_calls"] == 2


def test_a_re_ask_shows_only_the_last_reply() -> None:
    made = scene("first junk", "second junk", GOOD)
    made.propose()
    assert [m.content for m in made.requests[2].messages if m.role == "assistant"] == ["second junk"]


def test_a_model_that_does_not_answer_is_an_error_and_no_proposal() -> None:
    with pytest.raises(LLMError, match="down"):
        scene(LLMError("down")).propose()


def test_several_candidates_are_one_call_each() -> None:
    made = scene('{"changes": {"x": 5}}', '{"changes": {"x": 6}}')
    assert [p.changes for p in made.propose(OptoPrimeProposer(candidates=2))] == [{"x": 5}, {"x": 6}]


def test_one_unusable_candidate_does_not_spoil_the_others() -> None:
    made = scene("junk", '{"changes": {"x": 6}}')
    assert [p.changes for p in made.propose(OptoPrimeProposer(candidates=2, again=0))] == [{"x": 6}]


def tried(made: Scene, x: int, score: float, parent: int = 0) -> Candidate:
    candidate = made.archive.add(made.archive.candidate({"x": x}, parents=[parent]))
    made.archive.record(
        Evaluation(
            candidate=candidate.id, instance="one", split="train", status="ok", score=score, feedback=Feedback(score)
        )
    )
    return candidate


def asked(made: Scene, proposer: OptoPrimeProposer | None = None) -> str:
    made.propose(proposer)
    return made.requests[0].messages[1].content


def test_history_shows_earlier_candidates_best_first() -> None:
    made = scene(GOOD)
    tried(made, 2, -3.0)
    tried(made, 3, -2.0)
    text = asked(made)
    assert "- score -2: x = 3\n- score -3: x = 2" in text


def test_history_shows_refusals_of_the_parent() -> None:
    made = scene(GOOD)
    made.archive.refusals.append(Refusal(parents=(0,), problem="too large by far"))
    assert "- refused: too large by far" in asked(made)


def test_history_leaves_out_refusals_of_other_parents() -> None:
    made = scene(GOOD)
    made.archive.refusals.append(Refusal(parents=(7,), problem="too large by far"))
    assert "too large by far" not in asked(made)


def test_history_is_empty_at_the_start() -> None:
    assert "Tried before" not in asked(scene(GOOD))


def test_history_holds_no_more_than_memory() -> None:
    made = scene(GOOD)
    for x in range(2, 9):
        tried(made, x, float(x))
    assert asked(made, OptoPrimeProposer(memory=2)).count("- score") == 2


def test_history_can_be_switched_off() -> None:
    made = scene(GOOD)
    tried(made, 2, -3.0)
    assert "Tried before" not in asked(made, OptoPrimeProposer(memory=0))


def test_history_leaves_out_candidates_measured_on_other_inputs() -> None:
    made = scene(GOOD)
    made.archive.add(made.archive.candidate({"x": 2}, parents=[0]))
    assert "Tried before" not in asked(made)


def test_request_shows_objective_bounds_and_feedback() -> None:
    text = asked(scene(GOOD))
    for words in ("Make it five.", "from 0 to 10", "score = -1", "Not five."):
        assert words in text


def test_request_carries_a_schema_with_every_parameter() -> None:
    made = scene(GOOD)
    made.propose()
    schema = made.requests[0].schema
    assert schema is not None
    assert list(schema["properties"]["changes"]["properties"]) == ["x"]


def test_a_re_ask_keeps_schema_and_temperature() -> None:
    made = scene("junk", GOOD)
    made.propose(OptoPrimeProposer(temperature=0.5))
    assert made.requests[1].schema == made.requests[0].schema
    assert made.requests[1].temperature == 0.5


_PRINTS_DIGEST = """
import agentopt as ao
from agentopt.llm.base import Request
from agentopt.llm.scripted import ScriptedLLM

words = ao.Parameter({"tags": frozenset({"b", "a", "c"}), "n": 1}, name="words")
scale = ao.Parameter(2.0, name="scale", doc="how much")

class Thing:
    pass

@ao.bundle
def use(words, scale, thing):
    '''Uses them.'''
    return {"seen": set(words["tags"]), "scale": scale, "thing": thing}

def answer(request: Request) -> str:
    print(request.digest)
    return '{"changes": {"scale": 3.0}}'

def workflow():
    return use(words, scale, Thing())

ao.optimize(workflow, parameters=[words, scale], feedback=lambda out: (1.0, "so"), out=None,
            llm=ScriptedLLM([answer]), budget=ao.Budget(llm_calls=1))
"""


def test_request_is_the_same_in_two_processes_with_different_hash_seeds() -> None:
    digests = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _PRINTS_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.split()[0])
    assert digests[0] == digests[1]
