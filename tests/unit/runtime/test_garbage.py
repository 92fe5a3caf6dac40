from __future__ import annotations

import os
from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError, ContractError
from dataengine.core.identity import canonical_json
from dataengine.report.reading import read_run
from dataengine.runtime.garbage import carry_out, plan_sweep
from dataengine.testing.synthetic_run import make_synthetic_run

NOW = 2_000_000_000.0
WEEK = 7 * 86_400.0
KEYS = RunKeys("made-up")


class Home:
    """A folder with a whole run in it, all of it old at `NOW`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = DirectoryStore(path)

    def age(self, *refs: ArtifactRef, days: float = 30.0) -> None:
        keys = [ref.key for ref in refs] or list(self.store.keys(""))
        for key in keys:
            os.utime(self.path / key, (NOW - days * 86_400, NOW - days * 86_400))

    def garbage(self, run: str = "made-up") -> dict[str, str]:
        planned = plan_sweep(self.store, run, WEEK, NOW)
        return {item.held.key: item.reason for item in planned.garbage}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    make_synthetic_run(home.store)
    home.age()
    return home


def test_a_whole_run_has_no_garbage(home: Home) -> None:
    assert home.garbage() == {}


def test_an_artifact_that_no_manifest_names_is_garbage_once_it_is_old(home: Home) -> None:
    young = home.store.put(KEYS.round(1, "samples.jsonl"), b"young")
    old = home.store.put(KEYS.round(1, "adapter/weights.safetensors"), b"old")
    home.age(old)
    home.age(young, days=6)
    planned = plan_sweep(home.store, "made-up", WEEK, NOW)
    assert home.garbage() == {old.key: "no manifest names it"}
    assert planned.young == 1
    assert planned.size == 3


def test_nothing_is_deleted_before_it_is_asked_for(home: Home) -> None:
    home.age(home.store.put(KEYS.round(1, "samples.jsonl"), b"lost"))
    before = list(home.store.keys(""))
    home.garbage()
    assert list(home.store.keys("")) == before


def test_a_swept_run_reads_as_before(home: Home) -> None:
    before = read_run(home.store, "made-up")
    for number in range(4):
        home.age(home.store.put(KEYS.round(number, "samples.jsonl"), b"lost %d" % number))
    deleted = carry_out(home.store, plan_sweep(home.store, "made-up", WEEK, NOW))
    assert len(deleted) == 4
    assert home.garbage() == {}
    assert read_run(home.store, "made-up") == before


def test_what_another_run_names_stays(home: Home) -> None:
    ref = home.store.put(KEYS.round(0, "diagnose.jsonl"), b"shared")
    home.age(ref)
    assert ref.key in home.garbage()
    document = {"diagnose_predictions": {"uri": ref.uri, "digest": ref.digest, "size": ref.size}}
    home.store.claim(RunKeys("other").round(0, "evaluation.json"), canonical_json(document))
    assert home.garbage() == {}


def test_work_in_progress_stays_until_its_manifest_stands(home: Home) -> None:
    make_synthetic_run(home.store, "half", until=(1, "plan"))
    keys = RunKeys("half")
    home.store.claim(keys.round(1, "generation/part-0000-replies-0000.json"), b"[]")
    home.store.claim(keys.round(1, "answers/report-00000.jsonl"), b"")
    home.age()
    assert home.garbage("half") == {}
    home.store.claim(keys.part(1, 0), b"{}")
    home.store.claim(keys.round(1, "evaluation.json"), b"{}")
    assert home.garbage("half") == {
        keys.round(1, "answers/report-00000.jsonl"): "the evaluation is done",
        keys.round(1, "generation/part-0000-replies-0000.json"): "the part is done",
    }


def test_what_a_training_job_left_stays_until_its_checkpoint_stands(home: Home) -> None:
    make_synthetic_run(home.store, "half", until=(2, "dataset"))
    keys = RunKeys("half")
    base = home.store.put(keys.round(0, "training/base/model.safetensors"), b"shared by all jobs")
    for number in (1, 2):
        state = home.store.put(keys.round(number, "training/job/checkpoints/00000100/optimizer.pt"), b"state")
        named = {"files": {"optimizer.pt": {"uri": state.uri, "digest": state.digest, "size": state.size}}}
        home.store.claim(keys.round(number, "training/job/checkpoints/00000100.json"), canonical_json(named))
        home.store.put(keys.round(number, "training/job/parcel.json"), canonical_json(named))
    home.age()
    garbage = home.garbage("half")
    assert len(garbage) == 3
    assert set(garbage.values()) == {"the training is done"}
    assert all(key.startswith(f"{keys.root}/rounds/01/training/job/") for key in garbage)
    assert base.key not in garbage


def test_what_all_jobs_share_goes_when_the_run_rests(home: Home) -> None:
    base = home.store.put(KEYS.round(0, "training/base/model.safetensors"), b"shared by all jobs")
    home.age(base)
    assert home.garbage() == {base.key: "the run rests"}


def test_files_of_the_run_that_are_no_artifacts_are_left_alone(home: Home) -> None:
    others = ["log.jsonl", "bus.sqlite", "work/jobs/out/model.0123456789abcdef.bin", "rounds/01/notes.txt"]
    for name in others:
        path = home.path / KEYS.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    home.age()
    assert home.garbage() == {}


def test_what_is_written_again_before_the_deletion_stays(home: Home) -> None:
    key = KEYS.round(1, "samples.jsonl")
    home.age(home.store.put(key, b"again"))
    planned = plan_sweep(home.store, "made-up", WEEK, NOW)
    assert len(planned.garbage) == 1
    ref = home.store.put(key, b"again")
    assert carry_out(home.store, planned) == []
    assert home.store.get(ref) == b"again"


def test_a_manifest_that_cannot_be_read_stops_the_sweep(home: Home) -> None:
    home.age(home.store.put(KEYS.round(1, "samples.jsonl"), b"lost"))
    (home.path / KEYS.round(2, "dataset.json")).write_bytes(b"{ half a docu")
    with pytest.raises(ContractError, match=r"rounds/02/dataset\.json"):
        home.garbage()


def test_a_run_that_is_not_there_is_named(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        home.garbage("nobody")
