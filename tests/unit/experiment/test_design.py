from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dataengine.core.errors import ConfigurationError
from dataengine.experiment.design import read_experiment

RUN: dict[str, Any] = {
    "run": "base",
    "student": {"family": "tiny-llava", "base": "base"},
    "benchmark": {"name": "seed-bench", "data": {"data": "questions"}},
    "pictures": {"source": "visual-genome", "data": "pool"},
    "generation": {"budget": 800},
}
EXPERIMENT: dict[str, Any] = {
    "experiment": "trial",
    "run": "run.yaml",
    "settings": {"generation.budget": 100, "analysis.patience": 1000},
    "arms": {"gain": {"analysis.weighting": "gain"}, "uniform": {"analysis.weighting": "uniform"}},
    "target": "gain",
    "controls": ["uniform"],
    "seeds": [3, 4],
}


def written(folder: Path, **changed: Any) -> Path:
    (folder / "run.yaml").write_text(yaml.safe_dump(RUN))
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump({**EXPERIMENT, **changed}))
    return path


def test_cells_differ_in_nothing_but_name_seed_and_the_arms_settings(tmp_path: Path) -> None:
    cells = read_experiment(written(tmp_path)).cells()
    assert [(cell.arm, cell.seed) for cell in cells] == [("gain", 3), ("uniform", 3), ("gain", 4), ("uniform", 4)]
    assert [cell.run.run for cell in cells[:2]] == ["trial-gain-3", "trial-uniform-3"]
    assert [cell.run.analysis.weighting for cell in cells[:2]] == ["gain", "uniform"]
    same = [cell.run.model_dump(exclude={"run": True, "seed": True, "analysis": {"weighting"}}) for cell in cells]
    assert all(one == same[0] for one in same)
    assert cells[0].run.generation.budget == 100
    assert cells[0].run.student.base == tmp_path / "base"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "best"}, "there is no arm best"),
        ({"controls": ["gain"]}, "own control"),
        ({"seeds": [1, 1]}, "named twice"),
        ({"seeds": [1]}, "seeds"),
        ({"settings": {"seed": 3}}, "set by the experiment itself"),
        ({"repeat": 3}, "repeat"),
    ],
)
def test_a_wrong_experiment_file_is_refused_with_what_is_wrong(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_experiment(written(tmp_path, **changed))


def test_a_setting_that_the_run_file_does_not_know_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    path = written(tmp_path, arms={"gain": {"analysis.wheighting": "gain"}, "uniform": {}})
    with pytest.raises(ConfigurationError, match="wheighting"):
        read_experiment(path).cells()


@pytest.mark.parametrize("content", ["[1, 2", "just a sentence", "- a\n- b\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"experiment\.yaml"):
        read_experiment(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such experiment file"):
        read_experiment(tmp_path / "nowhere.yaml")
