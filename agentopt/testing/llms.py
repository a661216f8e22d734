"""Models without a model: one that changes words at random, and one that answers garbage now and then."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any, Literal

from agentopt.llm.base import LLM, Capability, Reply, Request, Usage
from agentopt.llm.price import FREE, Price
from agentopt.testing.worlds import WORDS, text_of, words_in

_PROMPT = re.compile(r"Mind: [^.]*\.")


class MutatorLLM:
    """Fills the schema of a request with values of its types; a text is one that it was shown, with a word changed.

    A word that the request says is lacking is added more often than not. The same requests in the same order get the
    same replies; without a schema, the reply is the text alone.

    Args:
        seed: of its choices.
        attention: chance to follow a hint.
        changes: which of the texts it was shown under a parameter's name it starts from; OPRO shows the best last.
    """

    name = "scripted:mutator"
    answered_by = "script:mutator"
    capabilities: frozenset[Capability] = frozenset({"json_schema"})
    price: Price = FREE

    def __init__(self, *, seed: int = 0, attention: float = 0.7, changes: Literal["first", "last"] = "first") -> None:
        self.seed = seed
        self.changes = changes
        self.attention = attention
        self._asked: Counter[str] = Counter()

    def complete(self, request: Request) -> Reply:
        """One reply, always in the form that was asked for."""
        self._asked[request.digest] += 1
        rng = Random(f"{self.seed}:{request.digest}:{self._asked[request.digest]}")
        said = "\n".join(m.content for m in request.messages if m.role == "user")
        value = self._value("", request.schema or {"type": "string"}, said, rng)
        text = value if isinstance(value, str) else json.dumps(value)
        return Reply(text=text, model="mutator", usage=Usage(cost_usd=0.0))

    def _value(self, name: str, schema: Mapping[str, Any], said: str, rng: Random) -> Any:
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if "anyOf" in schema:
            return self._value(name, schema["anyOf"][0], said, rng)
        match schema.get("type"):
            case "object":
                return {key: self._value(key, of, said, rng) for key, of in schema.get("properties", {}).items()}
            case "array":
                count = len(re.findall(r"^## ", said, re.MULTILINE)) or 1
                numbers = list(range(1, count + 1))
                rng.shuffle(numbers)
                is_order = schema["items"].get("type") == "integer"
                return numbers if is_order else [self._value(name, schema["items"], said, rng) for _ in range(4)]
            case "integer":
                return rng.randint(0, 9)
            case "number":
                return round(rng.random(), 3)
        return self._text(name, said, rng)

    def _text(self, name: str, said: str, rng: Random) -> str:
        named = re.findall(rf"\b{re.escape(name)}\b[^\n]*?\n?[`\n]*(Mind: [^.]*\.)", said) if name else []
        shown = named or _PROMPT.findall(said) or [""]
        words = words_in(shown[0 if self.changes == "first" else -1])
        hints = [word for word, part in re.findall(r"lacks (\w+) in (\w+)", said) if part == name or name not in said]
        if hints and rng.random() < self.attention:
            words.append(rng.choice(hints))
        elif words and rng.random() < 0.4:
            words.remove(rng.choice(words))
        else:
            words.append(rng.choice(WORDS))
        return text_of(list(dict.fromkeys(words)))


GARBAGE = ("", "I would rather not.", "{", '{"changes": 5}', "[]", '{"changes": {"nobody": 1}}', "null", "```json\n```")


class GarbageLLM:
    """Another model, whose reply is replaced by something unusable in a share of the calls.

    Args:
        share: of the calls, in [0, 1].
    """

    def __init__(self, model: LLM, *, share: float = 0.5, seed: int = 0) -> None:
        self._model = model
        self._share = share
        self._rng = Random(f"garbage:{seed}")
        self.name = model.name
        self.answered_by = model.answered_by
        self.capabilities = model.capabilities
        self.price: Price = FREE

    def complete(self, request: Request) -> Reply:
        """The model's reply, or garbage."""
        reply = self._model.complete(request)
        if self._rng.random() >= self._share:
            return reply
        return Reply(text=self._rng.choice(GARBAGE), model=reply.model, usage=reply.usage)
