"""The embedded teacher as an OpenAI-compatible server: `python -m deploy.local.teacher --port 8008 --error-rate 0.05`.

It answers chat completions as the annotations teacher answers in-process, from the prompt and its seed alone, so that
the same run writes the same data here and there. `--latency` makes it as slow as a language model would be, `--failing`
lets it answer a share of the requests with 429 or 500, and faults (see `teacher_faults`) are set while it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dataengine.core.errors import Rejected
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.teachers.scripted.teacher import AnnotationTeacher
from deploy.local.server import Server, listens
from deploy.local.teacher_faults import PATH as FAULTS_PATH
from deploy.local.teacher_faults import FaultName, TeacherFaults, read_faults

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server answers: after `latency` seconds, a share `failing` of the requests with an error, and as long as
    `faults` are left with those."""

    teacher: AnnotationTeacher
    latency: float = 0.0
    failing: float = 0.0
    faults: TeacherFaults = field(default_factory=TeacherFaults)


def request_of(body: dict[str, Any]) -> TeacherRequest:
    """The request that a chat completion's body asks. Raises KeyError, TypeError or ValueError if it is none."""
    said = {message["role"]: _text(message["content"]) for message in body["messages"]}
    return TeacherRequest(said.get("system", ""), said["user"], seed=int(body.get("seed") or 0))


def _text(content: str | Sequence[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def completion(reply: TeacherReply, model: str) -> dict[str, Any]:
    """The chat completion that holds a reply."""
    message = {"role": "assistant", "content": reply.text}
    used = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens}
    return {
        "id": "local",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {**used, "total_tokens": reply.prompt_tokens + reply.completion_tokens},
    }


def handler_of(behaviour: Behaviour) -> type[BaseHTTPRequestHandler]:
    """The HTTP handler of a server that behaves so."""

    class Handler(_Handler):
        pass

    Handler.behaviour = behaviour
    Handler.chance = random.Random(0)
    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # small answers: without this each waits for the acknowledgement of the headers
    disable_nagle_algorithm = True
    behaviour: Behaviour
    chance: random.Random

    def do_GET(self) -> None:
        """Readiness, and faults."""
        if self.path == FAULTS_PATH:
            return self._say(200, self.behaviour.faults.as_json())
        return self._say(200, {"object": "list", "data": [{"id": "annotations", "object": "model"}]})

    def do_PUT(self) -> None:
        """Set faults."""
        try:
            self.behaviour.faults.set(read_faults(self._body()))
        except (ValueError, TypeError) as error:
            return self._say(400, {"error": {"message": str(error)}})
        return self._say(200, self.behaviour.faults.as_json())

    def do_POST(self) -> None:
        """One chat completion."""
        raw, behaviour = self._body(), self.behaviour
        if self.path != PATH:
            return self._say(404, {"error": {"message": f"no such path: {self.path}"}})
        time.sleep(behaviour.latency)
        fault = behaviour.faults.next()
        if self.chance.random() < behaviour.failing:
            return self._say(self.chance.choice((429, 500, 503)), {"error": {"message": "come again"}})
        try:
            body = json.loads(raw)
            reply = asyncio.run(behaviour.teacher.write(request_of(body)))
        except (ValueError, KeyError, TypeError, Rejected) as error:
            return self._say(400, {"error": {"message": str(error)}})
        answer = completion(reply, str(body.get("model", "")))
        return self._say(200, answer) if fault is None else self._misbehave(fault, answer)

    def log_message(self, format: str, *args: object) -> None:
        """Silence: a line per request is of use to nobody."""

    def _misbehave(self, fault: FaultName, answer: dict[str, Any]) -> None:
        if fault == "silent":
            self.close_connection = True
        elif fault in ("busy", "broken"):
            self._say(429 if fault == "busy" else 500, {"error": {"message": f"the teacher is {fault}"}})
        else:
            whole = json.dumps(answer).encode()
            said = {"nonsense": b"<html><body>It works!</body></html>", "torn": whole[: len(whole) // 2]}
            self._send(200, said.get(fault, b""))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _say(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def server(python: str, folder: Path, port: int, *options: str) -> Server:
    """The teacher as a process of its own, run by `python`."""
    return Server(
        name="teacher",
        address=f"http://127.0.0.1:{port}/v1",
        command=[python, "-m", "deploy.local.teacher", "--port", str(port), *options],
        log=folder / "teacher.log",
        ready=lambda: listens(port),
        environment={},
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8008)
    parser.add_argument("--error-rate", type=float, default=0.0, help="share of replies that are wrong on purpose")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--failing", type=float, default=0.0, help="share of requests answered with 429, 500 or 503")
    given = parser.parse_args()
    behaviour = Behaviour(AnnotationTeacher(given.error_rate), given.latency, given.failing)
    serving = ThreadingHTTPServer((given.host, given.port), handler_of(behaviour))
    serving.daemon_threads = True
    serving.serve_forever()


if __name__ == "__main__":
    main()
