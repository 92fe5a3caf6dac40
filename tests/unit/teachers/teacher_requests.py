"""Asking the embedded teacher with the generator's own prompts."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.generation.parsing import Draft, Unusable, read_letter, read_reply
from dataengine.generation.prompt_files import load_prompt
from dataengine.teachers.scripted.section import AnnotationsSection
from dataengine.teachers.scripted.teacher import AnnotationTeacher
from dataengine.wire.documents import BadCase

Box = tuple[float, float, float, float]
SIDE = 100


def image(*regions: tuple[str, Box], captions: Sequence[str] = ()) -> Annotations:
    """An image of 100 x 100 pixels with phrases and boxes."""
    found = tuple(Region(phrase, box) for phrase, box in regions)
    return Annotations(PoolImage("1", "vg/VG_100K/1.jpg", SIDE, SIDE), found, tuple(captions))


def bad_case(question: str, gold: str, *wrong: str) -> BadCase:
    """A question that the student got wrong, in the manner of which the teacher is to ask."""
    return BadCase(
        question_id=question, question=question, question_type="", image="9", choices=(gold, *wrong) if wrong else (),
        gold=gold, answered="",
    )  # fmt: skip


async def ask(
    known: Annotations, qtype: str, *cases: BadCase, seed: int = 0, error_rate: float = 0.0, prompt: str = "gen-2"
) -> Draft | Unusable:
    """What the teacher writes, as the generator reads it."""
    request = load_prompt(prompt).write(qtype, cases, known, AnnotationsSection(), seed)
    return read_reply((await AnnotationTeacher(error_rate).write(request)).text)


async def asked(known: Annotations, qtype: str, *cases: BadCase, seed: int = 0) -> Draft:
    """The same, where it must be a draft."""
    draft = await ask(known, qtype, *cases, seed=seed)
    assert isinstance(draft, Draft), draft
    return draft


async def verified(known: Annotations, question: str, *options: str, error_rate: float = 0.0, seed: int = 0) -> str:
    """The letter that the teacher names when asked a second time."""
    request = load_prompt("gen-2").verify(question, options, known, AnnotationsSection(), seed)
    return read_letter((await AnnotationTeacher(error_rate).write(request)).text)
