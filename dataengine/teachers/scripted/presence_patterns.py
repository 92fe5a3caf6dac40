"""Questions of yes or no: whether a thing, or a thing of a color, is in the image; plain and negated."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dataengine.teachers.scripted.lexicon import COLORS, NOUNS, SHAPES, sort_of
from dataengine.teachers.scripted.pattern import IN_IMAGE, Filling, Pattern, Slots, regex
from dataengine.teachers.scripted.view import View

_COLORED = f"(?P<color>{'|'.join(COLORS)}) (?:thing|object|shape)"
_THING = "<thing>"

Present = Callable[[View, Slots], bool | None]
"""Whether what the slots name is in the image; None where that is not known."""


def _color_present(view: View, slots: Slots) -> bool | None:
    color = slots["color"].replace("grey", "gray")
    colors = [thing.color for thing in view.named("thing")]
    if color in colors:
        return True
    return False if colors and all(colors) else None


def _thing_present(view: View, slots: Slots) -> bool | None:
    noun = slots["thing"]
    if view.named(noun):
        return True
    unsure = noun in SHAPES and any(thing.noun == "shape" for thing in view.things)
    return False if view.things and not unsure else None


def _color_fill(view: View) -> list[Filling]:
    return _balanced("color", (color for color in COLORS if color != "grey"), view, _color_present)


def _thing_fill(view: View) -> list[Filling]:
    known = [noun for noun in view.nouns if noun not in ("thing", "shape")]
    absent = [noun for noun in (*SHAPES[:3], *NOUNS) if sort_of(noun) in {sort_of(noun) for noun in known}]
    return _balanced("thing", dict.fromkeys([*known, *absent]), view, _thing_present)


def _balanced(slot: str, values: Iterable[str], view: View, present: Present) -> list[Filling]:
    """Fillings that are as often true as false."""
    known = {value: there for value in values if (there := present(view, {slot: value})) is not None}
    share = {True: 0.0, False: 0.0}
    for there in known.values():
        share[there] += 1
    return [
        Filling(
            {slot: value, "article": "an" if value[0] in "aeiou" else "a"}, weight=1 / share[there], absent=not there
        )
        for value, there in known.items()
    ]


def _pattern(name: str, *, colored: bool, absent: bool) -> Pattern:
    negation = "not " if absent else ""
    what = _COLORED if colored else _THING
    worded = (
        rf"is there {negation}(?P<article>an?) {what}{IN_IMAGE}\?",
        rf"does (?:the|this) (?:picture|image|photo) {negation}contain (?P<article>an?) {what}\?",
        rf"is no {what} present\?" if absent else rf"is (?P<article>an?) {what} present\?",
    )
    present = _color_present if colored else _thing_present

    def answer(view: View, slots: Slots) -> str | None:
        there = present(view, slots)
        return None if there is None else ("no" if there == absent else "yes")

    return Pattern(
        name=name,
        fits=(name, name.replace("thing", "shape")),
        regexes=tuple(regex(text) for text in worded),
        wording=f"Is there {negation}{{article}} {'{color} thing' if colored else '{thing}'}?",
        fill=_color_fill if colored else _thing_fill,
        answer=answer,
        values=("yes", "no"),
        sentence="{value}.",
        options=2,
    )


PRESENCE_PATTERNS = (
    _pattern("color presence", colored=True, absent=False),
    _pattern("color absence", colored=True, absent=True),
    _pattern("thing presence", colored=False, absent=False),
    _pattern("thing absence", colored=False, absent=True),
)
