import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentopt.errors import LLMError, UsageError
from agentopt.llm.base import LLM, Message, Request
from agentopt.llm.manual import ManualLLM


def manual(folder: Path, timeout_s: float = 5.0) -> ManualLLM:
    return ManualLLM(folder, poll_s=0.005, timeout_s=timeout_s)


@contextmanager
def person(folder: Path, text: str = "answer to {}") -> Iterator[None]:
    """Someone who answers every request in `folder` by writing another file and renaming it."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.002):
            for question in folder.glob("*.request.md"):
                reply = folder / question.name.replace(".request.md", ".reply.txt")
                if not reply.exists():
                    draft = reply.with_suffix(".draft")
                    draft.write_text(text.format(question.name[:4]), encoding="utf-8")
                    draft.rename(reply)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def asks(text: str) -> Request:
    return Request(messages=(Message("user", text),))


def test_reply_is_the_text_of_the_file(tmp_path: Path, request_: Request) -> None:
    with person(tmp_path, "  forty two ✓\n"):
        assert manual(tmp_path).complete(request_).text == "  forty two ✓"


def test_request_file_is_for_people(tmp_path: Path) -> None:
    request = Request(
        messages=(Message("system", "Be brief."), Message("user", "What?")),
        schema={"type": "object", "description": "not ```"},
        schema_name="point",
        temperature=0.5,
    )
    with person(tmp_path):
        manual(tmp_path).complete(request)
    name = f"0001-{request.digest[:8]}"
    assert (tmp_path / f"{name}.request.md").read_text(encoding="utf-8") == (
        f"# Request {name}\n\n"
        f"Write the reply to `{name}.reply.txt` in this folder: the bare answer in UTF-8, not empty. "
        "It is read as soon as it stops growing; to be safe, write another file and rename it.\n\n"
        f"Digest: {request.digest}\n\n"
        "Settings: temperature 0.5\n\n"
        "## system\n\nBe brief.\n\n"
        "## user\n\nWhat?\n\n"
        "## schema `point` of the reply\n\n"
        '````json\n{\n  "type": "object",\n  "description": "not ```"\n}\n````\n'
    )


def test_reply_that_still_grows_is_awaited(tmp_path: Path) -> None:
    reply = tmp_path / f"0001-{asks('a').digest[:8]}.reply.txt"

    def write_slowly() -> None:
        with reply.open("w") as file:
            for part in range(10):
                file.write(str(part))
                file.flush()
                time.sleep(0.02)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    try:
        assert ManualLLM(tmp_path, poll_s=0.3, timeout_s=5).complete(asks("a")).text == "0123456789"
    finally:
        writer.join()


def test_empty_reply_is_not_yet_one(tmp_path: Path) -> None:
    (tmp_path / f"0001-{asks('a').digest[:8]}.reply.txt").touch()
    with pytest.raises(LLMError, match=r"no reply in .*0001-.*\.reply\.txt` within 0\.05 s"):
        manual(tmp_path, timeout_s=0.05).complete(asks("a"))


def test_numbers_go_on_in_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "0041-00000000.request.md").write_text("someone else's")
    with person(tmp_path):
        assert manual(tmp_path).complete(asks("a")).text == "answer to 0042"


def test_interrupted_run_goes_on_with_the_replies_it_has(tmp_path: Path) -> None:
    with person(tmp_path):
        first = [
            manual_reply.text for manual_reply in map(manual(tmp_path).complete, [asks("a"), asks("b"), asks("a")])
        ]
    again = manual(tmp_path, timeout_s=0.5)
    assert [again.complete(asks(text)).text for text in ("a", "b", "a")] == first
    assert len(list(tmp_path.glob("*.request.md"))) == 3


def test_request_that_waits_for_its_reply_is_not_written_again(tmp_path: Path) -> None:
    with pytest.raises(LLMError):
        manual(tmp_path, timeout_s=0.02).complete(asks("a"))
    with person(tmp_path):
        assert manual(tmp_path).complete(asks("a")).text == "answer to 0001"


def test_same_request_twice_is_asked_twice(tmp_path: Path) -> None:
    llm = manual(tmp_path)
    with person(tmp_path):
        assert [llm.complete(asks("a")).text for _ in range(2)] == ["answer to 0001", "answer to 0002"]


def test_threads_get_numbers_of_their_own(tmp_path: Path) -> None:
    llm = manual(tmp_path)
    got: list[str] = []
    with person(tmp_path):
        threads = [threading.Thread(target=lambda: got.append(llm.complete(asks("a")).text)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(got) == [f"answer to {n:04d}" for n in range(1, 9)]


def test_reply_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / f"0001-{asks('a').digest[:8]}.reply.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LLMError, match=r"reply\.txt` is not UTF-8"):
        manual(tmp_path).complete(asks("a"))


def test_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        manual(tmp_path / "file").complete(asks("a"))


def test_it_is_called_manual_wherever_its_folder_is(tmp_path: Path) -> None:
    llm = manual(tmp_path)
    assert isinstance(llm, LLM)
    assert (llm.name, llm.answered_by) == ("manual", "manual")
