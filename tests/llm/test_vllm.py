from typing import Any

import pytest

from agentopt.errors import MissingKey, ModelUnavailable, UsageError
from agentopt.llm.base import LLM, Message, Request
from agentopt.llm.vllm import VLLM
from agentopt.testing.faults import Fault
from agentopt.testing.server import LoopbackServer

ASKED = (Message("user", "hi"),)


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"regex": "[0-9]+"}, {"regex": "[0-9]+"}),
        ({"grammar": 'root ::= "a"'}, {"grammar": 'root ::= "a"'}),
        ({"choices": ("yes", "no")}, {"choice": ["yes", "no"]}),
    ],
)
def test_constraint_goes_out_as_structured_outputs(settings: dict[str, Any], sent: dict[str, Any]) -> None:
    with LoopbackServer() as server:
        llm = VLLM(server.model, base_url=server.url)
        llm.complete(Request(messages=ASKED, **settings))
        llm.close()
    assert server.requests[0].body["structured_outputs"] == sent
    assert "authorization" not in server.requests[0].headers


def test_schema_samples_seed_and_logprobs_go_out_as_to_any_server() -> None:
    with LoopbackServer() as server:
        llm = VLLM(server.model, base_url=server.url)
        reply = llm.complete(Request(messages=ASKED, schema={"type": "object"}, n=4, seed=7, logprobs=0, max_tokens=9))
        llm.close()
    assert len(reply.samples) == 4
    assert [t.top for t in reply.logprobs] == [()]
    assert server.requests[0].body == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "hi"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": {"type": "object"}, "strict": True},
        },
        "max_tokens": 9,
        "seed": 7,
        "n": 4,
        "logprobs": True,
        "top_logprobs": 0,
    }


def test_model_that_is_not_served_names_those_that_are() -> None:
    with LoopbackServer(model="served") as server:
        llm = VLLM("other", base_url=server.url)
        with pytest.raises(ModelUnavailable, match=r"does not serve the model `other` .*; it serves `served`"):
            llm.complete(Request(messages=ASKED))
        llm.close()


def test_key_that_is_wanted_is_named() -> None:
    with LoopbackServer(faults={1: Fault(kind="status", status=401, message="Unauthorized")}) as server:
        llm = VLLM(server.model, base_url=server.url)
        with pytest.raises(MissingKey, match="Unauthorized; set VLLM_API_KEY"):
            llm.complete(Request(messages=ASKED))
        llm.close()


def test_it_is_a_model_with_every_capability() -> None:
    llm = VLLM("org/m")
    assert isinstance(llm, LLM)
    assert llm.name == "vllm:org/m@http://127.0.0.1:8000/v1"
    assert llm.answered_by.startswith("model:org/m@20")
    assert llm.capabilities == {"json_schema", "seed", "n", "logprobs", "regex", "grammar", "choices"}


def test_responses_protocol_is_refused_with_the_way_to_have_it() -> None:
    with pytest.raises(UsageError, match="use `responses:<model>@<url>`"):
        VLLM("m", api="responses")
