"""An event's JSON text is read as Python's own parser reads it."""

from __future__ import annotations

import json

import pytest

from agentopt.events import read_event, read_event_json

_DEEP = "[" * 300 + "]" * 300


@pytest.mark.parametrize(
    "value",
    [
        '"\\ud800"',
        '"\\ud83d\\ude00 é"',
        "123456789012345678901234567890",
        "0.1",
        "-0.0",
        "5e-324",
        "1.7976931348623157e308",
        "1e400",
        "true",
        "null",
        _DEEP,
    ],
    ids=lambda value: value[:12],
)
def test_every_value_is_read_as_by_json(value: str) -> None:
    text = f'{{"kind": "candidate_added", "candidate": 1, "values": {{"x": {value}}}, "written_later": 1}}'
    assert repr(read_event_json(text)) == repr(read_event(json.loads(text)))


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "Expecting value"), ('{"kind"', "delimiter"), ("[]", "dict"), ('{"kind": "asked"}', "trials")],
)
def test_what_is_no_event_is_a_value_error_that_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_event_json(text)
