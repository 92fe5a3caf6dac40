"""`dataengine prompt optimise` as a user types it, with a teacher behind a real address."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataengine.core.ports import TeacherRequest
from dataengine.generation.prompt_files import load_prompt
from tests.unit.cli.commands import CommandLine
from tests.unit.generation.ipo.test_optimising import Script

RUN = """\
run: words
student: {{family: tiny-llava, base: weights}}
benchmark: {{name: easy-vqa, data: {{data: installed, limit: 60}}}}
pictures: {{source: easy-vqa, data: installed, limit: 100}}
teacher: {{kind: openai, model: scripted, base_url: "{url}"}}
generation: {{budget: 10}}
"""


@pytest.fixture
def dataengine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The scripted teacher as a chat-completions server."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            system, user = (message["content"] for message in asked["messages"])
            said = script(TeacherRequest(system, user, seed=asked["seed"]))
            body = json.dumps({"choices": [{"message": {"role": "assistant", "content": said}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_better_prompt_is_found_adopted_and_named(dataengine: CommandLine, tmp_path: Path, endpoint: str) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(RUN.format(url=endpoint))
    ended = dataengine("prompt", "optimise", run, "--out", tmp_path / "out", "--probe", "30")
    assert ended.code == 0, ended.err
    assert "version 0: 30 of 30 failed" in ended.err
    assert "Version 3 is adopted" in ended.out
    assert "Rule 2." in load_prompt(str(tmp_path / "out" / "adopted.txt")).system
    run.write_text(RUN.format(url="http://127.0.0.1:9/v1"))
    again = dataengine("prompt", "optimise", run, "--out", tmp_path / "out", "--probe", "30", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["adopted"] == 3


def test_the_adopted_prompt_may_be_named_in_the_run_file(
    dataengine: CommandLine, tmp_path: Path, endpoint: str
) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(RUN.format(url=endpoint))
    assert dataengine("prompt", "optimise", run, "--out", tmp_path / "out", "--probe", "30").code == 0
    run.write_text(RUN.format(url=endpoint).replace("budget: 10", "budget: 10, prompt: out/adopted.txt"))
    ended = dataengine("prompt", "optimise", run, "--out", tmp_path / "second", "--probe", "30")
    assert ended.code == 3
    assert "No version failed less often" in ended.out


def test_the_embedded_teacher_cannot_improve_prompts_and_says_so(dataengine: CommandLine, tmp_path: Path) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(RUN.format(url="").replace('kind: openai, model: scripted, base_url: ""', "kind: annotations"))
    ended = dataengine("prompt", "optimise", run, "--out", tmp_path / "out", "--probe", "4")
    assert ended.code == 1
    assert "use a language model" in ended.err
