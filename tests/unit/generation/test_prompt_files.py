"""Prompt files: what is a prompt, and what is not."""

from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.generation.prompt_files import file_text, load_prompt, prompt_of, text_of
from dataengine.teachers.scripted.section import AnnotationsSection

KNOWN = Annotations(PoolImage("7", "vg/VG_100K/7.jpg", 200, 100), (Region("a ball", (20, 10, 70, 33)),))
KEYS = '{"question": "", "answer": "", "short_answer": "", "options": [], "choice_answer": ""}'
GOOD = f"=== system ===\nBe kind.\n=== user ===\n$qtype $definition $examples $information {KEYS}\n"


def test_a_file_of_one_s_own_is_a_prompt_with_a_digest_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(GOOD)
    prompt = load_prompt(str(file))
    assert (prompt.form, prompt.system) == ("gen-2", "Be kind.\n")
    assert "[0.10, 0.10, 0.35, 0.33]: a ball" in prompt.write("t", [], KNOWN, AnnotationsSection(), 0).user
    file.write_text(GOOD.replace("kind", "brief"))
    assert load_prompt(str(file)).digest != prompt.digest


@pytest.mark.parametrize("name", ["gen-2", "gen-1", "vision"])
def test_a_published_prompt_written_to_a_file_is_the_same_prompt(tmp_path: Path, name: str) -> None:
    form, text = text_of(name)
    file = tmp_path / "copy.txt"
    file.write_text(file_text(form, text))
    assert load_prompt(str(file)) != load_prompt(name)  # templates have no equality
    assert load_prompt(str(file)).digest == load_prompt(name).digest
    assert load_prompt(str(file)).form == form


def test_the_vision_prompt_shows_the_image_and_tells_nothing_of_it() -> None:
    prompt = load_prompt("vision")
    assert prompt.shows_image
    for request in (
        prompt.write("Text Understanding", [], KNOWN, AnnotationsSection(), 1, b"pixels"),
        prompt.verify("What?", ["a", "b"], KNOWN, AnnotationsSection(), 1, b"pixels"),
    ):
        assert request.image == b"pixels"
        assert "a ball" not in request.user
        assert "$" not in request.user


def test_prompts_for_text_send_no_image_even_where_there_is_one() -> None:
    assert load_prompt("gen-2").write("t", [], KNOWN, AnnotationsSection(), 1, b"pixels").image is None


@pytest.mark.parametrize(
    ("text", "form", "problem"),
    [
        ("Write a question.", "gen-2", "is no prompt"),
        (GOOD + GOOD, "gen-2", "is no prompt"),
        (GOOD.replace("$examples", ""), "gen-2", r"\$examples"),
        (GOOD.replace("$examples", "$examples $hint"), "gen-2", r"\$hint"),
        (GOOD.replace("$examples", "$examples costs $5"), "gen-2", "names no place"),
        (GOOD.replace('"short_answer"', '"short"'), "gen-2", "does not ask for short_answer"),
        (GOOD, "vision", r"\$information"),
        (GOOD, "gen-3", "no form 'gen-3'"),
    ],
)
def test_what_is_no_prompt_says_why(text: str, form: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        prompt_of(text, form, "mine.txt")


def test_a_missing_file_and_an_unknown_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such prompt file"):
        load_prompt(str(tmp_path / "none.txt"))
    with pytest.raises(ConfigurationError, match="no prompt 'gen-3'"):
        load_prompt("gen-3")
