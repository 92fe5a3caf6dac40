"""Requests to the teacher, from the prompt files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from dataengine.core.images import Annotations, Region
from dataengine.core.ports import TeacherRequest
from dataengine.core.samples import LETTERS
from dataengine.runtime.runfile import TeacherSection
from dataengine.wire.documents import BadCase

FORMS = ("gen-2", "gen-1", "vision")
"""What a prompt tells of an image: region lines, captions and boxes, or the image itself."""

_DECIMALS = {"gen-2": 2, "gen-1": 3}
_NONE = "(none)"


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
        return self._request(self.system, user, teacher, seed, image)

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


def lettered(options: Sequence[str]) -> str:
    """`A. red`, one option a line."""
    return "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))


def _example(case: BadCase) -> str:
    lines = [f"Question: {' '.join(case.question.split())}"]
    lines += [lettered(case.choices)] if case.choices else []
    return "\n".join([*lines, f"Answer: {case.gold}"])


def information(annotations: Annotations, form: str) -> str:
    """What a teacher is told about an image. gen-2: `[x1, y1, x2, y2]: phrase`, writing in the image in the same
    form; gen-1: captions, then `name: [x1, y1, x2, y2]`; vision: nothing. Coordinates are shares of the two sides."""
    if form == "vision":
        return ""
    decimals = _DECIMALS[form]
    if form == "gen-1":
        things = annotations.objects or annotations.regions
        lines = [*annotations.captions, *(f"{_line(r)}: {_box(r, annotations, decimals)}" for r in things)]
    else:
        regions = (*annotations.regions, *annotations.text_lines)
        lines = [f"{_box(region, annotations, decimals)}: {_line(region)}" for region in regions]
    return "\n".join(lines) or _NONE


def _line(region: Region) -> str:
    return " ".join(region.phrase.split())


def _box(region: Region, annotations: Annotations, decimals: int) -> str:
    width, height = annotations.image.width, annotations.image.height
    shares = (value / size for value, size in zip(region.box, (width, height) * 2, strict=True))
    return "[" + ", ".join(f"{min(1.0, max(0.0, share)):.{decimals}f}" for share in shares) + "]"
