"""The run files of the published systems: valid, and `--check` names what is missing and starts nothing."""

import json
from pathlib import Path

import pytest

from dataengine.runtime.runfile import read_run_file
from dataengine.training.mixture import by_sqrt_size
from tests.unit.cli.commands import CommandLine

EXAMPLES = Path(__file__).parents[3] / "examples"
SYSTEMS = {
    "llava-1.5-7b": ("llava-1.5", "gen-2", "sqrt-error", 10, (80_000, 90_000, 50_000)),
    "minigpt4-v2": ("minigpt4-v2", "gen-2", "sqrt-error", 10, (100_000, 80_000, 90_000)),
    "minigpt4": ("minigpt4", "gen-1", "error", 2, (4_900, 18_200)),
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


def test_the_first_generation_s_images_are_chosen_as_published() -> None:
    run = read_run_file(EXAMPLES / "minigpt4" / "run.yaml")
    images, teacher = run.images, run.teacher
    assert (images.max_objects, images.exclude_used, images.nearest_k) == (10, True, 1000)
    assert images.embeddings is not None
    assert (teacher.temperature, teacher.top_p, teacher.max_tokens) == (0.7, 0.9, 800)


def test_llava_s_file_is_mixed_in_as_it_is_published() -> None:
    mix = read_run_file(EXAMPLES / "llava-1.5-7b" / "run.yaml").training.mixed()
    assert mix is not None
    assert (mix.by, [given.data.name for given in mix.sets]) == ("size", ["llava_v1_5_mix665k.json"])
    assert [part.form for part in mix.engine] == ["both"]


def test_minigpt4_v2_draws_25_data_sets_by_ratios_that_sum_to_850() -> None:
    mix = read_run_file(EXAMPLES / "minigpt4-v2" / "run.yaml").training.mixed()
    assert mix is not None and mix.by == "ratio"
    assert len(mix.parts) == 25
    assert sum(part.ratio or 0 for part in mix.parts) == 850
    assert [(part.form, part.ratio) for part in mix.engine] == [
        ("sentence", 40), ("choice", 40), ("permuted-choice", 40),
    ]  # fmt: skip
    mean = sum((part.batch_size or 0) * (part.ratio or 0) for part in mix.parts) / 850
    assert mean == pytest.approx(4.2, abs=0.01)


def test_the_first_generation_draws_by_the_root_of_size_each_round_by_itself() -> None:
    run = read_run_file(EXAMPLES / "minigpt4" / "run.yaml")
    mix = run.training.mixed()
    assert mix is not None and mix.by == "sqrt-size"
    assert [part.each_round for part in mix.engine] == [True]
    sizes = {"cc-sbu-align": 3439, "aokvqa": 17_056, "round 1": run.generation.budget_in(1)}
    sizes |= {"round 2": run.generation.budget_in(2)}
    shares, published = by_sqrt_size(sizes), (60, 130, 70, 135)
    assert list(shares.values()) == pytest.approx([ratio / sum(published) for ratio in published], abs=0.005)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_check_names_everything_that_is_missing_plans_all_the_same_and_starts_nothing(
    dataengine: CommandLine, tmp_path: Path, name: str
) -> None:
    ended = dataengine("run", EXAMPLES / name / "run.yaml", "--check", "--json", "--home", tmp_path)
    assert ended.code == 2
    said = json.loads(ended.out)
    problems = {problem.split(":", 1)[0]: problem for problem in said["problems"]}
    assert problems.keys() - {"disk"} == {"student", "benchmark", "pictures", "teacher", "mix"}  # as large as it is
    assert f"{name}/data" in problems["mix"] and "there is no such file" in problems["mix"]
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
    for path in (run.student.base, run.images.data):
        assert path.relative_to(EXAMPLES / name).parts[1] in page
    assert "Done otherwise" in page
    assert "has not been made by us" in page
