"""Questions about things: color, place, number, relation, identity, writing, shape."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.teachers.scripted.lexicon import (
    CELLS,
    COLORS,
    NOUNS,
    NUMBERS,
    RELATIONS,
    SHAPES,
    SIGN_WORDS,
    USUAL_ACTIVITIES,
    plural,
    sort_of,
)
from dataengine.teachers.scripted.pattern import IN_IMAGE, Filling, Pattern, Slots, regex
from dataengine.teachers.scripted.view import Thing, View, relation

_COLOR = f"(?P<color>{'|'.join(COLORS)})"
_GENERIC = "(?:thing|object|one|item|shape)"


def _color_fill(view: View) -> list[Filling]:
    names = [*view.nouns, *(["shape"] if view.only("shape") else [])]
    return [Filling(_naming(view, noun)) for noun in names if _color(view, {"thing": noun})]


def _naming(view: View, noun: str) -> Slots:
    things = view.named(noun)
    if len(things) > 1 or things[0].several:
        return {"thing": plural(noun), "be": "are"}
    return {"thing": noun, "be": "is"}


def _color(view: View, slots: Slots) -> str | None:
    colors = {thing.color for thing in view.named(slots["thing"])}
    return colors.pop() or None if len(colors) == 1 else None


def _single(view: View) -> list[Thing]:
    """The things that their noun names without confusion."""
    return [thing for thing in view.things if view.only(thing.noun) is thing and thing.noun not in ("thing", "shape")]


def _where(view: View, slots: Slots) -> str | None:
    thing = view.only(slots["thing"])
    return thing.cell or None if thing else None


def _where_fill(view: View) -> list[Filling]:
    return [Filling({"thing": thing.noun, "be": "is"}) for thing in _single(view) if thing.cell]


def _compared(view: View, slots: Slots) -> str | None:
    first, second = view.only(slots["thing"]), view.only(slots["other"])
    return relation(first, second) or None if first and second and first is not second else None


def _compared_fill(view: View) -> list[Filling]:
    single = _single(view)
    pairs = ((a, b) for a in single for b in single if a is not b and relation(a, b))
    return [Filling({"thing": a.noun, "other": b.noun, "be": "is"}) for a, b in pairs]


def _count(view: View, slots: Slots) -> str | None:
    things = view.named(slots["things"])
    unsure = any(thing.several for thing in things)
    return NUMBERS[len(things)] if 0 < len(things) < len(NUMBERS) and not unsure else None


def _count_fill(view: View) -> list[Filling]:
    # a thing that is there once makes a poor question of counting
    counts = {noun: len(view.named(noun)) for noun in view.nouns if _count(view, {"things": noun})}
    return [Filling({"things": plural(noun)}, weight=float(count**3)) for noun, count in counts.items()]


def _near_numbers(view: View, slots: Slots) -> Sequence[str]:
    count = len(view.named(slots["things"]))
    near = sorted(range(1, 11), key=lambda number: (abs(number - max(count, 2)), number))
    return [NUMBERS[number] for number in near if number != count][:3]


def _doing(view: View, slots: Slots) -> str | None:
    thing = view.only(slots["thing"])
    return thing.activity or None if thing else None


def _verb(view: View, slots: Slots) -> str | None:
    verb, _, rest = (_doing(view, slots) or "").partition(" ")
    return rest if rest and verb == slots["verb"] else None


def _verb_fill(view: View) -> list[Filling]:
    things = (thing for thing in _single(view) if " " in thing.activity)
    return [Filling({"thing": thing.noun, "verb": thing.activity.split()[0]}) for thing in things]


def _says(view: View, slots: Slots) -> str | None:
    thing = view.only(slots["thing"])
    return thing.says or None if thing else None


def _with_color(view: View, color: str) -> list[Thing]:
    return [thing for thing in view.named("thing") if thing.color == color.replace("grey", "gray")]


def _which(view: View, slots: Slots) -> str | None:
    things = _with_color(view, slots["color"])
    known = len(things) == 1 and not things[0].several and things[0].noun not in ("thing", "shape")
    return things[0].noun if known else None


def _which_fill(view: View) -> list[Filling]:
    colors = dict.fromkeys(thing.color for thing in view.things if thing.color)
    return [Filling({"color": color}) for color in colors if _which(view, {"color": color})]


def _other_objects(view: View, slots: Slots) -> Sequence[str]:
    return [noun for noun in view.nouns if sort_of(noun) in ("object", "shape")]


def _in_cell(view: View, slots: Slots) -> str | None:
    things = [thing for thing in view.things if thing.cell == slots["cell"]]
    return things[0].noun if len(things) == 1 and not things[0].several else None


def _in_cell_fill(view: View) -> list[Filling]:
    return [Filling({"cell": cell}) for cell in CELLS if _in_cell(view, {"cell": cell})]


def _shape(view: View, slots: Slots) -> str | None:
    thing = view.only("shape")
    return thing.noun if thing and thing.noun in SHAPES else None


COMPARED = Pattern(
    name="compared",
    fits=("spatial relation", "spatial relationship", "physical relation"),
    regexes=(regex(r"where (?P<be>is|are) the <thing> (?:compared|relative|in relation) to the <other>\?"),),
    wording="Where is the {thing} compared to the {other}?",
    fill=_compared_fill,
    answer=_compared,
    values=RELATIONS,
    sentence="Compared to the {other}, the {thing} is {value}.",
)
COLOR = Pattern(
    name="color",
    fits=("instance attributes", "attribute recognition", "color", "physical property reasoning"),
    regexes=(
        regex(r"what colou?r (?P<be>is|are) the <thing>\?"),
        regex(r"what is the colou?r of the <thing>\?"),
    ),
    wording="What color {be} the {thing}?",
    fill=_color_fill,
    answer=_color,
    values=COLORS,
    sentence="The {thing} {be} {value}.",
)
WHERE = Pattern(
    name="where",
    fits=("instance location", "object localization"),
    regexes=(regex(rf"where (?P<be>is|are) the <thing>{IN_IMAGE}\?"),),
    wording="Where is the {thing}?",
    fill=_where_fill,
    answer=_where,
    values=CELLS,
    sentence="The {thing} is in the {plain} of the picture.",
    forms=("in the {}", "{}", "at the {}", "on the {}"),
)
COUNT = Pattern(
    name="count",
    fits=("instances counting", "counting"),
    regexes=(regex(rf"how many <things> (?:are there|are visible|are|can (?:you|be) see|do you see)?{IN_IMAGE}\?"),),
    wording="How many {things} are there?",
    fill=_count_fill,
    answer=_count,
    values=NUMBERS[1:5],
    sentence="The number of {things} is {value}.",
    rivals=_near_numbers,
)
DOING = Pattern(
    name="doing",
    fits=("instance interaction", "action recognition"),
    regexes=(regex(rf"what is the <thing> doing{IN_IMAGE}\?"),),
    wording="What is the {thing} doing?",
    fill=lambda view: [Filling({"thing": thing.noun}) for thing in _single(view) if thing.activity],
    answer=_doing,
    values=USUAL_ACTIVITIES,
    sentence="The {thing} is {value}.",
)
VERB = Pattern(
    name="verb",
    fits=(),
    regexes=(regex(r"what is the <thing> (?P<verb>[a-z]+ing)\?"),),
    wording="What is the {thing} {verb}?",
    fill=_verb_fill,
    answer=_verb,
    values=("a hat", "a jacket", "a bag", "a book", "a phone", "an umbrella"),
    sentence="The {thing} is {verb} {value}.",
)
SAYS = Pattern(
    name="says",
    fits=("text understanding", "ocr"),
    regexes=(regex(rf"what does the <thing> (?:say|read){IN_IMAGE}\?"),),
    wording="What does the {thing} say?",
    fill=lambda view: [Filling({"thing": thing.noun}) for thing in _single(view) if thing.says],
    answer=_says,
    values=SIGN_WORDS,
    sentence="The {thing} says {value}.",
)
WHICH = Pattern(
    name="which",
    fits=("instance identity", "identity reasoning"),
    regexes=(regex(rf"which {_GENERIC} is {_COLOR}\?"), regex(rf"what is the {_COLOR} {_GENERIC}\?")),
    wording="Which thing is {color}?",
    fill=_which_fill,
    answer=_which,
    values=NOUNS,
    sentence="The {color} thing is {value}.",
    forms=("a {}", "{}", "the {}"),
    rivals=_other_objects,
)
IN_CELL = Pattern(
    name="in cell",
    fits=("instance identity",),
    regexes=(regex(rf"what is (?:in|at) the (?P<cell>{'|'.join(CELLS)}){IN_IMAGE}\?"),),
    wording="What is in the {cell} of the picture?",
    fill=_in_cell_fill,
    answer=_in_cell,
    values=NOUNS,
    sentence="In the {cell} of the picture there is {value}.",
    forms=("a {}", "{}", "the {}"),
    rivals=lambda view, slots: view.nouns,
)
SHAPE = Pattern(
    name="shape",
    fits=("shape",),
    regexes=(regex(rf"what shape (?:is|does|can)(?: the (?:picture|image))? ?(?:[a-z]+)?{IN_IMAGE}\?"),),
    wording="What shape is in the picture?",
    fill=lambda view: [Filling({})] if _shape(view, {}) else [],
    answer=_shape,
    values=SHAPES,
    sentence="The picture shows a {value}.",
    forms=("{}", "a {}"),
)
