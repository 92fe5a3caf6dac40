"""What a mix is known by, and what it may not be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from dataengine.training.training_set import RoundSamples, training_set_of
from tests.unit.training.harness import pets_by_ratio, run_of, sample


def test_a_mix_is_known_by_files_ratios_forms_sizes_and_seed(tmp_path: Path) -> None:
    def digest(training: dict[str, object], seed: int = 0) -> str:
        run = run_of(training)
        rounds = [RoundSamples(1, "0" * 64, [sample(n, 1) for n in range(3)])]
        return training_set_of(run, rounds, 0, seed, tmp_path / "work").doc.digest

    known = pets_by_ratio(tmp_path)
    digests = [digest(known), digest(known, seed=1), digest(pets_by_ratio(tmp_path, ratio=4))]
    section = run_of(known).training.model_dump(mode="json")["mix"]
    digests.append(digest({"mix": {**section, "engine": section["engine"][:2]}}))
    digests.append(digest({"mix": {**section, "sets": [{**section["sets"][0], "batch_size": 9}]}}))
    digests.append(digest({"mix": {**section, "sets": [{**section["sets"][0], "form": "choice"}]}}))
    digests.append(digest(pets_by_ratio(tmp_path, answers=["a dog", "a bird"])))
    assert len(set(digests)) == len(digests)
    assert digest(pets_by_ratio(tmp_path)) == digests[0]


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"mix": {"by": "ratio"}}, "give each of `sets` and `engine` a `ratio`"),
        ({"mix": {"sets": [{"name": "a", "data": "a", "ratio": 1}]}}, "a `ratio` has no meaning"),
        ({"mix": {"sets": [{"name": "a", "data": "a", "batch_size": 1}]}}, "a batch mixes data sets"),
        ({"mix": {"sets": [{"name": "a", "data": "a"}] * 2}}, "two data sets are called 'a'"),
        ({"mix": {}, "replay": {"data": "a"}}, "give `replay` or `mix`"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused_with_the_run_file(training: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        run_of(training)
