"""Writing one question by analogy: the examples say what is asked and how, the image says what about."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataengine.core.samples import LETTERS
from dataengine.teachers.request_lines import Asked, Told
from dataengine.teachers.scripted.lexicon import singular, sort_of
from dataengine.teachers.scripted.pattern import Filling, Pattern, Slots, asked_alike, plain, shaped, slots_of
from dataengine.teachers.scripted.registry import fitting, recognise
from dataengine.teachers.scripted.view import View

_NOUN_SLOTS = ("thing", "things", "other")


@dataclass(frozen=True, slots=True)
class Written:
    """A question with its options, exactly one of which is right."""

    question: str
    sentence: str
    short_answer: str
    options: tuple[str, ...]

    def reply(self) -> str:
        """The JSON object that the prompt asks for."""
        return json.dumps(
            {
                "question": self.question,
                "answer": self.sentence,
                "short_answer": self.short_answer,
                "options": list(self.options),
                "choice_answer": LETTERS[self.options.index(self.short_answer)],
            }
        )


Example = tuple[Pattern, re.Match[str], Asked]
"""An example whose question follows a pattern."""


def write(told: Told, view: View, rng: random.Random) -> Written | str:
    """A question about the image like one of the examples, or the reason why there can be none."""
    examples = [(*found, asked) for asked in told.questions if (found := recognise(asked.question))]
    for pattern, match, _ in rng.sample(examples, len(examples)):
        alike = [example for example in examples if example[0] is pattern]
        filling = _choose(_like_the_examples(pattern.fill(view), alike), rng)
        if filling is not None:
            return _written(pattern, asked_alike(match, filling.slots), alike, view, rng)
    if examples:
        return f"the picture supports no {told.question_type} question like the examples"
    patterns = fitting(told.question_type)
    for pattern in rng.sample(patterns, len(patterns)):
        filling = _choose(pattern.fill(view), rng)
        if filling is not None:
            return _written(pattern, pattern.wording.format(**filling.slots), [], view, rng)
    return f"the picture supports no {told.question_type} question"


def _choose(fillings: Sequence[Filling], rng: random.Random) -> Filling | None:
    return rng.choices(fillings, [filling.weight for filling in fillings])[0] if fillings else None


def _like_the_examples(fillings: Sequence[Filling], alike: Sequence[Example]) -> Sequence[Filling]:
    """The fillings whose nouns are of the sorts that the examples ask about, where there are any. What is not in the
    image is only asked for if an example names it: the image lends no words of its own for it."""
    examples = [slots_of(match) for _, match, _ in alike]
    sorts = {sort for slots in examples for sort in _sorts(slots)}
    fillings = [filling for filling in fillings if _sorts(filling.slots) <= sorts] or fillings
    named = {value for slots in examples for name, value in slots.items() if name != "article"}
    absent = [filling for filling in fillings if filling.absent]
    known = [filling for filling in absent if named & set(filling.slots.values())] or absent
    weight = sum(filling.weight for filling in absent)
    present = [filling for filling in fillings if not filling.absent]
    return [*present, *(replace(filling, weight=weight / len(known)) for filling in known)]


def _sorts(slots: Slots) -> set[tuple[str, str]]:
    return {(name, sort_of(singular(slots[name]))) for name in _NOUN_SLOTS if name in slots}


def _written(pattern: Pattern, question: str, alike: Sequence[Example], view: View, rng: random.Random) -> Written:
    match = pattern.match(question)
    if match is None:
        raise AssertionError(f"{question!r} does not follow the pattern {pattern.name}")
    slots = slots_of(match)
    value = pattern.answer(view, slots)
    if value is None:
        raise AssertionError(f"{question!r} was asked and has no answer")
    seen = [choice for _, _, asked in alike for choice in (asked.options or (asked.answer,)) if choice]
    form = form_of(seen, pattern.forms)
    right = shaped(value, form)
    near = [shaped(rival, form) for rival in pattern.rivals(view, slots)]
    known = [shaped(other, form) for other in pattern.values]
    count = min(pattern.options, max((len(asked.options) for _, _, asked in alike), default=0) or pattern.options)
    wrong = _wrong(right, (near, seen, known), rng)[: count - 1]
    options = [right, *wrong]
    rng.shuffle(options)
    # `be` follows the question's noun where its wording has none of its own
    sentence = pattern.sentence.format(**{"be": "is", **slots}, value=right, plain=value)
    return Written(question, sentence[:1].upper() + sentence[1:], right, tuple(options))


def _wrong(right: str, pools: Sequence[Sequence[str]], rng: random.Random) -> list[str]:
    """Wrong options, from the first pool first; no two of them, and none of them and the right one, say the same."""
    said, wrong = {plain(right)}, []
    for pool in pools:
        for option in rng.sample(list(pool), len(pool)):
            if plain(option) not in said:
                said.add(plain(option))
                wrong.append(option)
    return wrong


def form_of(choices: Sequence[str], forms: Sequence[str]) -> str:
    """The form that most choices have; the first where there are no choices."""
    if not choices:
        return forms[0]
    for form in (form for form in forms if form != "{}"):
        start = r"^an? " if form == "a {}" else "^" + re.escape(form.removesuffix("{}"))
        if 2 * sum(bool(re.match(start, choice, re.IGNORECASE)) for choice in choices) >= len(choices):
            return form
    return "{}" if "{}" in forms else forms[0]


def answer(asked: Asked, view: View) -> str:
    """The letter of the one right option, or `none`."""
    found = recognise(asked.question)
    value = found[0].answer(view, slots_of(found[1])) if found else None
    if value is None:
        return "none"
    right = [index for index, option in enumerate(asked.options) if plain(option) == plain(value)]
    return LETTERS[right[0]] if len(right) == 1 else "none"
