"""Reading and filling prompt files, and finding the folders they lie in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import FormatError, UsageError
from agentopt.prompts import Prompt, load_prompt, prompt_names, read_prompt
from agentopt.shelf import shelf

FRONT = 'name = "p"\nversion = 2\nplaceholders = ["who"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "p.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_without_sections_has_one_called_text(tmp_path: Path) -> None:
    prompt = read_prompt(written(tmp_path, f"+++\n{FRONT}+++\nHello {{{{who}}}}.\n"))

    assert prompt == Prompt(name="p", version=2, placeholders=frozenset({"who"}), sections={"text": "Hello {{who}}.\n"})
    assert prompt.fill(who="☃") == "Hello ☃."


def test_sections_are_split_at_their_titles(tmp_path: Path) -> None:
    prompt = read_prompt(
        written(tmp_path, f'+++\n{FRONT}note = "n"\n+++\n=== system\nBe brief.\n=== user\nI am {{{{who}}}}.\n=== \n')
    )

    assert (prompt.fill("system"), prompt.fill("user", who="me"), prompt.note) == ("Be brief.", "I am me.\n===", "n")


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(f"+++\n{FRONT}+++\nHello {{{{who}}}}.\n".replace("\n", "\r\n").encode())

    assert read_prompt(path).fill(who="x") == "Hello x."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello", r"p\.md:1: a prompt starts with TOML"),
        ("", "starts with TOML"),
        ("+++\nname = 'p'\n", "starts with TOML"),
        ("+++\nname = \n+++\nHello", "starts with TOML"),
        ("+++\nversion = 1\nplaceholders = []\n+++\nHello", "`name` must be a str, got None"),
        ("+++\nname = 'p'\nversion = '1'\nplaceholders = []\n+++\nHello", "`version` must be a int, got '1'"),
        ("+++\nname = 'p'\nversion = 1\n+++\nHello", "`placeholders` must be a list"),
        (f"+++\n{FRONT}+++\nHello", r"says \['who'\], the text has \[\]"),
        (f"+++\n{FRONT}+++\n{{{{who}}}} {{{{what}}}}", r"the text has \['what', 'who'\]"),
    ],
)
def test_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(FormatError, match=said) as raised:
        read_prompt(path)

    assert str(raised.value).startswith(str(path))


def test_missing_file_is_a_format_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_prompt(tmp_path / "missing.md")


def filled(text: str, **values: str) -> str:
    return Prompt(name="p", version=1, placeholders=frozenset(), sections={"text": text}).fill(**values)


def test_values_are_not_searched_for_placeholders() -> None:
    assert filled("{{a}} {{b}}", a="{{b}}", b="{{a}}") == "{{b}} {{a}}"


def test_values_are_not_taken_for_patterns() -> None:
    assert filled("{{a}}", a=r"\1 \g<0> {0} $a") == r"\1 \g<0> {0} $a"


def test_placeholder_may_occur_twice() -> None:
    assert filled("{{a}}{{a}}", a="x") == "xx"


@pytest.mark.parametrize("text", ["{a}", "{{ a }}", "{{a-b}}", "{{}}"])
def test_other_braces_are_text(text: str) -> None:
    assert filled(text) == text


def test_missing_values_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"`p`: no value for \['a', 'b'\]"):
        filled("{{b}} {{a}} {{c}}", c="")


def test_missing_section_is_refused_with_those_there_are() -> None:
    prompt = Prompt(name="p", version=1, placeholders=frozenset(), sections={"user": "x"})

    with pytest.raises(UsageError, match=r"no section `text`; it has \['user'\]"):
        prompt.fill()


def test_blanks_around_a_value_are_kept() -> None:
    assert filled("{{a}}\n", a="  indented\n") == "  indented\n"


def test_text_above_the_first_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_prompt(written(tmp_path, f"+++\n{FRONT}+++\nLost {{{{who}}}}.\n=== user\nHello.\n"))


# shelf


def test_prompt_names_are_sorted_and_without_the_readme() -> None:
    names = prompt_names()

    assert names == sorted(names)
    assert "optoprime" in names
    assert "README" not in names


def test_unknown_prompt_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"`nope`; there are .*optoprime"):
        load_prompt("nope")


def test_prompt_is_read_once() -> None:
    assert load_prompt("optoprime") is load_prompt("optoprime")


@pytest.mark.parametrize("folder", ["prompts", "tasks"])
def test_shelf_holds_the_folder(folder: Any) -> None:
    assert any(shelf(folder).iterdir())


def test_folder_that_is_not_on_the_shelf_is_refused() -> None:
    nothing: Any = "nothing"

    with pytest.raises(UsageError, match="`nothing`"):
        shelf(nothing)
