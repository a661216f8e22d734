from pathlib import Path

import pytest

from agentopt.errors import MissingKey, UsageError
from agentopt.llm.base import LLM, Request
from agentopt.llm.manual import ManualLLM
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.resolve import resolve
from agentopt.llm.scripted import ScriptedLLM
from agentopt.llm.vllm import VLLM
from agentopt.testing.server import LoopbackServer
from tests.llm.conftest import KEY

ENVIRON = {"OPENAI_API_KEY": KEY}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("openai:gpt-5-mini", "openai:gpt-5-mini"),
        ("openai:org/model@v2", "openai:org/model@v2"),
        ("openai:m@http://127.0.0.1:8000/v1/", "openai:m@http://127.0.0.1:8000/v1"),
        ("openai:org/m:free@https://router.example/v1", "openai:org/m:free@https://router.example/v1"),
    ],
)
def test_openai_names_model_and_address(spec: str, name: str) -> None:
    llm = resolve(spec, environ=ENVIRON)
    assert isinstance(llm, OpenAILLM)
    assert llm.name == name


def test_address_of_the_environment_is_the_default() -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    assert resolve("openai:m", environ=environ).name == "openai:m@http://127.0.0.1:9/v1"


def test_address_of_the_specification_wins() -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    assert resolve("openai:m@http://127.0.0.1:8/v1", environ=environ).name == "openai:m@http://127.0.0.1:8/v1"


def test_key_of_the_environment_is_used(request_: Request) -> None:
    with LoopbackServer() as server:
        llm = resolve(f"openai:{server.model}@{server.url}", environ=ENVIRON)
        llm.complete(request_)
        assert isinstance(llm, OpenAILLM)
        llm.close()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_missing_key_is_found_at_the_start() -> None:
    with pytest.raises(MissingKey, match="OPENAI_API_KEY"):
        resolve("openai:gpt-5-mini", environ={})


def test_scripted_reads_the_file(tmp_path: Path, request_: Request) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text('"42"\n')
    llm = resolve(f"scripted:{path}")
    assert (llm.complete(request_).text, llm.answered_by) == ("42", "script:replies.jsonl")


def test_manual_names_the_folder(tmp_path: Path) -> None:
    assert isinstance(resolve(f"manual:{tmp_path}"), ManualLLM)


def test_replay_is_opened_by_the_layer_that_reads_traces() -> None:
    opened: list[str] = []

    def replays(trace: str) -> LLM:
        opened.append(trace)
        return ScriptedLLM([])

    resolve("replay:a/b.jsonl", replays=replays)
    assert opened == ["a/b.jsonl"]


def test_replay_without_that_layer_is_refused() -> None:
    with pytest.raises(UsageError, match="pass `replays`"):
        resolve("replay:a.jsonl")


def test_llm_passes_through() -> None:
    llm = ScriptedLLM([])
    assert resolve(llm) is llm


@pytest.mark.parametrize("spec", ["", "gpt-5-mini", "openai", "openai:", "anthropic:x", "scripted:", ":x"])
def test_unknown_specification_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(UsageError, match=r"`openai:gpt-5-mini`.*`vllm:.*`scripted:.*`manual:.*`replay:"):
        resolve(spec, environ=ENVIRON)


def test_something_that_is_no_model_is_named() -> None:
    with pytest.raises(UsageError, match="`llm` is a int"):
        resolve(5)  # type: ignore[arg-type]


def test_vllm_has_an_address_and_a_key_of_its_own(request_: Request) -> None:
    assert (
        resolve("vllm:org/m", environ={"OPENAI_BASE_URL": "http://h/v1"}).name == "vllm:org/m@http://127.0.0.1:8000/v1"
    )
    with LoopbackServer() as server:
        llm = resolve(f"vllm:{server.model}@{server.url}", environ={"VLLM_API_KEY": KEY, "OPENAI_API_KEY": "other"})
        llm.complete(request_)
        assert isinstance(llm, VLLM)
        llm.close()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_vllm_elsewhere_needs_no_key() -> None:
    assert resolve("vllm:m@http://gpu.example/v1", environ={}).name == "vllm:m@http://gpu.example/v1"


def test_responses_is_the_other_protocol_of_the_same_servers(request_: Request) -> None:
    assert resolve("responses:gpt-5-mini", environ=ENVIRON).name == "responses:gpt-5-mini"
    with LoopbackServer() as server:
        llm = resolve(f"responses:{server.model}@{server.url}", environ=ENVIRON)
        assert llm.complete(request_).text == "ok"
        assert isinstance(llm, OpenAILLM)
        llm.close()
    assert server.requests[0].path == "/v1/responses"
