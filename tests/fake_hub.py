"""A hub of models on this machine: as much of its HTTP interface as fetching and uploading use."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40


@dataclass
class FakeHub:
    """`models` are files by repository and name; `gated` repositories refuse everybody. `uploads` is what was sent."""

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    uploads: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve it on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._read()

        def do_GET(self) -> None:
            self._read()

        def _read(self) -> None:
            path = self.path.split("?")[0]
            hub.asked.append(f"{self.command} {path}")
            parts = path.strip("/").split("/")
            name = "/".join(parts[2:4]) if parts[0] == "api" else "/".join(parts[:2])
            if name in hub.gated:
                self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
            elif name not in hub.models:
                self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
            elif parts[0] == "api" and "tree" in parts:
                tree = [
                    {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for file, content in hub.models[name].items()
                ]
                self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
            elif parts[0] == "api":
                listed = [{"rfilename": file} for file in hub.models[name]]
                self._send(200, json.dumps({"id": name, "sha": COMMIT, "siblings": listed, "tags": []}).encode())
            else:
                self._file(hub.models[name].get("/".join(parts[4:])))

        def _file(self, content: bytes | None) -> None:
            if content is None:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            tag = hashlib.sha256(content).hexdigest()
            self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"'})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.split("?")[0]
            hub.asked.append(f"POST {path}")
            parts = path.strip("/").split("/")
            if path == "/api/repos/create":
                told = json.loads(sent)
                name = f"{told.get('organization') or 'me'}/{told['name']}"
                self._answer({"url": f"{hub.address}/{name}", "name": name})
            elif "preupload" in parts:
                files = [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(sent)["files"]]
                self._answer({"files": files})
            elif "commit" in parts:
                lines = [json.loads(line) for line in sent.splitlines()]
                held = {one["value"]["path"]: one["value"]["content"] for one in lines if one["key"] == "file"}
                name = "/".join(parts[2:4])
                hub.uploads[name] = {file: base64.b64decode(content) for file, content in held.items()}
                self._answer(
                    {"success": True, "commitOid": COMMIT, "commitUrl": f"{hub.address}/{name}/commit/{COMMIT}"}
                )
            else:
                self._answer({"errors": [], "warnings": []})

        def _answer(self, told: dict[str, Any]) -> None:
            self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

        def _send(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
