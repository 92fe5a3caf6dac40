"""What a prompt writes is what the scripted teacher reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.generation.prompt_files import load_prompt
from dataengine.teachers.request_lines import (
    VERIFY,
    WRITE,
    Asked,
    listed_types,
    numbered_questions,
    object_line,
    question_lines,
    read_request,
    read_sorting,
    region_line,
)
from dataengine.teachers.scripted.section import AnnotationsSection
from tests.unit.teachers.teacher_requests import bad_case, image

WORDS = st.text("abcdefgh ", min_size=1, max_size=20).map(lambda text: " ".join(text.split())).filter(bool)
SHARES = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
BOXES = st.tuples(SHARES, SHARES, SHARES, SHARES)


@given(st.lists(st.tuples(WORDS, BOXES), max_size=5), st.booleans())
def test_regions_and_objects_are_read_as_they_were_written(
    regions: list[tuple[str, tuple[float, ...]]], named: bool
) -> None:
    line = object_line if named else region_line
    text = "\n".join(line(phrase, box, 2) for phrase, box in regions)  # type: ignore[arg-type]
    assert list(read_request(text).regions) == regions


@given(WORDS, st.lists(WORDS, max_size=4).map(tuple), WORDS)
def test_questions_are_read_as_they_were_written(question: str, options: tuple[str, ...], answer: str) -> None:
    assert read_request(question_lines(question, options, answer)).questions == (Asked(question, options, answer),)


def test_a_sorting_is_read_as_it_was_written() -> None:
    text = f"{listed_types({'color': 'what color', 'count': 'how many'})}\n{numbered_questions(['What?', 'How many?'])}"
    assert read_sorting(text) == (("color", "count"), ((1, "What?"), (2, "How many?")))


@pytest.mark.parametrize("form", ["gen-2", "gen-1"])
def test_the_projects_own_prompts_say_their_task_type_examples_and_regions(form: str) -> None:
    prompt, known = load_prompt(form), image(("a ball", (0, 0, 10, 20)))
    told = read_request(prompt.write("Color", [bad_case("What?", "red", "blue")], known, AnnotationsSection(), 0).user)
    assert (told.task, told.question_type) == (WRITE, "Color")
    assert told.questions == (Asked("What?", ("red", "blue"), "red"),)
    assert told.regions == (("a ball", (0.0, 0.0, 0.1, 0.2)),)
    told = read_request(prompt.verify("What?", ["red", "blue"], known, AnnotationsSection(), 0).user)
    assert (told.task, told.questions) == (VERIFY, (Asked("What?", ("red", "blue")),))
