from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dataengine.experiment.curves import curve, difference, efficiency, samples_to_reach
from dataengine.experiment.design import ExperimentFile
from dataengine.experiment.outcomes import Asked, CellOutcome, RoundOutcome
from dataengine.experiment.plotting import plot
from dataengine.experiment.results import as_object, summarise, table

ASKED = 40


def round_outcome(samples: int, right: Mapping[str, int], asked: Mapping[str, int]) -> RoundOutcome:
    questions = {
        f"{name}-{i}": Asked(f"{i % 10}.png", name, float(i < right[name]))
        for name in right
        for i in range(asked[name])
    }
    return RoundOutcome(samples, dict.fromkeys(right, samples // len(right)), questions)


def cell(
    arm: str, seed: int, right: Sequence[Mapping[str, int]], asked: Mapping[str, int] | None = None
) -> CellOutcome:
    asked = asked or dict.fromkeys(right[0], ASKED)
    return CellOutcome(arm, seed, tuple(round_outcome(100 * k, r, asked) for k, r in enumerate(right)))


def arm(name: str, gains: Sequence[int], seeds: int = 4) -> dict[int, CellOutcome]:
    """Two types; type `a` gains so many answers over the rounds, with a little luck that depends on the seed."""
    return {
        seed: cell(name, seed, [{"a": 10 + gain + (seed % 2 if gain else 0), "b": 20} for gain in gains])
        for seed in range(seeds)
    }


ARMS = {"gain": arm("gain", [0, 8, 16]), "uniform": arm("uniform", [0, 4, 8])}


def experiment() -> ExperimentFile:
    return ExperimentFile(
        experiment="trial",
        run=Path("run.yaml"),
        arms={"gain": {}, "uniform": {}},
        target="gain",
        controls=("uniform",),
        seeds=(0, 1, 2, 3),
    )


def test_a_curve_is_the_mean_over_the_seeds_with_an_interval_around_it() -> None:
    points = curve(ARMS["gain"], "micro")
    assert [p.samples for p in points] == [0, 100, 200]
    assert points[2].accuracy == pytest.approx((26.5 + 20) / 80)
    assert points[2].interval.low < points[2].accuracy < points[2].interval.high


def test_macro_counts_types_alike_and_micro_counts_questions_alike() -> None:
    outcome = cell("x", 0, [{"often": 90, "seldom": 0}], {"often": 90, "seldom": 10}).rounds[0]
    assert outcome.accuracy("macro") == pytest.approx(0.5)
    assert outcome.accuracy("micro") == pytest.approx(0.9)


def test_the_difference_is_paired_by_seed_so_that_what_seeds_share_cancels() -> None:
    gap = difference(ARMS, "gain", "uniform", "micro", 2)
    assert gap.mean == pytest.approx(8 / 80)
    assert gap.per_seed == pytest.approx([0.1] * 4)
    assert gap.interval.low == pytest.approx(gap.interval.high)
    assert gap.clustered.low <= gap.mean <= gap.clustered.high


@pytest.mark.parametrize("metric", ["macro", "micro"])
def test_the_clustered_interval_is_of_the_same_number_as_the_mean(metric: str) -> None:
    asked = {"often": 60, "seldom": 20}
    arms = {
        name: {s: cell(name, s, [{"often": 10, "seldom": right}], asked) for s in range(3)}
        for name, right in (("gain", 15), ("uniform", 5))
    }
    gap = difference(arms, "gain", "uniform", metric, 0)  # type: ignore[arg-type]
    middle = (gap.clustered.low + gap.clustered.high) / 2
    assert middle == pytest.approx(gap.mean, abs=0.05)


def test_different_seeds_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        difference(
            {"gain": arm("gain", [0, 1], 3), "uniform": arm("uniform", [0, 1], 4)}, "gain", "uniform", "micro", 1
        )


@pytest.mark.parametrize(
    ("level", "expected"), [(0.1, 0.0), (0.3, 50.0), (0.4, 100.0), (0.45, 150.0), (0.5, 200.0), (0.6, math.inf)]
)
def test_samples_to_reach_a_level_are_read_off_the_curve(level: float, expected: float) -> None:
    assert samples_to_reach(level, [0, 100, 200], [0.2, 0.4, 0.5]) == pytest.approx(expected)


def test_twice_the_learning_is_twice_the_sample_efficiency() -> None:
    found = efficiency(ARMS, "gain", "uniform", "micro", 2)
    assert found.target_to_match == pytest.approx(100, abs=7)
    assert found.ratio == pytest.approx(2, abs=0.2)
    assert math.isinf(found.to_match_target)


def test_a_control_that_was_run_longer_tells_what_it_takes_to_match() -> None:
    arms = {"gain": arm("gain", [0, 8]), "uniform": arm("uniform", [0, 4, 8, 12])}
    assert efficiency(arms, "gain", "uniform", "micro", 1).to_match_target == pytest.approx(200, abs=1)


def test_the_target_wins_only_if_it_beats_every_control_beyond_doubt() -> None:
    cells = [c for cells in ARMS.values() for c in cells.values()]
    results = summarise(experiment(), cells)
    assert results.last_round == 2
    assert results.target_wins
    turned = experiment().model_copy(update={"target": "uniform", "controls": ("gain",)})
    assert not summarise(turned, cells).target_wins


def test_seeds_that_not_every_arm_has_are_left_out() -> None:
    cells = [*arm("gain", [0, 8], 4).values(), *arm("uniform", [0, 4], 3).values()]
    assert as_object(summarise(experiment(), cells))["seeds"] == [0, 1, 2]
    with pytest.raises(ValueError, match="fewer than two seeds"):
        summarise(experiment(), cells[:5])


def test_results_are_json_and_say_null_where_a_curve_never_gets_there() -> None:
    cells = [c for cells in ARMS.values() for c in cells.values()]
    said = json.loads(json.dumps(as_object(summarise(experiment(), cells)), allow_nan=False))
    assert said["results"]["macro"]["efficiencies"][0]["to_match_target"] is None
    assert said["target_wins"] is True
    assert len(said["cells"]) == 8


def test_the_table_has_every_arm_and_type_and_the_image_is_drawn(tmp_path: Path) -> None:
    results = summarise(experiment(), [c for cells in ARMS.values() for c in cells.values()])
    text = table(results)
    assert "| **gain** |" in text
    assert "| uniform |" in text
    assert "| a | " in text
    assert "more than were bought" in text
    plot(results, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
