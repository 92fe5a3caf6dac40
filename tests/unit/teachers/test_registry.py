"""The `teacher` section of a run file: told apart by kind, and those of old runs go on being read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dataengine.teachers.openai_section import OpenAISection
from dataengine.teachers.registry import KINDS, AnyTeacher
from dataengine.teachers.scripted.section import AnnotationsSection
from dataengine.teachers.section import TeacherSection

FORMER = {
    "api_key_env": "OPENAI_API_KEY", "base_url": None, "concurrency": 8, "error_rate": 0.05, "kind": "annotations",
    "max_tokens": 800, "model": "", "temperature": 0.7, "timeout": 60.0, "top_p": 0.9,
}  # fmt: skip
"""As every stored configuration has it that was written before each kind had a section of its own."""


def read(content: dict[str, Any]) -> TeacherSection:
    return TypeAdapter[TeacherSection](AnyTeacher).validate_python(content)


def test_the_stored_section_of_an_old_run_is_read_whatever_its_kind() -> None:
    assert read(FORMER) == AnnotationsSection(error_rate=0.05)
    assert read({**FORMER, "kind": "openai", "model": "m"}) == OpenAISection(model="m")


def test_a_section_without_a_kind_is_the_scripted_teachers() -> None:
    assert read({}) == AnnotationsSection()
    assert read({"error_rate": 0.1}) == AnnotationsSection(error_rate=0.1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model": "m"}, "say `kind: openai`"),
        ({"kind": "oracle"}, "expected tags"),
        ({"kind": "openai", "modell": "m"}, "modell"),
        ({"kind": "annotations", "extra": {}}, "extra"),
    ],
)
def test_what_cannot_be_meant_is_refused(content: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        read(content)


def test_what_is_stored_is_read_back_equal() -> None:
    for section in (
        AnnotationsSection(error_rate=0.5),
        OpenAISection(model="m", extra={"a": {"b": 1}}, temperature=None),
    ):
        assert read(section.model_dump(mode="json")) == section


def test_every_kind_is_known_by_its_name() -> None:
    assert {"annotations": AnnotationsSection, "openai": OpenAISection} == KINDS
