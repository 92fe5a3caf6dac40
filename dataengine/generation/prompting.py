"""Requests to the teacher, from the prompt files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import Template

from dataengine.core.images import Annotations, Region
from dataengine.core.ports import TeacherRequest
from dataengine.teachers.request_lines import Box, lettered, object_line, question_lines, region_line
from dataengine.teachers.section import TeacherSection
from dataengine.wire.documents import BadCase

FORMS = ("gen-2", "gen-1", "vision")
"""What a prompt tells of an image: region lines, captions and boxes, or the image itself."""

_DECIMALS = {"gen-2": 2, "gen-1": 3}
_NONE = "(none)"
_TEXT = {"type": "string"}
_REPLY = {
    **dict.fromkeys(("question", "answer", "short_answer"), _TEXT),
    "options": {"type": "array", "items": _TEXT},
    "choice_answer": _TEXT,
}
REPLY_SCHEMA = json.dumps(
    {"type": "object", "properties": _REPLY, "required": list(_REPLY), "additionalProperties": False}
)
"""What a draft looks like, for endpoints that can be held to it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One way to ask: its form, its text with places to fill in, and the definitions of question types.

    `digest` is over all of it, so that a sample says which words it came from. A request of the form `vision` needs the
    image's bytes, and the others carry none.
    """

    form: str
    system: str
    user: Template
    verify_system: str
    verify_user: Template
    definitions: Mapping[str, str]
    digest: str

    @property
    def shows_image(self) -> bool:
        """Whether the image itself goes along."""
        return self.form == "vision"

    def write(
        self,
        qtype: str,
        bad_cases: Sequence[BadCase],
        annotations: Annotations,
        teacher: TeacherSection,
        seed: int,
        image: bytes | None = None,
    ) -> TeacherRequest:
        """Ask for one question of a type about an image, in the manner of bad cases."""
        user = self.user.substitute(
            qtype=qtype,
            definition=self.definitions.get(qtype, f"Questions that a benchmark calls {qtype}."),
            examples="\n\n".join(_example(case) for case in bad_cases) or _NONE,
            information=information(annotations, self.form),
        )
        return replace(self._request(self.system, user, teacher, seed, image), schema=REPLY_SCHEMA)

    def verify(
        self,
        question: str,
        options: Sequence[str],
        annotations: Annotations,
        teacher: TeacherSection,
        seed: int,
        image: bytes | None = None,
    ) -> TeacherRequest:
        """Ask which option is right, without saying what was answered before."""
        told = "" if self.shows_image else information(annotations, "gen-2")
        if self.form == "gen-1" and annotations.captions:
            told = "\n".join([*annotations.captions, told])
        user = self.verify_user.substitute(question=question, options=lettered(options), information=told)
        return self._request(self.verify_system, user, teacher, seed, image)

    def _request(
        self, system: str, user: str, teacher: TeacherSection, seed: int, image: bytes | None
    ) -> TeacherRequest:
        return TeacherRequest(
            system.strip(),
            user.strip(),
            temperature=teacher.temperature,
            top_p=teacher.top_p,
            max_tokens=teacher.max_tokens,
            seed=seed,
            image=image if self.shows_image else None,
        )


def _example(case: BadCase) -> str:
    return question_lines(case.question, case.choices, case.gold)


def information(annotations: Annotations, form: str) -> str:
    """What a teacher is told about an image. gen-2: `[x1, y1, x2, y2]: phrase`, writing in the image in the same
    form; gen-1: captions, then `name: [x1, y1, x2, y2]`; vision: nothing. Coordinates are shares of the two sides."""
    if form == "vision":
        return ""
    decimals = _DECIMALS[form]
    if form == "gen-1":
        things = annotations.objects or annotations.regions
        lines = [*annotations.captions, *(object_line(r.phrase, _shares(r, annotations), decimals) for r in things)]
    else:
        regions = (*annotations.regions, *annotations.text_lines)
        lines = [region_line(region.phrase, _shares(region, annotations), decimals) for region in regions]
    return "\n".join(lines) or _NONE


def _shares(region: Region, annotations: Annotations) -> Box:
    width, height = annotations.image.width, annotations.image.height
    x1, y1, x2, y2 = region.box
    return x1 / width, y1 / height, x2 / width, y2 / height
