"""The teacher's replies, kept: what was paid for is not paid for again after a kill or an outage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict

from dataengine.core.errors import Retryable
from dataengine.core.identity import canonical_json, digest_of
from dataengine.core.ports import Store, Teacher, TeacherReply, TeacherRequest


class ReplyCache:
    """A teacher whose replies to one part are kept in the store, batch by batch, under `prefix`.

    A part asks the same batches in the same order each time it is tried, so that the n-th batch is found again. Replies
    of a batch that an outage cut short are kept in memory until the part is tried again.
    """

    def __init__(self, teacher: Teacher, store: Store, prefix: str, gate: asyncio.Semaphore) -> None:
        """`gate` bounds the requests in flight, over all parts that share it."""
        self._teacher = teacher
        self._store = store
        self._prefix = prefix
        self._gate = gate
        self._loose: dict[str, TeacherReply] = {}
        self._batches = 0
        self.replies: list[TeacherReply] = []

    def rewind(self) -> None:
        """Start over: the next batch is the first."""
        self._batches = 0
        self.replies = []

    async def write(self, requests: Sequence[TeacherRequest]) -> list[TeacherReply]:
        """Replies in order. Raises Retryable or Rejected as the teacher does, once every request has been settled."""
        key = f"{self._prefix}-replies-{self._batches:04d}.json"
        names = [request_digest(request) for request in requests]
        replies = await asyncio.to_thread(self._kept, key, names)
        if replies is None:
            replies = await self._ask(requests, names)
            rows = [{"request": name, **asdict(reply)} for name, reply in zip(names, replies, strict=True)]
            await asyncio.to_thread(self._store.claim, key, canonical_json(rows))
        self._batches += 1
        self.replies += replies
        return replies

    def _kept(self, key: str, names: Sequence[str]) -> list[TeacherReply] | None:
        ref = self._store.find(key)
        rows = json.loads(self._store.get(ref)) if ref is not None else []
        if [row.pop("request") for row in rows] != list(names):
            return None
        return [TeacherReply(**row) for row in rows]

    async def _ask(self, requests: Sequence[TeacherRequest], names: Sequence[str]) -> list[TeacherReply]:
        async def one(request: TeacherRequest, name: str) -> TeacherReply:
            if name not in self._loose:
                async with self._gate:
                    self._loose[name] = await self._teacher.write(request)
            return self._loose[name]

        asked = (one(request, name) for request, name in zip(requests, names, strict=True))
        results = await asyncio.gather(*asked, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in sorted(failures, key=lambda failure: isinstance(failure, Retryable)):
            raise failure
        self._loose.clear()
        return [result for result in results if isinstance(result, TeacherReply)]


def request_digest(request: TeacherRequest) -> str:
    """A digest of everything that was asked, the image included."""
    fields = asdict(request)
    fields["picture"] = digest_of(fields.pop("image") or b"")
    return digest_of(canonical_json(fields))
