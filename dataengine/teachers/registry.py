"""Every kind of teacher that a run file may name. A new one is one file beside this one and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from dataengine.teachers.openai_section import OpenAISection
from dataengine.teachers.scripted.section import AnnotationsSection
from dataengine.teachers.section import TeacherSection

Teachers = (
    AnnotationsSection
    | OpenAISection
)  # fmt: skip
"""The sections, told apart by `kind`."""

KINDS: Mapping[str, type[TeacherSection]] = {
    get_args(section.model_fields["kind"].annotation)[0]: section for section in get_args(Teachers)
}
"""The same by name."""

_FORMER = ("error_rate", "model", "base_url", "api_key_env")
"""Keys that stood in the section whatever its kind, and stand so in the configuration of old runs."""


def _of_a_kind(content: Any) -> Any:
    """A section without a kind is the scripted teacher's; former keys that its kind has no use for are passed over."""
    if not isinstance(content, dict):
        return content
    if "kind" not in content and content.get("model"):
        raise ValueError("a model is named: say `kind: openai` as well")
    kind = content.get("kind", "annotations")
    section = KINDS.get(kind)
    unused = [key for key in _FORMER if section is not None and key not in section.model_fields]
    return {"kind": kind, **{key: value for key, value in content.items() if key not in unused}}


AnyTeacher = Annotated[Teachers, Field(discriminator="kind"), BeforeValidator(_of_a_kind)]
"""The `teacher` section of a run file."""


def place_of(loc: Sequence[int | str]) -> str:
    """Where in a run file an error of validation is: pydantic names the kind of the teacher too, which is no key."""
    keys = [str(part) for part in loc]
    return ".".join([*keys[:1], *keys[2:]] if keys[:1] == ["teacher"] and keys[1:2] and keys[1] in KINDS else keys)
