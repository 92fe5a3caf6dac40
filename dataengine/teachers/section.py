"""What every teacher's section of the run file has."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import Field

from dataengine.core.ports import Teacher
from dataengine.wire.sections import Section


class TeacherSection(Section):
    """The model that writes questions and answers. `kind` says which of `dataengine.teachers.registry` it is; the keys
    below are those of every kind."""

    sees_images: ClassVar[bool] = True
    """Whether a prompt that shows the image itself is of use to it."""
    costs_money: ClassVar[bool] = True
    """Whether its tokens are paid for."""
    takes_any_prompt: ClassVar[bool] = True
    """Whether it makes something of prompts that are not this project's own."""

    kind: str
    """Which teacher."""
    temperature: float | None = Field(default=0.7, ge=0, le=2)
    """Sampling temperature; `null`: it is not sent, and the model's own holds."""
    top_p: float | None = Field(default=0.9, ge=0, le=1)
    """Nucleus sampling; `null`: it is not sent."""
    max_tokens: int = Field(default=800, ge=1)
    """Longest reply. A reply that is cut off there is asked for once more with four times the room."""
    concurrency: int = Field(default=8, ge=1)
    """Requests in flight per generator."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds until a request counts as unanswered."""

    @property
    def named(self) -> str:
        """Who it is, for a report."""
        return self.kind

    @abstractmethod
    def open(self) -> Teacher:
        """The teacher itself; whoever opens it closes it. Raises ConfigurationError if it cannot work."""

    @abstractmethod
    def preflight(self) -> str:
        """What `--check` says of it, in a line, without asking it anything. Raises ConfigurationError as `open`."""
