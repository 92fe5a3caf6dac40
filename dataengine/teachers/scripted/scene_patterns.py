"""Questions about an image as a whole, and about what follows from it."""

from __future__ import annotations

from dataengine.teachers.scripted.lexicon import (
    PLACE_FINDS,
    PLACES,
    WEATHER_NEEDS,
    WEATHERS,
)
from dataengine.teachers.scripted.pattern import IN_IMAGE, Filling, Pattern, regex

_IT = r"(?:this|it|shown|that)(?: (?:here|likely|in the (?:picture|image)))?"


def _known(value: str) -> list[Filling]:
    return [Filling({})] if value else []


PLACE = Pattern(
    name="place",
    fits=("scene understanding", "image scene", "image topic"),
    regexes=(
        regex(rf"what (?:kind of |sort of )?place is {_IT}\?"),
        regex(r"where was this (?:picture|photo) taken\?"),
    ),
    wording="What place is this?",
    fill=lambda view: _known(view.place),
    answer=lambda view, slots: view.place or None,
    values=PLACES,
    sentence="The place is {value}.",
    forms=("a {}", "{}", "the {}", "at the {}", "in the {}"),
)
WEATHER = Pattern(
    name="weather",
    fits=("scene understanding",),
    regexes=(
        regex(rf"what is it like outside{IN_IMAGE}\?"),
        regex(rf"(?:what|how) is the weather(?: like)?{IN_IMAGE}\?"),
    ),
    wording="What is it like outside?",
    fill=lambda view: _known(view.weather),
    answer=lambda view, slots: view.weather or None,
    values=WEATHERS,
    sentence="It is {value} outside.",
    forms=("{}", "it is {}"),
)
NEED = Pattern(
    name="need",
    fits=("visual reasoning", "function reasoning", "knowledge-based reasoning"),
    regexes=(regex(r"what (?:does|would|could) (?:a person|someone|somebody) need here\?"),),
    wording="What does a person need here?",
    fill=lambda view: _known(WEATHER_NEEDS.get(view.weather, "")),
    answer=lambda view, slots: WEATHER_NEEDS.get(view.weather, "") or None,
    values=tuple(WEATHER_NEEDS.values()),
    sentence="A person needs {value} here.",
)
FIND = Pattern(
    name="find",
    fits=("visual reasoning", "nature relation", "knowledge-based reasoning"),
    regexes=(regex(r"what (?:else )?(?:could|might|can) (?:a person|someone|somebody|one) (?:find|expect) here\?"),),
    wording="What else could a person find here?",
    fill=lambda view: _known(PLACE_FINDS.get(view.place, "")),
    answer=lambda view, slots: PLACE_FINDS.get(view.place, "") or None,
    values=tuple(PLACE_FINDS.values()),
    sentence="A person could find {value} here.",
)
