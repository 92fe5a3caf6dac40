"""A local chat-completions server that behaves as it is told, badly above all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-local"


def completion(content: str | None, **changes: Any) -> dict[str, Any]:
    """A chat completion as the API documents it."""
    message = {"role": "assistant", "content": content, "refusal": None}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "some-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36},
        **changes,
    }


@dataclass
class TeacherServer:
    """Answers with `status`, `headers` and `body` (JSON unless it is text); hangs where `silent`, and trickles blanks
    without an end where `trickling`; takes `delay` seconds for each answer. `connections` are those ever used. `reacts`
    to a request with a status and a body, or with None where the rest holds.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=lambda: completion("a reply"))
    content_type: str = "application/json"
    silent: bool = False
    trickling: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    reacts: Callable[[dict[str, Any]], tuple[int, Any] | None] = lambda body: None
    delay: float = 0.0
    connections: set[object] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One completion."""
        self.asked.append(await request.json())
        self.connections.add(request.transport)
        await asyncio.sleep(self.delay)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        reaction = self.reacts(self.asked[-1])
        if reaction is not None:
            status, said = reaction
            text = said if isinstance(said, str) else json.dumps(said)
            return web.Response(text=text, status=status, headers=self.headers, content_type="application/json")
        if self.silent:
            await asyncio.Event().wait()
        if self.trickling:
            return await self._trickle(request)
        if isinstance(self.body, str):
            return web.Response(
                text=self.body, status=self.status, headers=self.headers, content_type=self.content_type
            )
        return web.json_response(self.body, status=self.status, headers=self.headers)

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(server: TeacherServer) -> AsyncIterator[TeacherServer]:
    """The server on a free local port, its address in `url`."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
