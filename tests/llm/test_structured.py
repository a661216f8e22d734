import contextlib
import json
import re
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentopt.errors import ProposalError
from agentopt.llm.structured import ReplyFormatError, extract_json

FIVE = {"x0": 5}

READABLE: dict[str, tuple[str, Any]] = {
    # replies that break the parsers of Trace, those that are JSON or nearly so
    "clean": ('{"reasoning": "r", "suggestion": {"x0": 5}}', {"reasoning": "r", "suggestion": FIVE}),
    "json fence": ('```json\n{"x0": 5}\n```', FIVE),
    "prose around": ('Sure, here it is: {"x0": 5}. Good luck!', FIVE),
    "name with colon": ('{"x:0": 5}', {"x:0": 5}),
    "name without index": ('{"x": 5}', {"x": 5}),
    "trailing comma": ('{"suggestion": {"x0": 5,}, "list": [1, 2,],}', {"suggestion": FIVE, "list": [1, 2]}),
    "single quotes": ("{'x0': 5}", FIVE),
    "raw newline in string": ('{"code": "def f():\n\treturn 1"}', {"code": "def f():\n\treturn 1"}),
    "line comment": ('{"x0": 5 // the optimum\n}', FIVE),
    "think preamble": ('<think>{"x0": 1}? {no}</think>{"x0": 5}', FIVE),
    "prose with braces after": ('{"x0": 5} where {x0} is the {first} variable', FIVE),
    "two fences": ('```json\n{"x0": 1}\n```\nOr better:\n```json\n{"x0": 5}\n```', FIVE),
    "TERMINATE in the reasoning": (
        '{"reasoning": "no TERMINATE yet", "x0": 5}',
        {"reasoning": "no TERMINATE yet", **FIVE},
    ),
    # more of the same kind
    "hash comment": ('{# first\n"x0": 5, # "x1": 6\n}', FIVE),
    "comment signs in strings": ('{"u": "http://a/#b"}', {"u": "http://a/#b"}),
    "python literals": ("{'a': True, 'b': None, 'c': 'it\\'s \\x41'}", {"a": True, "b": None, "c": "it's A"}),
    "mixed literals": ('{"a": True, "b": null}', {"a": True, "b": None}),
    "fence without label": ('```\n{"x0": 5}\n```', FIVE),
    "fence on one line": ('```json {"x0": 5}```', FIVE),
    "fence inside of a string": ('{"code": "```python\nf()\n```"}', {"code": "```python\nf()\n```"}),
    "braces in strings": ('{"a": "} {", "b": "{\\"c\\": 1}"}', {"a": "} {", "b": '{"c": 1}'}),
    "prose with braces before": ('For {x} and \\frac{a}{b}: {"x0": 5}', FIVE),
    "interval before": ('As x is in [0, 1) the answer is {"x0": 5}', FIVE),
    "brackets with braces after": ('{"x0": 5}, with [1, {x0}] in mind', FIVE),
    "escapes of a python literal": ('{"a": True, "b": "\\x41"}', {"a": True, "b": "A"}),
    "interval after": ('{"x0": 5}, which is in [0, 10].', FIVE),
    "draft before answer": ('First {"x0": 1}, then {"x0": 5}', FIVE),
    "broken draft before answer": ('First {"x0": y}, then {"x0": 5}', FIVE),
    "set before": ('From {"a", "b"} follows {"x0": 5}', FIVE),
    "code in another fence after": ('{"x0": 5}\n```python\nf({"x0": y})\n```', FIVE),
    "only in another fence": ('```python\n{"x0": 5}\n```', FIVE),
    "think tag in prose": ('No <think> tags are used. {"x0": 5}', FIVE),
    "think end without start": ('Maybe {"x0": 1}…</think>{"x0": 5}', FIVE),
    "think tag in a string": ('{"prompt": "close with </think>"}', {"prompt": "close with </think>"}),
    "think tag and braces in a string": ('{"p": "</think> {", "q": {"r": 1}}', {"p": "</think> {", "q": {"r": 1}}),
    "the same again after the fence": ('```json\n{"x0": 5}\n```\nSo {"x0": 5}.', FIVE),
    "array of objects": ('[{"x0": 1}, {"x0": 5}]', [{"x0": 1}, {"x0": 5}]),
    "array alone": ("[1, 2]", [1, 2]),
    "empty object alone": ("Nothing to change:\n{}\n", {}),
    "backslashes that escape nothing": (r'{"re": "\d+\(", "q": "it\'s"}', {"re": r"\d+\(", "q": "it's"}),
    "surrogate pair": ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
    "numbers": ('{"a": [-0.5, 1e3, 0, 12345678901234567890]}', {"a": [-0.5, 1e3, 0, 12345678901234567890]}),
    "whitespace and BOM": ('\ufeff \n {"x0":\u00a05}', FIVE),
}

