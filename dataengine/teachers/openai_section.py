"""The section of a teacher behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import Teacher
from dataengine.teachers.keys import teacher_key
from dataengine.teachers.section import TeacherSection


class OpenAISection(TeacherSection):
    """A model behind any OpenAI-compatible endpoint."""

    kind: Literal["openai"] = "openai"
    """`openai`: any compatible endpoint."""
    model: str = ""
    """The model's name."""
    base_url: str | None = None
    """The endpoint, if it is not the default one."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key. The key itself is never written anywhere."""
    names: dict[str, str] = Field(default={})
    """Parameters that the endpoint calls otherwise, such as `max_tokens: max_completion_tokens`. What it refuses under
    its usual name is renamed or left out by itself, and the log says so."""
    leave_out: tuple[str, ...] = ()
    """Parameters that are never sent, such as `seed` and `top_p`."""
    extra: dict[str, Any] = Field(default={})
    """Keys put into every request's body as they stand: reasoning effort, provider routing, safety settings."""
    response_format: Literal["none", "json_object", "json_schema"] = "none"
    """How a reply that is to be JSON is asked for, beside the prompt's words; `dataengine run --check` says what the
    endpoint takes."""

    @property
    def named(self) -> str:
        """The model."""
        return self.model or self.kind

    def key(self, environ: Mapping[str, str] = os.environ) -> str:
        """The key. Raises ConfigurationError as `teacher_key`."""
        return teacher_key(self.api_key_env, self.base_url, environ)

    def check(self) -> None:
        """Raises ConfigurationError if no model is named."""
        if not self.model:
            raise ConfigurationError("no model is named", where="teacher.model")

    def open(self) -> Teacher:
        """See TeacherSection."""
        from dataengine.teachers.openai_compatible import OpenAITeacher  # takes a second

        return OpenAITeacher.from_section(self)

    def preflight(self) -> str:
        """See TeacherSection."""
        self.key()
        self.check()
        return f"{self.model} at {self.base_url or 'the default endpoint'}"
