"""Sections of the run file that say what is bought: images, generation, and what it costs.

Each teacher has its section with it, in `dataengine.teachers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from dataengine.teachers.section import TeacherSection
from dataengine.wire.sections import Section, Share, former_name, formerly

__all__ = [
    "PROMPT_FILE",
    "CostSection",
    "GenerationSection",
    "ImagesSection",
    "Section",
    "Share",
    "TeacherSection",
    "former_name",
    "formerly",
]

PROMPT_FILE = ".txt"
"""What the path of a prompt file ends in."""


class ImagesSection(Section):
    """The pool of images that the teacher writes about."""

    source: str
    """An image source's name: visual-genome, visual-genome-related (relationships too), coco, easy-vqa, or `folder`:
    images of which nothing else is known, for a teacher that sees them."""
    data: Path
    """The source's folder."""
    limit: int | None = Field(default=None, ge=1)
    """Use only this many images, drawn with the run's seed."""
    max_objects: int | None = Field(default=None, ge=0, validation_alias=formerly("max_objects", "most_boxes"))
    """Leave out images of which more things are known than this (gen-1: 10)."""
    exclude_used: bool = Field(default=False, validation_alias=formerly("exclude_used", "once"))
    """Draw no image that an accepted sample of a former round is about, while there are others (gen-1)."""
    embeddings: Path | None = None
    """Folder that `dataengine data embed` wrote. With it, every other request is about one of the images that look
    most like the image of the first bad case that it shows (gen-1)."""
    ocr: Path | None = Field(default=None, validation_alias=formerly("ocr", "writing"))
    """Folder that `dataengine data read-text` wrote. With it, the teacher is told the text in the images."""
    nearest_k: int = Field(default=1000, ge=1, validation_alias=formerly("nearest_k", "nearest"))
    """embeddings only: how many images look most like it."""


class GenerationSection(Section):
    """How many samples are bought, and which are refused."""

    budget: int = Field(ge=1)
    """Accepted samples per round."""
    budgets: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Accepted samples of round 1, 2, … where rounds differ; `budget` for the rounds after them."""
    per_part: int = Field(default=100, ge=1)
    """Accepted samples per generation task: the unit that replicas share."""
    max_requests_per_sample: float = Field(
        default=2.0, ge=1, validation_alias=formerly("max_requests_per_sample", "attempts")
    )
    """At most this many requests per accepted sample."""
    stop_after: int = Field(default=50, ge=1)
    """A part whose first so many requests are all refused asks no further; where no other part of the round has got
    anything accepted, the round stops, and says why."""
    prompt: Annotated[str, Field(pattern=r"^(gen-2|gen-1|vision|.+\.txt)$")] = "gen-2"
    """How the teacher is asked: `gen-2` as published (region lines), `gen-1` as published (captions and boxes),
    `vision` (the image itself goes along), or the path of a prompt file of your own, such as
    `dataengine prompt optimise` writes."""
    filters: tuple[str, ...] = (
        "malformed",
        "no-single-right-option",
        "hints",
        "leak",
        "near-duplicate",
        "contradicted",
    )
    """Filters by name, in order."""
    duplicate_similarity: Share = 0.9
    """Samples about one image whose questions are more alike than this are one."""

    template_share: Share = 0.05
    """Of a round's samples, at most this share (100 in any case) may ask nearly the same question of different
    images; those beyond are refused as `template`."""

    def budget_in(self, number: int) -> int:
        """Accepted samples wanted in round `number` (from 1)."""
        return self.budgets[number - 1] if number <= len(self.budgets) else self.budget


class CostSection(Section):
    """Prices and speeds of your machines and your teacher, for the plan that `--check` prints. None is built in."""

    currency: str = "USD"
    """In which the prices are."""
    prompt_tokens: float | None = Field(default=None, ge=0)
    """Money per million tokens that the teacher reads."""
    completion_tokens: float | None = Field(default=None, ge=0)
    """Money per million tokens that the teacher writes."""
    acceptance: Share = 0.7
    """Share of the teacher's drafts that the filters are expected to accept."""
    request_seconds: float | None = Field(default=None, gt=0)
    """Seconds that the teacher takes for a request."""
    gpus: int = Field(default=1, ge=1)
    """Devices that train together."""
    gpu_memory: float | None = Field(default=None, gt=0)
    """GiB of memory of each."""
    gpu_hour: float | None = Field(default=None, ge=0)
    """Money per hour of each."""
    sharded: bool = False
    """Whether weights, gradients and optimizer are shared out over the devices (ZeRO-3, FSDP)."""
    training_rate: float | None = Field(default=None, gt=0)
    """Records that all devices together train on per second."""
    answer_rate: float | None = Field(default=None, gt=0)
    """Questions that the student answers per second."""
