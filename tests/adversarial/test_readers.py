"""Every reader of what comes from outside: an answer or our own error, in bounded time, nothing written elsewhere."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import Message
from dataengine.data.exports import FORMATS
from dataengine.evaluation.benchmarks.own import OwnBenchmark
from dataengine.evaluation.benchmarks.own_rows import read_rows
from dataengine.evaluation.benchmarks.tsv import TsvFile
from dataengine.evaluation.offline.prediction_files import prediction_rows
from dataengine.generation.parsing import read_letter, read_reply
from dataengine.runtime.runfile import read_run_file
from dataengine.student.sentencepieces import read_pieces
from dataengine.student.weight_headers import safetensors_header
from dataengine.testing.memory_store import MemoryStore
from dataengine.training.bundle import open_bundle
from dataengine.training.records import read_records, turns_in
from dataengine.wire.documents import CheckpointDoc, EvaluationDoc, PlanDoc, Prediction, decode_lines
from dataengine.wire.events import decode
from dataengine.wire.samples import decode_samples
from dataengine.wire.trees import fetch_tree
from tests.adversarial.hostile import ANY_JSON, NASTY, as_json, budget, survives, torn, watched

REPLY = json.dumps(
    {"question": "What?", "answer": "A dog.", "short_answer": "dog", "options": ["a", "b"], "choice_answer": "A"}
).encode()
SAID = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "x"}]
RECORD = as_json({"image": "1.png", "conversations": SAID})
SEED = as_json(
    {"instruction": "q", "answer": "a", "options": ["a", "b"], "choice_answer": "A", "image": "1.png", "qtype": 1}
)
TSV = (
    b'index\timage\tquestion\tA\tB\tanswer\tprediction\n0\tabc\t"What\nis it?"\tx\ty\tA\tA\n1\tdef\tWhy?\tx\ty\tB\tB\n'
)
PREDICTIONS = as_json([{"question_id": "0", "prediction": "A"}, {"question_id": "1", "prediction": "B"}])
RUN = (
    b"run: a\nstudent: {family: tiny-llava, base: b}\nbenchmark: {name: easy-vqa, data: {data: d}}\n"
    b"images: {source: coco, data: d}\ngeneration: {budget: 3}\n"
)
HEADER = as_json({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
WEIGHTS = struct.pack("<Q", len(HEADER)) + HEADER + b"\0" * 4
PIECES = b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02"


def in_a_folder(read: Callable[[Path], object], name: str, data: bytes) -> None:
    """Read a file of that name and content; whatever happens, nothing beside its folder changes."""
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer, "deep", "inner")
        folder.mkdir(parents=True)
        (folder / name).write_bytes(data)
        (folder / "1.png").write_bytes(b"x")
        with watched(Path(outer)):
            survives(lambda: read(folder / name))


@budget()
@given(torn((REPLY, b"```json\n" + REPLY + b"\n```", b"Skip: no", b"[" * 10_000, b"```" + b"\n" * 1600)))
def test_a_teachers_reply(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass") if b"\xed\xa0" in data else data.decode("utf-8", "replace")
    survives(lambda: read_reply(text))
    survives(lambda: read_letter(text))


@pytest.mark.parametrize("name", ["m.json", "m.jsonl", "m.parquet"])
def test_records(name: str) -> None:
    @budget()
    @given(torn((b"[" + RECORD + b"," + SEED + b"]", RECORD + b"\n" + SEED, b"PAR1")) | ANY_JSON.map(as_json))
    def check(data: bytes) -> None:
        in_a_folder(lambda path: read_records(path, turns_in("direct", 0)), name, data)

    check()


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.json", "p.jsonl", "p.xlsx"])
def test_predictions(name: str) -> None:
    @budget()
    @given(torn((TSV, TSV.replace(b"\t", b","), PREDICTIONS, b"PK\x03\x04")) | ANY_JSON.map(as_json))
    def check(data: bytes) -> None:
        in_a_folder(prediction_rows, name, data)
        if name != "p.json" and name != "p.xlsx":
            in_a_folder(read_rows, name, data)

    check()


@budget()
@given(torn((TSV,)))
def test_a_table_with_a_large_column(data: bytes) -> None:
    def cells(path: Path) -> list[bytes]:
        file = TsvFile(path, "image", "")
        return [file.large_cell(row) for row in file.rows]

    in_a_folder(cells, "q.tsv", data)


@budget()
@given(torn((RUN,)) | st.sampled_from(NASTY))
def test_run_files_and_descriptions(data: bytes) -> None:
    in_a_folder(read_run_file, "run.yaml", data)
    in_a_folder(OwnBenchmark, "bench.yaml", data)


@pytest.mark.parametrize("text", ["[" * 20_000, "{a: " * 20_000, "- " * 20_000, "[" * 900_000, "a: " + "\x00"])
def test_deep_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    caught = survives(lambda: read_run_file(tmp_path / "run.yaml"))
    assert caught is not None and "YAML" in str(caught)


@budget()
@given(
    st.sampled_from(["checkpoint-ready", "weakness-report", "eval-done", "run-rested", "parked", "nothing"]),
    st.binary(max_size=60) | torn((b"\n\x04name\x12\x02ab",)),
    st.dictionaries(st.sampled_from(["ce_id", "ce_type", "traceparent", "ce_source", "x"]), st.text(max_size=20)),
)
def test_events(topic: str, value: bytes, headers: dict[str, str]) -> None:
    survives(lambda: decode(Message(topic, "key", value, headers)))


@budget()
@given(torn((b'{"run":"a","round":0,"family":"f","base":"b","base_digest":"d"}',)) | ANY_JSON.map(as_json))
def test_documents_and_samples(data: bytes) -> None:
    store = MemoryStore()
    ref = store.put("x.json", data)
    for kind in (CheckpointDoc, EvaluationDoc, PlanDoc):
        survives(lambda kind=kind: kind.load(store, ref))  # type: ignore[misc]
    survives(lambda: decode_lines(Prediction, data, "lines"))
    survives(lambda: decode_samples(data, "samples"))


@budget()
@given(st.lists(st.text(max_size=20) | st.sampled_from(["../x", "/x", "a/../../x", "a", "a/b", "\x00", "con"])))
def test_manifests_of_folders(names: list[str]) -> None:
    store = MemoryStore()
    ref = store.put("x", b"harm")
    with tempfile.TemporaryDirectory() as outer:
        inner = Path(outer, "a", "b", "cache")
        inner.mkdir(parents=True)
        before = {path for path in Path(outer).rglob("*") if not path.is_relative_to(inner)}
        survives(lambda: fetch_tree(store, dict.fromkeys(names, ref), inner))
        assert {path for path in Path(outer).rglob("*") if not path.is_relative_to(inner)} == before


def ball(members: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b"abc"))
    return out.getvalue()


MEMBERS = st.tuples(
    st.sampled_from(["../x", "/tmp/x-from-a-ball", "a/../../x", "ok", "records-000.jsonl", "a\\x", "images/1.png"]),
    st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]),
)


@budget()
@given(st.lists(MEMBERS, max_size=4).map(ball) | torn((ball([("records-000.jsonl", tarfile.REGTYPE)]),)))
def test_archives(data: bytes) -> None:
    store = MemoryStore()
    lesson = store.put("lesson.tar", data)
    reference = {"uri": lesson.uri, "digest": lesson.digest, "size": lesson.size}
    parcel = {"specification": {"records": "r"}, "lesson": reference}
    with tempfile.TemporaryDirectory() as outer:
        inner = Path(outer, "a", "job")
        inner.mkdir(parents=True)
        survives(lambda: open_bundle(store, as_json(parcel), inner))
        assert {path for path in Path(outer).rglob("*") if not path.is_relative_to(inner)} == {inner.parent}


@budget()
@given(torn((WEIGHTS, PIECES)))
def test_headers_of_weights(data: bytes) -> None:
    def one(read: Callable[[Path], object], path: Path) -> None:
        try:
            read(path)
        except (ValueError, OSError) as error:  # what both promise; whoever loads weights turns it into our own
            assert len(str(error)) < 2_000

    in_a_folder(lambda path: one(safetensors_header, path), "w.safetensors", data)
    in_a_folder(lambda path: one(read_pieces, path), "tokenizer.model", data)


def test_a_stores_keys_from_documents_are_names() -> None:
    assert ArtifactRef("artifact://../x", "d", 1).key == "../x"  # a reference is only a claim: the store checks it
    assert set(FORMATS) == {"seed", "llava", "sharegpt", "parquet"}


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 50_000,
        as_json({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}),
        as_json({"w": {"dtype": "F32", "shape": [2**70], "data_offsets": [0, 4]}}),
        as_json({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**80]}}),
        as_json({"w": 3}),
        as_json([1]),
        b"\xff\xfe",
    ],
)
def test_odd_headers_of_weights_are_one_clear_error(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(ValueError, match=r"(is no whole weights file|but its shape needs)") as caught:
        safetensors_header(path)
    assert len(str(caught.value)) < 1_000


def test_an_images_address_is_never_fetched(tmp_path: Path) -> None:
    record = as_json({"image": "http://127.0.0.1:9/x.png", "conversations": SAID})
    (tmp_path / "m.jsonl").write_bytes(record)
    caught = survives(lambda: read_records(tmp_path / "m.jsonl", turns_in("direct", 0)))
    assert caught is not None and "has an empty part" in str(caught)
