"""How large a run's requests are: the teacher's tokens are taken to be a quarter of the characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.core.errors import DataEngineError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.data.image_sources import open_source
from dataengine.generation.prompt_files import load_prompt
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import BadCase

CHARACTERS_PER_TOKEN = 4.0
"""English text in the vocabularies of current language models; a rule of thumb of their makers."""
_LOOKED_AT = 20
_IMAGE_TOKENS = 1000
"""What endpoints charge for an image of usual size, roughly."""
_ASSUMED = "picture information assumed: the pool cannot be read yet"


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Tokens of one request for a question and of one for its verification (0: none), and what they rest on."""

    write: float
    verify: float
    note: str


def prompt_size(run: RunFile) -> PromptSize:
    """Tokens of the run's own requests, measured on the first images of the pool; where it cannot be read, on an
    image of forty regions."""
    prompt = load_prompt(run.generation.prompt)
    try:
        known, note = _some(run), f"measured on {_LOOKED_AT} pictures"
    except DataEngineError:
        known, note = [_usual()], _ASSUMED
    cases = [_case()] * run.analysis.examples
    written = [prompt.write("Instance Attributes", cases, image, run.teacher, 0) for image in known]
    shown = _IMAGE_TOKENS if prompt.shows_image else 0
    write = _mean([len(request.system) + len(request.user) for request in written]) / CHARACTERS_PER_TOKEN + shown
    if "contradicted" not in run.generation.filters:
        return PromptSize(write, 0.0, note)
    asked = [prompt.verify("What is it?", ["a red ball"] * 4, image, run.teacher, 0) for image in known]
    verify = _mean([len(request.system) + len(request.user) for request in asked]) / CHARACTERS_PER_TOKEN + shown
    return PromptSize(write, verify, note)


def _some(run: RunFile) -> list[Annotations]:
    source = open_source(run.images.source, run.images.data)
    images: Sequence[PoolImage] = source.images()[:_LOOKED_AT]
    return [source.annotations(image.image_id) for image in images]


def _usual() -> Annotations:
    """An image as Visual Genome describes them: forty regions of five words."""
    region = Region("a brown dog on grass", (10, 10, 50, 50))
    return Annotations(PoolImage("0", "0", 100, 100), (region,) * 40)


def _case() -> BadCase:
    return BadCase(
        question_id="",
        question="What is the color of the car on the left side of the picture?",
        question_type="",
        image="",
        choices=("It is red", "It is blue", "It is white", "It is green"),
        gold="It is red",
        answered="",
    )


def _mean(values: Sequence[int]) -> float:
    return math.fsum(values) / len(values)
