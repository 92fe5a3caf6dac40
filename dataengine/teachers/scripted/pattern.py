"""What a question pattern is: how a question is recognised, asked about another image, and answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataengine.teachers.scripted.lexicon import NUMBERS, with_article, without_article
from dataengine.teachers.scripted.view import View

Slots = Mapping[str, str]
"""What stands in a question's variable places: `{"thing": "ball", "be": "is"}`."""


@dataclass(frozen=True, slots=True)
class Filling:
    """One way to ask a pattern's question about an image; `weight` is how good a question it makes, `absent` is true
    where the slots name what is not in the image."""

    slots: Slots
    weight: float = 1.0
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A family of questions.

    `regexes` recognise it (named groups are slots); `fill` lists the ways to ask it about an image; `answer` gives the
    one right value, or None where the image does not tell for sure; `rivals` lists wrong values that the image
    suggests; `values` are known values of the same sort; `forms` are what an answer may look like, the first by
    default; `fits` are type names that it serves where no example shows what is wanted; `wording` and `sentence` are
    templates over the slots.
    """

    name: str
    fits: tuple[str, ...]
    regexes: tuple[re.Pattern[str], ...]
    wording: str
    fill: Callable[[View], Sequence[Filling]]
    answer: Callable[[View, Slots], str | None]
    values: tuple[str, ...]
    sentence: str
    forms: tuple[str, ...] = ("{}",)
    rivals: Callable[[View, Slots], Sequence[str]] = lambda view, slots: ()
    options: int = 4

    def match(self, question: str) -> re.Match[str] | None:
        """How a question follows the pattern, or None."""
        for regex in self.regexes:
            if match := regex.match(question):
                return match
        return None


def regex(text: str) -> re.Pattern[str]:
    """A whole-line, case-blind pattern; `<thing>` and the like stand for a noun phrase of up to three words."""
    text = re.sub(r"(?<!\?P)<(\w+)>", r"(?P<\1>[a-z][a-z'-]*(?: [a-z][a-z'-]*){0,2}?)", text)
    return re.compile(rf"^{text}$", re.IGNORECASE)


IN_IMAGE = r"(?: (?:in|of|on) (?:the|this) (?:picture|image|photo|scene))?"
"""What may follow a question without changing it."""


def slots_of(match: re.Match[str]) -> Slots:
    """The slots that a match fills, in lower case."""
    return {name: value.lower() for name, value in match.groupdict().items() if value is not None}


def asked_alike(match: re.Match[str], slots: Slots) -> str:
    """The question of `match` with other slots in it: everything else, and a slot not given, stays as it was worded."""
    text, offset = match.string, 0
    spans = sorted((match.span(name), name) for name, value in match.groupdict().items() if value is not None)
    for (start, end), name in spans:
        new = slots.get(name, match[name])
        if start == 0:
            new = new[:1].upper() + new[1:] if text[:1].isupper() else new
        text = text[: start + offset] + new + text[end + offset :]
        offset += len(new) - (end - start)
    return text


def shaped(value: str, form: str) -> str:
    """An answer in its form: `ball` as `a ball`, `top left` as `in the top left`."""
    if form == "a {}":
        return with_article(value)
    return form.format(value)


def plain(text: str) -> str:
    """What an answer says without its form: lower case, no article or preposition, numbers as words."""
    text = re.sub(r"\s+", " ", text.strip().rstrip(".").lower())
    text = re.sub(r"^(?:in|at|on) the |^to the |^it is ", "", text)
    text = re.sub(r" (?:of the (?:picture|image|photo))$", "", text)
    text = without_article(text)
    return NUMBERS[int(text)] if text.isdigit() and int(text) < len(NUMBERS) else text.replace("grey", "gray")
