"""A job where only the store is shared: packed, trained elsewhere, killed there, gone on with on a third machine."""

import json
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.kubernetes.job_records import JobRecords, LastWords
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError, InputError
from dataengine.testing.memory_store import MemoryStore
from dataengine.training import fine_tuning
from dataengine.training.bundle import JobBundle, JobBundler, open_bundle
from dataengine.training.recipe import Recipe
from dataengine.training.remote import KEPT_CHECKPOINTS, CheckpointUploader, JobSettings, main, training_command
from tests.unit.training.remote_training import SmallJob, elsewhere, here, out_of, pack, weights

PATIENCE = 120.0


@pytest.fixture(scope="module")
def small_job(tmp_path_factory: pytest.TempPathFactory) -> SmallJob:
    return SmallJob.write(tmp_path_factory.mktemp("lesson"))


def until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_opened_elsewhere_is_what_was_packed(small_job: SmallJob, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), small_job.spec("opened")
    key, _ = pack(store, spec)
    ref = store.find(key)
    assert ref is not None
    assert str(small_job.home).encode() not in store.get(ref).replace(str(small_job.home / "base").encode(), b"")
    opened = json.loads(open_bundle(store, store.get(ref), tmp_path / "machine"))
    original = json.loads(spec.document)
    assert opened["recipe"] == original["recipe"]
    assert sorted(p.name for p in Path(opened["base"]).iterdir()) == sorted(
        p.name for p in (small_job.home / "base").iterdir()
    )
    for there, mine in zip(lines(opened["records"]), lines(original["records"]), strict=True):
        assert there["turns"] == mine["turns"]
        assert Path(str(there["picture"])).is_relative_to(tmp_path / "machine")
        assert Path(str(there["picture"])).read_bytes() == Path(str(mine["picture"])).read_bytes()


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_packing_twice_is_packing_once(small_job: SmallJob, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path), small_job.spec("twice")
    first, _ = pack(store, spec)
    held = list(store.keys(""))
    assert (pack(store, spec)[0], list(store.keys(""))) == (first, held)


def test_weights_that_the_other_machine_has_are_not_packed(small_job: SmallJob, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), small_job.spec("present")
    ref = JobBundler(store).pack(spec, "own", "shared", present=[small_job.home])
    assert not list(store.keys("shared/"))
    assert json.loads(open_bundle(store, store.get(ref), tmp_path / "m"))["base"] == str(small_job.home / "base")


def test_weights_that_are_not_there_are_named(small_job: SmallJob, tmp_path: Path) -> None:
    spec = small_job.spec("absent")
    document = spec.document.replace(b"/base", b"/no-base")
    with pytest.raises(InputError, match="no such folder of weights"):
        JobBundler(MemoryStore()).pack(type(spec)(spec.name, document, spec.folder), "own", "shared")


def test_an_image_that_is_gone_is_named(small_job: SmallJob, tmp_path: Path) -> None:
    spec = small_job.spec("gone")
    records = tmp_path / "records.jsonl"
    records.write_text(json.dumps({"picture": str(tmp_path / "gone.png"), "turns": [["q", "a"]]}) + "\n")
    document = json.dumps({**json.loads(spec.document), "records": str(records)}).encode()
    with pytest.raises(InputError, match=r"gone\.png"):
        JobBundler(MemoryStore()).pack(type(spec)(spec.name, document, spec.folder), "own", "shared")


def test_a_record_without_an_image_travels_too(small_job: SmallJob, tmp_path: Path) -> None:
    spec, store = small_job.spec("text"), MemoryStore()
    records = tmp_path / "records.jsonl"
    records.write_text(json.dumps({"picture": None, "turns": [["q", "a"]]}) + "\n")
    document = json.dumps({**json.loads(spec.document), "records": str(records)}).encode()
    ref = JobBundler(store).pack(type(spec)(spec.name, document, spec.folder), "own", "shared")
    opened = json.loads(open_bundle(store, store.get(ref), tmp_path / "machine"))
    assert lines(opened["records"]) == [{"picture": None, "turns": [["q", "a"]]}]


def test_a_document_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no job bundle"):
        open_bundle(MemoryStore(), b"{}", tmp_path)


@pytest.mark.parametrize("kind", ["above", "link"])
def test_a_tar_file_that_reaches_out_of_its_folder_is_refused(small_job: SmallJob, tmp_path: Path, kind: str) -> None:
    store, archive = DirectoryStore(tmp_path / "store"), tmp_path / "lesson.tar"
    key, _ = pack(store, small_job.spec("reaching"))
    packed = store.find(key)
    assert packed is not None
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("../escaped" if kind == "above" else "link")
        if kind == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    changed = JobBundle.load(store, packed).model_copy(update={"lesson": store.put_file("ball.tar", archive)})
    with pytest.raises(ContractError, match="no file of it"):
        open_bundle(store, changed.encode(), tmp_path / "machine" / "inner")
    assert not list((tmp_path / "machine").rglob("escaped"))


