"""Who writes questions and answers: OpenAI-compatible endpoints, and a scripted one that knows annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.teachers.openai_compatible import OpenAITeacher
    from dataengine.teachers.scripted.teacher import AnnotationTeacher
else:
    __getattr__ = lazily(
        __name__,
        {
            "OpenAITeacher": "openai_compatible",
            "AnnotationTeacher": "scripted.teacher",
        },
    )

__all__ = ["AnnotationTeacher", "OpenAITeacher"]
