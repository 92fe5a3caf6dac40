"""A server that gives every request the same answer, and the fixtures that speak to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dataengine.backends.minio.connection import S3Connection


@dataclass
class Answers:
    """A server that gives every request the same answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/xml"
    headers: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def fails_with(self, status: int, code: str) -> None:
        self.status = status
        self.body = f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answers.asked += 1
                self.send_response(answers.status)
                self.send_header("Content-Type", answers.content_type)
                self.send_header("Content-Length", str(len(answers.body)))
                for name, value in answers.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answers.body)

            def log_message(self, *arguments: object) -> None:
                pass

        for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
            setattr(Handler, f"do_{method}", Handler.answer)
        return Handler


@contextmanager
def connection_to(answers: Answers) -> Iterator[S3Connection]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers.handler())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield S3Connection(f"127.0.0.1:{server.server_port}", "bucket", "user", "password", secure=False, retries=0)
    finally:
        server.shutdown()
        server.server_close()
