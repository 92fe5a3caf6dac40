"""The run files of the published systems: valid, and `--check` names what is missing and starts nothing."""

import json
from pathlib import Path

import pytest

from dataengine.runtime.runfile import read_run_file
from tests.unit.cli.commands import CommandLine

EXAMPLES = Path(__file__).parents[3] / "examples"
SYSTEMS = {
    "llava-1.5-7b": ("llava-1.5", "gen-2", "sqrt-error", 10, (80_000, 90_000, 50_000)),
    "minigpt4-v2": ("minigpt4-v2", "gen-2", "sqrt-error", 10, (100_000, 80_000, 90_000)),
    "minigpt4": ("minigpt4", "gen-1", "error", 2, (4_000, 4_000)),
}


@pytest.fixture
def dataengine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return CommandLine(monkeypatch, capsys)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_run_file_says_the_published_method(name: str) -> None:
    run = read_run_file(EXAMPLES / name / "run.yaml")
    bought = tuple(run.generation.budget_in(number) for number in range(1, run.rounds + 1))
    told = (run.student.family, run.generation.prompt, run.analysis.weighting, run.analysis.examples, bought)
    assert told == SYSTEMS[name]


def test_the_first_generation_s_pictures_are_chosen_as_published() -> None:
    run = read_run_file(EXAMPLES / "minigpt4" / "run.yaml")
    pictures, teacher = run.pictures, run.teacher
    assert (pictures.most_boxes, pictures.once, pictures.nearest) == (10, True, 1000)
    assert pictures.embeddings is not None
    assert (teacher.temperature, teacher.top_p, teacher.max_tokens) == (0.7, 0.9, 800)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_check_names_everything_that_is_missing_plans_all_the_same_and_starts_nothing(
    dataengine: CommandLine, tmp_path: Path, name: str
) -> None:
    ended = dataengine("run", EXAMPLES / name / "run.yaml", "--check", "--json", "--home", tmp_path)
    assert ended.code == 2
    said = json.loads(ended.out)
    problems = {problem.split(":", 1)[0]: problem for problem in said["problems"]}
    assert problems.keys() == {"student", "benchmark", "pictures", "teacher", "replay"}
    assert "there is no such folder of weights" in problems["student"]
    assert "OPENAI_API_KEY is not set" in problems["teacher"]
    assert str(EXAMPLES / name) in problems["pictures"]
    rounds = [text for key, text in said["checks"].items() if key.startswith("round ")]
    assert len(rounds) == len(SYSTEMS[name][-1])
    assert all("USD" in text and "M tokens" in text for text in rounds)
    assert "GiB on each device" in said["checks"]["memory"]
    assert not list(tmp_path.iterdir())


def test_a_card_that_is_too_small_is_a_problem_with_what_to_do(dataengine: CommandLine, tmp_path: Path) -> None:
    text = (EXAMPLES / "llava-1.5-7b" / "run.yaml").read_text()
    small = tmp_path / "small.yaml"
    small.write_text(text.replace("gpu_memory: 80", "gpu_memory: 24"))
    ended = dataengine("run", small, "--check", "--home", tmp_path)
    assert "a device has 24" in ended.err
    assert "gradient_checkpointing" in ended.err


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_says_in_a_page_what_it_needs_and_what_is_not_as_published(name: str) -> None:
    page = (EXAMPLES / name / "README.md").read_text()
    run = read_run_file(EXAMPLES / name / "run.yaml")
    for path in (run.student.base, run.pictures.data):
        assert path.relative_to(EXAMPLES / name).parts[1] in page
    assert "Done otherwise" in page
    assert "has not been made by us" in page
