"""Syllables of English text: a small dictionary of words that spelling misleads about, and a rule for all others.

The rule counts groups of vowels and knows silent endings. `tests/adapters/test_syllables.py` measures both on a list
counted by hand, and says how often they err.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_BY_COUNT = {
    1: """
        aisle isle league rogue tongue tongues
    """,
    2: """
        baseball being beings chaos create crooked dial diet doing evening evenings evenly every firefly
        firelight fireplace fireside fluid forehead fuel giant going homesick homeward jagged lakeside learned
        lifetime lion lions naked neon pinewood poem poems poet poets prayer quiet ragged rugged ruin ruins
        science seeing something sometimes somewhere trial truer wicked wretched
    """,
    3: """
        anyone area areas beloved coyote created creates creation creator curious envious everything
        everywhere furious glorious gradient heroic idea ideas ionic karate lioness meander meandered meanders
        museum museums obvious orient piano poetry previous quieter quietly radiant reacted recipe recreate
        scientist serious sesame theater various
    """,
    4: """
        anxiety apostrophe associate dandelion dandelions experience experienced imperial january material
        memorial reality sanctuary society variety
    """,
    5: """
        appreciation association
    """,
}
_DICTIONARY = {word: count for count, words in _BY_COUNT.items() for word in words.split()}

# Two vowels side by side that are two sounds, as in radio, usual and video.
_TWO_SOUNDS = re.compile(r"i(?:a(?![glnrt])|o(?![nu])|um|ar(?!d))|[^gq]ua[lt]|eo(?![nup])|yi|io[dt]|nuo|duo|uous")
# An ending with a silent e, and the ones like it whose e is spoken: home but table, homes but roses, moved but wanted.
_SILENT = (
    (re.compile(r"[^aeiouy]e$"), re.compile(r"[^aeiouylr]le$|[^aeiou]re$")),
    (re.compile(r"[^aeiouy]es$"), re.compile(r"(?:[sxzcg]|[cs]h|[^aeiouylr]l)es$")),
    (re.compile(r"[^aeiouytd]ed$"), re.compile(r"[^aeiouylr][lr]ed$")),
)
_SILENT_INSIDE = re.compile(r"[^aeiouy]e(?:ly|ful|less|ness|ment|some)$")
_SPOKEN_ENDING = re.compile(r"(?:[ia]s|th)ms?$")
_SPOKEN_AFTER_APOSTROPHE = re.compile(r"(?:[sxz]|[cs]h|[cgsz]e)'s$|[dst]n't$")


def syllables(text: str) -> int:
    """Syllables of the words in `text`; marks and digits count as none."""
    return sum(map(word_syllables, _WORD.findall(text)))


def word_syllables(word: str) -> int:
    """Syllables of one word, at least 1: from the dictionary, or else by the rule."""
    plain = word.lower().replace("’", "'")
    return _DICTIONARY.get(plain) or ruled_syllables(plain)


def ruled_syllables(word: str) -> int:
    """Groups of vowels in a lower-case word, and what its spelling adds to them or takes away."""
    base = re.sub(r"'(?=s$|d$|ll$|re$|ve$|t$|m$).*|'", "", word)
    base = re.sub(r"(?<=q)u", "", base)
    count = len(re.findall(r"[aeiouyäöüéèêáàâíóôú]+", base)) + len(_TWO_SOUNDS.findall(base))
    count -= any(ending.search(base) and not spoken.search(base) for ending, spoken in _SILENT)
    count -= bool(_SILENT_INSIDE.search(base))
    count += bool(_SPOKEN_ENDING.search(base)) + bool(_SPOKEN_AFTER_APOSTROPHE.search(word))
    return max(1, count)
