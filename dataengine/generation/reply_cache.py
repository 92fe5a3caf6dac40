"""The teacher's replies, kept: what was paid for is not paid for again after a kill or an outage."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataengine.core.errors import Retryable
from dataengine.core.identity import canonical_json, digest_of
from dataengine.core.ports import Store, Teacher, TeacherReply, TeacherRequest

FLUSH_SECONDS = 0.25
"""A reply lies in the store at the latest so long after it came, where there is no log of this machine's own."""


class ReplyCache:
    """A teacher whose replies to one part are kept by what was asked, each as soon as it is there.

    They lie in the store as segments `PREFIX-replies-0000.json`, …, each a list of replies under their requests'
    digests: whoever takes the part over reads them. A segment is written when `segment` replies wait for it, or
    FLUSH_SECONDS after the first of them came. With a `log` (a file of this machine's own, for whoever comes back to
    it) every reply is on it before its slot is free for another request, so that a kill asks again for no more than was
    in flight; segments are then written when they are full, and in the end.
    """

    def __init__(self, teacher: Teacher, store: Store, prefix: str, segment: int, log: Path | None = None) -> None:
        self._teacher = teacher
        self._store = store
        self._prefix = prefix
        self._segment = segment
        self._log = None if log is None else ReplyLog(log)
        self._known: dict[str, TeacherReply] = {}
        self._unwritten: dict[str, TeacherReply] = {}
        self._next_segment = 0
        self._flushing: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._unlogged: list[dict[str, Any]] = []
        self._logging = asyncio.Lock()

    @property
    def replies(self) -> Sequence[TeacherReply]:
        """All that is kept: what the part has cost."""
        return [self._known[name] for name in sorted(self._known)]

    async def open(self) -> None:
        """Read what a former try left. Raises Retryable."""
        self._known.update(await asyncio.to_thread(self._read))

    def __contains__(self, digest: str) -> bool:
        return digest in self._known

    async def write(self, request: TeacherRequest, digest: str) -> TeacherReply:
        """The reply to a request of that `request_digest`: the kept one, or the teacher's, kept. Raises as it does."""
        if digest not in self._known:
            await self._keep(digest, await self._teacher.write(request))
        return self._known[digest]

    async def flush(self) -> None:
        """Write what is kept into the store. Raises Retryable, and keeps it then."""
        async with self._writing:
            while self._unwritten:
                batch = dict(list(self._unwritten.items())[: max(self._segment, 1000)])
                await asyncio.to_thread(self._write_segment, batch)
                for digest in batch:
                    del self._unwritten[digest]

    async def close(self) -> None:
        """Flush; the log is needed no more."""
        await self.flush()
        if self._log is not None:
            await asyncio.to_thread(self._log.delete)

    async def _keep(self, digest: str, reply: TeacherReply) -> None:
        self._known[digest] = reply
        self._unwritten[digest] = reply
        if self._log is not None:
            self._unlogged.append(_row(digest, reply))
            async with self._logging:  # those that come while others are written are written together
                rows, self._unlogged = self._unlogged, []
                if rows:
                    await asyncio.to_thread(self._log.append, rows)
        if self._flushing is None or self._flushing.done():
            full = len(self._unwritten) >= self._segment
            if full or self._log is None:
                self._flushing = asyncio.create_task(self._flush_later(0.0 if full else FLUSH_SECONDS))

    async def _flush_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(Retryable):  # the next flush tries again, and the last one says so
            await self.flush()

    def _read(self) -> dict[str, TeacherReply]:
        found: dict[str, TeacherReply] = {}
        for rows in self._segments():
            found.update(_replies(rows))
        if self._log is not None:
            logged = _replies(self._log.read())
            self._unwritten.update({name: reply for name, reply in logged.items() if name not in found})
            found.update(logged)
        return found

    def _segments(self) -> Iterator[list[dict[str, Any]]]:
        while (ref := self._store.find(self._key())) is not None:
            yield json.loads(self._store.get(ref))
            self._next_segment += 1

    def _key(self) -> str:
        return f"{self._prefix}-replies-{self._next_segment:04d}.json"

    def _write_segment(self, batch: Mapping[str, TeacherReply]) -> None:
        """Under the first free number: another replica may have been at this part."""
        data = _json([_row(digest, reply) for digest, reply in batch.items()])
        mine = digest_of(data)
        while self._store.claim(self._key(), data).digest != mine:
            self._next_segment += 1
        self._next_segment += 1


class ReplyLog:
    """Replies as lines of a file that is only ever appended to. A line is out of the process when `append` returns: a
    kill does not lose it, a power cut may."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def read(self) -> list[dict[str, Any]]:
        """Its rows; half a last line, as a kill leaves it, is dropped."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self._path, len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows. Raises OSError where the disk is full."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(self._file, b"".join(_json(row) + b"\n" for row in rows))

    def delete(self) -> None:
        """Close and delete it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._path.unlink(missing_ok=True)


def request_digest(request: TeacherRequest) -> str:
    """A digest of everything that was asked, the image included."""
    fields = asdict(request)
    fields["picture"] = digest_of(fields.pop("image") or b"")
    # in which form JSON is asked for is no part of what is asked: replies kept before there was a schema are found
    del fields["schema"]
    return digest_of(canonical_json(fields))


def _row(digest: str, reply: TeacherReply) -> dict[str, Any]:
    return {"request": digest, **asdict(reply)}


def _replies(rows: Sequence[dict[str, Any]]) -> dict[str, TeacherReply]:
    return {row.pop("request"): TeacherReply(**row) for row in rows}


def _json(value: object) -> bytes:
    """In ASCII, so that half of a surrogate pair, which a reply may hold, is no error here."""
    return json.dumps(value, sort_keys=True).encode("ascii")
