"""What `run --check` says of a mix."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.runtime.runfile import RunFile, read_run_file
from dataengine.testing.images import noisy_image
from dataengine.training.mixture_preflight import mix_bytes, mix_line, records_of_a_batch, with_largest_batch
from dataengine.training.recipe import Recipe
from tests.unit.training.harness import run_of

SAID = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "a dog"}]
ROW = {"image": "p.png", "conversations": SAID}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.png").write_bytes(noisy_image(1))
    (tmp_path / "listed.json").write_text(json.dumps([ROW] * 3))
    (tmp_path / "lines.jsonl").write_text(f"{json.dumps(ROW)}\n" * 2)
    return tmp_path


def run(folder: Path, *names: str, **mix: Any) -> RunFile:
    sets = [{"name": Path(name).stem, "data": str(folder / name), **mix.pop(Path(name).stem, {})} for name in names]
    return run_of({"mix": {"sets": sets, **mix}})


def test_each_data_set_is_counted(folder: Path) -> None:
    counts: dict[str, int] = {}
    said = mix_line(run(folder, "listed.json", "lines.jsonl"), counts)
    assert said == "by size: listed 3, lines 2; the engine's data as direct"
    assert counts == {"mix": 5}
    assert mix_bytes(run(folder, "listed.json", "gone.json")) == (folder / "listed.json").stat().st_size


def test_the_engine_s_share_of_the_steps_is_told(folder: Path) -> None:
    engine = [{"form": form, "ratio": 40} for form in ("direct", "choice")]
    given = run(folder, "listed.json", by="ratio", engine=engine, listed={"ratio": 720, "batch_size": 9})
    assert mix_line(given, {}).endswith("the engine's data as direct, choice, 10.0% of the steps")
    recipe = Recipe(batch_size=4)
    assert records_of_a_batch(given, recipe) == pytest.approx(0.9 * 9 + 0.1 * 4)
    assert with_largest_batch(given, recipe).batch_size == 9


def test_without_a_mix_nothing_changes() -> None:
    counts: dict[str, int] = {}
    assert mix_line(run_of({}), counts) == "none"
    assert counts == {} and mix_bytes(run_of({})) == 0
    assert with_largest_batch(run_of({}), Recipe(batch_size=5)) == Recipe(batch_size=5)
    assert records_of_a_batch(run_of({}), Recipe(batch_size=5)) == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"bad\.json: there is no such file"),
        ([], r"bad\.json: holds no record"),
        ([ROW, {**ROW, "image": "gone.png"}], r"bad\.json, entry 2: the picture .*gone\.png is missing"),
        ([ROW, {"image": "p.png", "conversations": SAID[:1]}], r"bad\.json, entry 2: human and gpt do not take turns"),
    ],
)
def test_what_is_wrong_is_one_error_that_says_where_and_what_to_do(folder: Path, content: Any, said: str) -> None:
    if content is not None:
        (folder / "bad.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=said) as caught:
        mix_line(run(folder, "listed.json", "bad.json"), {})
    assert caught.value.todo


def test_several_broken_data_sets_are_one_error(folder: Path) -> None:
    with pytest.raises(InputError, match=r"4 data sets cannot be read: .*a\.json.*b\.json.*c\.json.*and 1 more"):
        mix_line(run(folder, "a.json", "b.json", "c.json", "d.json"), {})


def test_paths_of_a_mix_are_relative_to_the_run_file(folder: Path) -> None:
    content = run(folder, "listed.json").model_dump(mode="json")
    content["training"]["mix"]["sets"] = [{"name": "a", "data": "mixes/a.json", "pictures": "pictures"}]
    (folder / "run.yaml").write_text(json.dumps(content))
    mix = read_run_file(folder / "run.yaml").training.mixed()
    assert mix is not None
    (given,) = mix.sets
    assert (given.data, given.images) == (folder / "mixes" / "a.json", folder / "pictures")


def test_records_without_an_image_are_counted_aloud(folder: Path) -> None:
    blind = {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "so"}]}
    (folder / "some.json").write_text(json.dumps([ROW, blind, ROW]))
    assert "some 3 (1 without an image)" in mix_line(run(folder, "some.json"), {})
