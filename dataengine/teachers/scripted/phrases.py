"""The small grammar of annotation phrases: what `a red ball` or `the clock is green in colour` say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dataengine.teachers.scripted.lexicon import COLORS, NUMBERS, PERSONS, SIGNS, WEATHERS, is_plural, singular


@dataclass(frozen=True, slots=True)
class Phrase:
    """What one phrase says about one thing (`noun`, in the singular) or, with no noun, about the weather.

    `several` is true where the phrase speaks of more than one thing."""

    noun: str = ""
    color: str = ""
    activity: str = ""
    says: str = ""
    weather: str = ""
    several: bool = False


_DETERMINER = rf"(?:(?P<article>an?|the|this|one)\s+|(?P<number>some|many|several|{'|'.join(NUMBERS[2:])})\s+)?"
_COLOR = "|".join(COLORS)
_NOUN = r"(?P<noun>[a-z][a-z'-]*(?: [a-z][a-z'-]*){0,2}?)"
_SIGN = "|".join(SIGNS)
_PREPOSITIONS = (
    r"on|in|of|with|near|at|by|behind|under|over|along|beside|above|below|next to|in front of|for|from|to|and"
)
_NO_VERBS = ("building", "ceiling", "railing", "wing", "clothing", "string", "awning", "painting", "parking", "thing")
_NO_NOUNS = ("is", "are", "was", "has", "have", "it", "there", "who", "that")

_WEATHER = re.compile(rf"^(?:it is|it's|the weather is) (?P<weather>{'|'.join(WEATHERS)})(?: outside)?$", re.I)
_SAYS = re.compile(
    rf"^{_DETERMINER}(?P<color>{_COLOR})?\s*(?P<noun>(?:[a-z]+ )?(?:{_SIGN}))"
    r" (?:that says|that reads|says|saying|reads|reading|with the words?) [\"']?(?P<says>.+?)[\"']?$",
    re.I,
)
_ACTIVITY = re.compile(
    rf"^{_DETERMINER}(?:(?P<color>{_COLOR}) )?{_NOUN}(?: (?:is|are|who is|that is))?"
    r" (?P<activity>(?P<verb>[a-z]+ing)(?: .+)?)$"
)
_IS_COLOR = re.compile(rf"^{_DETERMINER}{_NOUN} (?:is|are) (?P<color>{_COLOR})(?: in colou?r|[ -]colou?red)?$")
_COLORED = re.compile(rf"^{_DETERMINER}(?P<color>{_COLOR}) {_NOUN}$")
_PLAIN = re.compile(rf"^{_DETERMINER}{_NOUN}$")
_HEAD = re.compile(rf"^{_DETERMINER}(?:(?P<color>{_COLOR}) )?{_NOUN} (?:(?:is|are) )?(?:{_PREPOSITIONS}) .+$")
_BRACKETS = re.compile(r"^(?P<noun>[^()]+) \((?P<qualities>[^()]+)\)$")


def read_phrase(phrase: str) -> Phrase | None:
    """What a phrase says, or None where the grammar does not have it."""
    text = " ".join(phrase.split()).rstrip(".")
    if match := _WEATHER.match(text):
        return Phrase(weather=match["weather"].lower())
    if match := _SAYS.match(text):
        return Phrase(noun=match["noun"].lower(), color=(match["color"] or "").lower(), says=match["says"])
    text = text.lower()
    if match := _BRACKETS.match(text):
        color = next((word for word in match["qualities"].split(", ") if word in COLORS), "")
        return _phrase(match["noun"], None, color=color)
    if (match := _ACTIVITY.match(text)) and (match["verb"] not in _NO_VERBS or is_person(match["noun"])):
        return _phrase(match["noun"], match["number"], color=match["color"] or "", activity=match["activity"])
    for pattern in (_IS_COLOR, _COLORED):
        if match := pattern.match(text):
            return _phrase(match["noun"], match["number"], color=match["color"])
    if match := _HEAD.match(text):
        return _phrase(match["noun"], match["number"], color=match["color"] or "")
    if match := _PLAIN.match(text):
        return _phrase(match["noun"], match["number"])
    return None


def _phrase(noun: str, number: str | None, color: str = "", activity: str = "") -> Phrase | None:
    if not {*_NO_NOUNS, *COLORS}.isdisjoint(noun.split()):
        return None
    several = number is not None or is_plural(noun)
    color = "gray" if color == "grey" else color
    return Phrase(singular(noun) if several else noun, color, activity, several=several)


def is_person(noun: str) -> bool:
    """True for nouns such as `boy` and `young woman`."""
    return noun.rpartition(" ")[2] in PERSONS