UNREADABLE = {
    "unescaped quotes": '{"reasoning": "use "x" here", "suggestion": {"x0": 5}}',
    "unescaped quotes around a brace": '{"reasoning": "say "}" now", "suggestion": {"x0": 5}}',
    "unescaped JSON in a string": '{"reasoning": "was {"x0": 1} and {"x0": 2} y", "n": 1}',
    "truncated": '{"reasoning": "r", "suggestion": {"x0": 5}',
    "truncated in a string": '{"suggestion": {"x0": 5}, "reasoning": "because',
    "truncated in a key": '{"x0": 5, "rea',
    "truncated array": '[{"x0": 1}, {"x0": 5}',
    "truncated answer after a draft": 'First {"x0": 1}. Final: {"x0": 5, "x1":',
    "array without a comma": '[{"x0": 1} {"x0": 5}]',
    "one brace too many": '{"x0": 5}}',
    "fenced answer and another after": '```json\n{"x0": 5}\n```\nor perhaps {"x0": 7}',
    "key twice": '{"x0": 1, "x0": 5}',
    "underscore in number": '{"x0": 1_000}',
    "NaN": '{"x0": NaN}',
    "infinite": '{"x0": 1e999}',
    "digits without end": '{"x0": ' + "9" * 5000 + "}",
    "lone surrogate": '{"x0": "\\ud800"}',
    "python expression": '{"x0": 2 + 3}',
    "python tuple": "{'x0': (1, 2)}",
    "two commas": '{"x0": [1,,2]}',
    "bare key": "{x0: 5}",
    "typographic quotes": "{“x0”: 5}",
    "empty": "",
    "blank": " \n",
    "word": "TERMINATE",
    "tags": "<variable><name>x0</name><value>5</value></variable>",
    "citation": "As [1] says, no.",
    "placeholder": "Use {} in the template.",
    "only thoughts": '<think>{"x0": 5}</think>',
    "thinking not closed": '<think>perhaps {"x0": 5}',
    "thoughts before an orphan end": 'perhaps {"x0": 5}</think>I cannot say.',
    "nested too deep": '{"a":' * 5000 + "1" + "}" * 5000,
}


@pytest.mark.parametrize("case", READABLE)
def test_reply_with_one_plain_meaning_is_read(case: str) -> None:
    reply, expected = READABLE[case]
    assert extract_json(reply) == expected


@pytest.mark.parametrize("case", UNREADABLE)
def test_reply_without_a_plain_meaning_is_refused(case: str) -> None:
    with pytest.raises(ReplyFormatError):
        extract_json(UNREADABLE[case])


def test_message_says_where_what_and_what_was_expected() -> None:
    with pytest.raises(ReplyFormatError) as caught:
        extract_json('Here:\n{"a": 1,\n "b": "say "hi""}')
    assert str(caught.value) == (
        "the JSON that starts at line 2, column 1 cannot be read: expected `,` or `}`, got `h` at line 3, column 13: "
        '`Here:\\n{"a": 1,\\n "b": "say "hi""}`'
    )


def test_refused_reply_is_feedback_for_the_model() -> None:
    assert issubclass(ReplyFormatError, ProposalError)


def test_true_is_not_one() -> None:
    assert repr(extract_json('{"a": true, "b": 1, "c": 1.0}')) == "{'a': True, 'b': 1, 'c': 1.0}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(), json_values, min_size=1, max_size=4)
prose = st.text(st.characters(exclude_characters="{}[]`<", exclude_categories=["Cs"]))


@given(json_objects, prose, prose, st.booleans(), st.sampled_from([None, 2]))
def test_any_object_in_any_prose_reads_back(
    value: dict[str, Any], before: str, after: str, ascii_only: bool, indent: int | None
) -> None:
    assert extract_json(before + json.dumps(value, ensure_ascii=ascii_only, indent=indent) + after) == value


@given(json_objects, prose)
def test_any_fenced_object_reads_back(value: dict[str, Any], before: str) -> None:
    assert extract_json(f"{before}\n```json\n{json.dumps(value)}\n```\n") == value


@given(json_objects)
def test_any_python_literal_reads_back(value: dict[str, Any]) -> None:
    # In double quotes, `\\x08` is Python's escape or JSON's stray backslash: nobody can tell, so none is asked for.
    assume(not re.search(r'"[^"]*\\[xuU]', repr(value)))
    assert extract_json(repr(value)) == value


@given(json_objects, st.data())
def test_no_truncation_of_an_object_is_read(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(ReplyFormatError):
        extract_json(text[:end])


fragments = st.lists(
    st.sampled_from(
        [
            *"{}[]\"'`,:#/\\ \n5-ex",
            '"a"',
            "'b'",
            "//",
            "```",
            "json",
            "<think>",
            "</think>",
            "True",
            "null",
            '{"a":',
            "\0",
        ]
    )
    | st.text(max_size=3)
).map("".join)


@given(fragments | st.text())
def test_nothing_but_a_format_error_is_raised(text: str) -> None:
    with contextlib.suppress(ReplyFormatError):
        extract_json(text)


@given(fragments.map(lambda text: "{'a': '" + text + "'}"))
def test_python_escapes_raise_no_warning(text: str) -> None:
    with contextlib.suppress(ReplyFormatError):
        extract_json(text)  # warnings are errors


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "[",
        "[{",
        '{"',
        "{'",
        '{"a":',
        '{"a":x}',
        "}",
        "[1",
        "{#",
        '{"a" ',
        "{}",
        '["',
        '{"\\',
        "```",
        "<think>",
        "a<think>",
        "{//",
    ],
)
def test_hostile_reply_takes_linear_time(unit: str) -> None:
    reply = unit * 100_000
    started = time.process_time()
    with pytest.raises(ReplyFormatError):
        extract_json(reply[:200_000])
    assert time.process_time() - started < 5  # seconds; measured 0.02 to 1.2, a quadratic scan takes minutes


def test_long_reply_is_read() -> None:
    value = {"values": [{"name": f"x{i}", "value": i / 7} for i in range(5000)]}
    assert extract_json(f"Here: {json.dumps(value, indent=1)}") == value
