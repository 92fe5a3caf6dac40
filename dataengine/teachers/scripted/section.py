"""The section of the scripted teacher."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataengine.core.ports import Teacher
from dataengine.teachers.section import TeacherSection
from dataengine.wire.sections import Share


class AnnotationsSection(TeacherSection):
    """The scripted teacher, which needs no network: it reads what is known about the image."""

    sees_images: ClassVar[bool] = False
    costs_money: ClassVar[bool] = False
    takes_any_prompt: ClassVar[bool] = False

    kind: Literal["annotations"] = "annotations"
    """`annotations`: reads what is known about the image, without a network."""
    error_rate: Share = 0.0
    """How often it answers wrongly on purpose, so that the filters have something to catch."""

    def open(self) -> Teacher:
        """See TeacherSection."""
        from dataengine.teachers.scripted.teacher import AnnotationTeacher

        return AnnotationTeacher(self.error_rate)

    def preflight(self) -> str:
        """See TeacherSection."""
        return f"reads the annotations, errs in {self.error_rate:.0%} of its answers"
