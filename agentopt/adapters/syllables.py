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


def syllables(text: str) -> int:
    """Syllables of the words in `text`; marks and digits count as none."""
    return sum(map(word_syllables, _WORD.findall(text)))


def word_syllables(word: str) -> int:
    """Syllables of one word, at least 1: from the dictionary, or else by the rule."""
    plain = word.lower().replace("’", "'")
    return _DICTIONARY.get(plain) or ruled_syllables(plain)


def ruled_syllables(word: str) -> int:
    """Groups of vowels in a lower-case word, less those that are silent at its end."""
    base = re.sub(r"'(?=s$|d$|ll$|re$|ve$|t$|m$).*|'", "", word)
    has_own_vowel = bool(re.search(r"(?:[sxz]|[cs]h|ce|ge)'s$|(?:[aeiou]t|d)n't$|[dst]n't$", word))
    base = re.sub(r"(?<=q)u", "", base)
    count = len(re.findall(r"[aeiouyäöüéèêáàâíóôúñ]+", base.replace("ñ", "n")))
    # two vowels that are two sounds
    count += len(
        re.findall(r"i(?:a(?!g|l|n|r|t)|o(?!n|u)|um|ar(?!d))|[^gq]ua[lt]|eo(?!n|u|p)|yi|io[dt]|nuo|duo|uous", base)
    )
    if re.search(r"[^aeiouy]e$", base) and not re.search(r"[^aeiouylr]le$|[^aeiou]re$", base):
        count -= 1
    elif re.search(r"[^aeiouy]es$", base) and not re.search(r"(?:[sxzcg]|[cs]h|[^aeiouylr]l)es$", base):
        count -= 1
    elif re.search(r"[^aeiouytd]ed$", base) and not re.search(r"[^aeiouylr][lr]ed$", base):
        count -= 1
    if re.search(r"[^aeiouy]e(?:ly|ful|less|ness|ment|some)$", base):
        count -= 1
    if re.search(r"[^aeiouy](?:sm|thm)s?$", base) or re.search(r"(?:i|a)sms?$|ythms?$", base):
        count += 1
    return max(1, count + has_own_vowel)
