import threading
from pathlib import Path

import pytest

from agentopt.errors import FormatError, LLMError, UsageError
from agentopt.llm.base import LLM, Reply, Request
from agentopt.llm.scripted import ScriptedLLM


def test_replies_come_in_order(request_: Request) -> None:
    llm = ScriptedLLM(["a", "b"])
    assert [llm.complete(request_).text for _ in range(2)] == ["a", "b"]


def test_function_answers_the_request(request_: Request) -> None:
    assert ScriptedLLM([lambda request: request.messages[-1].content]).complete(request_).text == "What is 6 times 7?"


def test_exception_is_raised(request_: Request) -> None:
    with pytest.raises(LLMError, match="down"):
        ScriptedLLM([LLMError("down")]).complete(request_)


def test_whole_reply_is_given_as_it_is(request_: Request) -> None:
    reply = Reply(text="half", finish="length")
    assert ScriptedLLM([reply]).complete(request_) is reply


def test_running_out_says_how_many_there_were(request_: Request) -> None:
    llm = ScriptedLLM(["a"], name="s")
    llm.complete(request_)
    with pytest.raises(LLMError, match="`scripted:s` held 1 replies"):
        llm.complete(request_)


def test_each_reply_is_given_once_to_many_threads(request_: Request) -> None:
    llm = ScriptedLLM([str(i) for i in range(200)])
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda: got.extend(llm.complete(request_).text for _ in range(25))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=int) == [str(i) for i in range(200)]


def test_file_holds_strings_and_objects(tmp_path: Path, request_: Request) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text('"eins ✓"\n\n{"reply": "two\\nlines", "note": "kept for people"}\n', encoding="utf-8")
    llm = ScriptedLLM.from_file(path)
    assert [llm.complete(request_).text for _ in range(2)] == ["eins ✓", "two\nlines"]


@pytest.mark.parametrize("line", ["{", "5", "[]", '{"reply": 5}', '{"answer": "a"}'])
def test_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(f'"a"\n{line}\n')
    with pytest.raises(FormatError, match=r"replies\.jsonl:2: "):
        ScriptedLLM.from_file(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none"):
        ScriptedLLM.from_file(tmp_path / "none.jsonl")


@pytest.mark.parametrize(("name", "answered_by"), [("", "script"), ("golden.jsonl", "script:golden.jsonl")])
def test_answers_are_called_scripted(name: str, answered_by: str) -> None:
    llm = ScriptedLLM([], name=name)
    assert isinstance(llm, LLM)
    assert llm.answered_by == answered_by