def test_killed_and_gone_on_with_elsewhere_it_ends_with_the_same_weights(small_job: SmallJob, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    whole = here(small_job.spec("whole", epochs=60))
    spec = small_job.spec("killed", epochs=60)
    key, records = pack(store, spec)
    first = elsewhere(tmp_path / "store", tmp_path / "first", key)
    until(lambda: bool(records.checkpoint_steps()), first)
    first.kill()
    first.wait()
    assert records.finished() is None
    second = elsewhere(tmp_path / "store", tmp_path / "second", key)
    assert second.wait(PATIENCE) == 0
    finished = records.finished()
    assert finished is not None
    JobBundler(store).bring_back(spec, finished.files)
    assert json.loads((out_of(spec) / "metrics.json").read_text())["resumed_from_step"] > 0
    assert weights(out_of(spec)) == weights(whole)
    progress = records.progress()
    assert progress is not None and progress.done == progress.total


def test_asked_to_stop_it_leaves_a_checkpoint_in_the_store(small_job: SmallJob, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), small_job.spec("stopped", epochs=5000, checkpoint_steps=100000)
    key, records = pack(store, spec)
    process = elsewhere(tmp_path / "store", tmp_path / "machine", key)
    until(lambda: records.progress() is not None, process)
    assert records.checkpoint_steps() == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 143
    assert len(records.checkpoint_steps()) == 1


def test_a_wrong_recipe_ends_it_with_the_code_for_it_and_its_last_words_are_kept(
    small_job: SmallJob, tmp_path: Path
) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), small_job.spec("wrong", rank=0)
    key, records = pack(store, spec)
    assert elsewhere(tmp_path / "store", tmp_path / "machine", key).wait(PATIENCE) == 2
    words = records.last_words("local")
    assert words is not None
    assert words.exit_code == 2
    assert "recipe.rank" in words.log_tail


@pytest.mark.slow
def test_two_processes_train_together_and_one_of_them_keeps_the_result(small_job: SmallJob, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), small_job.spec("two", epochs=6)
    key, records = pack(store, spec)
    assert elsewhere(tmp_path / "store", tmp_path / "machine", key, processes=2).wait(PATIENCE) == 0
    finished = records.finished()
    assert finished is not None
    metrics = json.loads(store.get(finished.files["metrics.json"]))
    assert metrics["steps"] == 6 * 2  # 15 records in batches of 4 on each of two


@pytest.mark.slow
def test_what_is_wrong_is_known_as_wrong_under_torchrun_too(small_job: SmallJob, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), small_job.spec("two wrong", rank=0)
    key, records = pack(store, spec)
    assert elsewhere(tmp_path / "store", tmp_path / "machine", key, processes=2).wait(PATIENCE) == 2
    words = records.last_words("local")
    assert words is not None and words.exit_code == 2


def test_a_job_that_has_finished_is_not_trained_again(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.json").write_text("{}")
    JobRecords(store, "job").finish(LastWords(exit_code=0, log_tail=""), tmp_path / "out")
    environment = {"DATAENGINE_STORE_FOLDER": str(tmp_path / "store")}
    assert main("job/parcel.json", environment) == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no store is named"),
        ({"DATAENGINE_JOB_FOLDR": "x"}, "DATAENGINE_JOB_FOLDR is no setting"),
        ({"DATAENGINE_STORE_FOLDER": "STORE"}, "no such bundle"),
    ],
)
def test_wrong_settings_are_a_configuration_error(
    environment: dict[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {name: value.replace("STORE", str(tmp_path)) for name, value in environment.items()}
    assert main("job/parcel.json", known) == 2
    assert said in capsys.readouterr().err


def test_several_machines_train_under_torchrun() -> None:
    alone = training_command(JobSettings(), 0)
    assert "torch.distributed.run" not in alone
    second = training_command(JobSettings(processes=8, nodes=2, meet="job-0.pods:29500"), 1)
    assert second[1:] == (
        *("-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "8"),
        *("--master-addr", "job-0.pods", "--master-port", "29500", "--node-rank", "1"),
        *alone[1:],
    )


def test_a_spoilt_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    store = MemoryStore()
    records = JobRecords(store, "job")
    for step in (3, 6):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        (folder / "trained.safetensors").write_text(f"step {step}")
        records.keep_checkpoint(step, folder)
    spoilt = next(key for key in store.keys("job/checkpoints/00000006/"))
    store.corrupt(spoilt, b"other")
    assert records.fetch_checkpoint(tmp_path / "work", tmp_path / "cache") == 3
    assert (tmp_path / "work" / "checkpoint-3" / "trained.safetensors").read_text() == "step 3"


def checkpoint(work: Path, step: int, weights: str = "weights") -> Path:
    folder = work / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trained.safetensors").write_text(weights)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


class Slow(MemoryStore):
    """A store during whose first upload something else happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def put_file(self, key: str, path: Path) -> ArtifactRef:
        ref = super().put_file(key, path)
        meanwhile, self._meanwhile = self._meanwhile, lambda: None
        meanwhile()
        return ref


def test_a_checkpoint_that_is_removed_while_it_is_read_does_not_count(tmp_path: Path) -> None:
    first = checkpoint(tmp_path, 100)

    def rotate() -> None:
        checkpoint(tmp_path, 200)
        checkpoint(tmp_path, 1000)
        (first / "trained.safetensors").unlink()

    records = JobRecords(Slow(rotate), "job")
    uploader = CheckpointUploader(records, tmp_path)
    uploader.upload()
    assert records.checkpoint_steps() == []
    uploader.upload()
    assert records.checkpoint_steps() == [200, 1000]


def test_a_checkpoint_that_is_still_being_written_waits(tmp_path: Path) -> None:
    (checkpoint(tmp_path, 10) / "trainer_state.json").write_text('{"glob')
    records = JobRecords(MemoryStore(), "job")
    uploader = CheckpointUploader(records, tmp_path)
    uploader.upload()
    assert records.checkpoint_steps() == []
    (tmp_path / "checkpoint-10" / "trainer_state.json").write_text('{"global_step": 10}')
    uploader.upload()
    assert records.checkpoint_steps() == [10]


def test_training_keeps_as_many_checkpoints_as_are_looked_at(tmp_path: Path) -> None:
    assert fine_tuning._arguments(Recipe(), tmp_path).save_total_limit == KEPT_CHECKPOINTS
