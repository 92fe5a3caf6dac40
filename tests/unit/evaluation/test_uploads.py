"""Splits without public answers: the student answers them, and the test server's file is written instead of a score."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dataengine.core.errors import ConfigurationError, InputError, Retryable
from dataengine.core.ports import AskStudent
from dataengine.wire.documents import HeldOutDoc
from tests.unit.evaluation.benchmarks import official_files as made
from tests.unit.evaluation.loop_world import Loop, distinct_images

SERVERS: dict[str, Callable[[Path], object]] = {
    "vqav2": lambda folder: made.vqa(folder, split="test2015"),
    "vizwiz": lambda folder: made.vizwiz(folder, "test.json"),
    "mmbench": lambda folder: without_answers(folder),
}


def without_answers(folder: Path) -> None:
    made.mmbench(folder, "mmbench_test_20230712.tsv")
    path = folder / "mmbench_test_20230712.tsv"
    rows = [line.split("\t") for line in path.read_text().split("\n")]
    path.write_text("\n".join("\t".join([*row[:7], "", *row[8:]] if len(row) == 14 else row) for row in rows))


def section(folder: Path, *uploads: dict[str, Any]) -> dict[str, Any]:
    """VQAv2 val in two folders, with something to upload."""
    for split in ("diagnose", "report"):
        made.vqa(folder / split)
        distinct_images(folder / split)
    splits = {split: {"data": folder / split} for split in ("diagnose", "report")}
    return {"name": "vqav2", "mode": "free-form", **splits, "uploads": list(uploads)}


@pytest.fixture
def test_split(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "test"
    SERVERS[request.param](folder)
    return distinct_images(folder)


@pytest.mark.parametrize("test_split", ["vqav2"], indirect=True)
async def test_vqav2_test_gives_the_servers_json_and_no_score(tmp_path: Path, test_split: Path) -> None:
    loop = Loop(section(tmp_path, {"data": test_split}))
    evaluation = await loop.evaluate(lambda ask: None if ask.question_id == "502" else "Two.")
    (upload,) = evaluation.uploads
    assert upload.file.key == "runs/r/rounds/00/uploads/vqav2.json"
    assert (upload.benchmark, upload.questions, upload.unanswered) == ("VQAv2", 3, 1)
    rows = json.loads(loop.store.get(upload.file))
    assert rows == [
        {"question_id": 501, "answer": "2"},
        {"question_id": 502, "answer": ""},
        {"question_id": 601, "answer": "2"},
    ]
    assert set(evaluation.report.by_type) == set(evaluation.diagnose.by_type) == {"what / yes/no", "what / other"}


@pytest.mark.parametrize("test_split", ["vizwiz"], indirect=True)
async def test_vizwiz_test_gives_the_servers_json(tmp_path: Path, test_split: Path) -> None:
    loop = Loop(section(tmp_path, {"name": "vizwiz", "data": test_split}))
    (upload,) = (await loop.evaluate(lambda ask: "a chair")).uploads
    assert {row["answer"] for row in json.loads(loop.store.get(upload.file))} == {"chair"}


@pytest.mark.parametrize("test_split", ["mmbench"], indirect=True)
async def test_mmbench_test_gives_the_servers_spreadsheet(tmp_path: Path, test_split: Path) -> None:
    loop = Loop(section(tmp_path, {"name": "mmbench", "data": test_split}))
    (upload,) = (await loop.evaluate(lambda ask: "B")).uploads
    assert upload.file.key == "runs/r/rounds/00/uploads/mmbench.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(loop.store.get(upload.file)))
    header, *cells = book.active.values
    rows = [dict(zip(header, row, strict=True)) for row in cells]
    assert [row["index"] for row in rows] == [3, 1000003, 8, 1000008, 2000008, 3000008]
    assert {row["prediction"] for row in rows} == {"B"}


@pytest.mark.parametrize("test_split", ["vqav2"], indirect=True)
async def test_a_killed_evaluation_asks_nothing_twice_and_keeps_its_file(tmp_path: Path, test_split: Path) -> None:
    loop = Loop(section(tmp_path, {"data": test_split}, {"name": "vizwiz", "data": tmp_path / "other"}))
    distinct_images(made_vizwiz(tmp_path / "other"))

    def dies_at_the_last(ask: AskStudent) -> str:
        if "VizWiz" in ask.question_id:
            raise Retryable("the student went away")
        return "red"

    with pytest.raises(Retryable):
        await loop.evaluate(dies_at_the_last)
    file = loop.store.find("runs/r/rounds/00/uploads/vqav2.json")
    loop.asked.clear()
    evaluation = await loop.evaluate(lambda ask: "blue")
    assert {ask.question_id[:6] for ask in loop.asked} == {"VizWiz"}
    assert evaluation.uploads[0].file == file


def made_vizwiz(folder: Path) -> Path:
    made.vizwiz(folder, "test.json")
    return folder


@pytest.mark.parametrize("test_split", ["vqav2"], indirect=True)
async def test_images_to_upload_are_held_out_like_those_of_the_report(tmp_path: Path, test_split: Path) -> None:
    loop = Loop(section(tmp_path, {"data": test_split}))
    evaluation = await loop.evaluate(lambda ask: "red")
    assert len(HeldOutDoc.load(loop.store, evaluation.held_out).images) == 6


async def test_a_report_split_without_answers_is_refused_with_the_way_out(tmp_path: Path) -> None:
    made.vqa(tmp_path / "val")
    made.vqa(tmp_path / "test", split="test2015")
    splits = {"diagnose": {"data": tmp_path / "val"}, "report": {"data": tmp_path / "test"}}
    loop = Loop({"name": "vqav2", "mode": "free-form", **splits})
    with pytest.raises(InputError, match=r"not public.*name this one under `benchmark\.uploads`"):
        await loop.evaluate(lambda ask: "red")


async def test_a_split_with_answers_is_no_upload(tmp_path: Path) -> None:
    loop = Loop(section(tmp_path, {"data": tmp_path / "report"}))
    with pytest.raises(InputError, match="nothing to upload"):
        await loop.evaluate(lambda ask: "red")


async def test_a_benchmark_without_a_test_server_is_no_upload(tmp_path: Path) -> None:
    loop = Loop(section(tmp_path, {"name": "gqa", "data": tmp_path}))
    with pytest.raises(ConfigurationError, match="GQA has no test server"):
        await loop.evaluate(lambda ask: "red")
