"""`dataengine classify` against a chat-completions server on this machine."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner, Result

from dataengine.cli.main import app
from dataengine.core.errors import ConfigurationError, Rejected
from tests.teacher_server import KEY, TeacherServer, completion, serving
from tests.unit.evaluation.benchmarks import official_files as made

LINE = "(5) object localization"


class Sorter(TeacherServer):
    """Calls every question an object localization; from request number `breaks` on it refuses, or says `nonsense`."""

    breaks: int = 99
    nonsense: bool = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        count = int(re.findall(r"exactly (\d+) lines", body["messages"][-1]["content"])[0])
        lines = "\n".join(f"{number}. {LINE}" for number in range(1, count + 1))
        broken = len(self.asked) >= self.breaks
        self.body = completion("I would say: scenes." if broken and self.nonsense else lines)
        self.status = 400 if broken and not self.nonsense else 200
        return await super().answer(request)


def questions(folder: Path, count: int) -> Path:
    made.aokvqa(folder)
    path = folder / "aokvqa_v1p0_val.json"
    first = json.loads(path.read_text())[0]
    made.put(path, json.dumps([{**first, "question_id": f"q{i}", "question": f"Where is {i}?"} for i in range(count)]))
    return folder


def teacher_file(folder: Path, url: str, **changes: Any) -> Path:
    teacher = {"kind": "openai", "model": "some-model", "base_url": url, "api_key_env": "SORTER_API_KEY", **changes}
    return made.put(folder / "teacher.yaml", json.dumps({"teacher": teacher}))


async def dataengine(*arguments: str | Path) -> Result:
    environment = {"COLUMNS": "120", "SORTER_API_KEY": KEY}
    return await asyncio.to_thread(CliRunner().invoke, app, [str(a) for a in arguments], env=environment)


async def test_types_are_asked_in_batches_and_read_back_by_the_benchmark(tmp_path: Path) -> None:
    async with serving(Sorter()) as server:
        given = teacher_file(tmp_path, server.url)
        result = await dataengine("classify", "aokvqa", "--data", questions(tmp_path, 60), "--teacher", given)
    assert result.exit_code == 0, result.output
    assert len(server.asked) == 2
    assert "object localization" in result.stdout
    assert "60 questions asked, 60 types in" in result.stdout
    checked = await dataengine("check", "aokvqa", "--data", tmp_path, "--json")
    assert json.loads(checked.stdout)["types"] == {"object localization": 60}


@pytest.mark.parametrize("nonsense", [False, True])
async def test_a_batch_that_fails_leaves_the_former_ones_and_is_asked_again(tmp_path: Path, nonsense: bool) -> None:
    command = ("classify", "aokvqa", "--data", questions(tmp_path, 60), "--teacher", tmp_path / "teacher.yaml")
    server = Sorter()
    async with serving(server):
        server.breaks, server.nonsense = 1, nonsense
        teacher_file(tmp_path, server.url)
        failed = await dataengine(*command)
        assert isinstance(failed.exception, Rejected)
        assert len(json.loads((tmp_path / "question_types.json").read_text())) == 50
        server.breaks = 99
        server.asked.clear()
        again = await dataengine(*command)
        assert "10 questions asked, 60 types" in again.stdout
        assert len(server.asked) == 1
        nothing = await dataengine(*command)
        assert "0 questions asked, 60 types" in nothing.stdout


async def test_a_benchmark_with_types_of_its_own_is_not_sorted(tmp_path: Path) -> None:
    result = await dataengine("classify", "seed", "--data", tmp_path, "--teacher", teacher_file(tmp_path, "http://x"))
    assert isinstance(result.exception, ConfigurationError)
    assert "types of their own" in str(result.exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("run: x", "has no section `teacher`"),
        ("teacher: {kind: annotations}", "sorts no questions"),
        ("teacher: {kind: openai, modell: m}", "teacher.modell: extra inputs"),
        ("teacher: [", "cannot be read as YAML"),
        ("teacher: {kind: openai, model: m, api_key_env: NO_SUCH_KEY}", "NO_SUCH_KEY"),
    ],
)
async def test_a_teacher_that_cannot_be_asked_is_one_clear_error(tmp_path: Path, content: str, said: str) -> None:
    given = made.put(tmp_path / "teacher.yaml", content)
    result = await dataengine("classify", "aokvqa", "--data", questions(tmp_path, 2), "--teacher", given)
    assert isinstance(result.exception, ConfigurationError)
    assert said in str(result.exception)
