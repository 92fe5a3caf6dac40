"""The `Ledger` port over any `Store`, by claims alone: nothing is changed or deleted, the first writer of a name wins.

What is known of one event lies under `ledger/CONSUMER/EVENT/EPOCH/`: `attempt-0001`, `attempt-0002`, …, one
`forgiven-0001` for each attempt taken back, `outputs`, and `forgotten`, which closes the epoch: the next one starts
from nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import uuid
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from dataengine.core.errors import ContractError
from dataengine.core.identity import canonical_json, digest_of
from dataengine.core.ports import Attempt, Message, Store

_FORGOTTEN = "forgotten"
_OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the names under one event say: the open epoch, and how much stands in it."""

    folder: str
    attempts: int = 0
    forgiven: int = 0
    has_outputs: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """A name that this process was about to claim, and the bytes that prove that it was this process."""

    key: str
    proof: bytes


class StoreLedger:
    """A ledger that any number of processes share through one store. The store must list what was claimed before.

    Requests to the store: `begin` 2 (a list, a claim) and 2 more if the event was finished before, `finish` 1 after a
    `begin` in this process and 2 else, `forgive` and `forget` 2. So an event costs 3 on its way to its end.
    """

    def __init__(self, store: Store, prefix: str = "ledger") -> None:
        self._store = store
        self._prefix = prefix
        self._folders: dict[tuple[str, str], str] = {}
        self._unsure: dict[tuple[str, str], _Mark] = {}
        """Attempts whose claim ended in an error and may stand all the same: the next `begin` takes them over, so that
        an outage of the store is not counted against the event."""

    async def begin(self, consumer: str, event_id: str) -> Attempt:
        """See `Ledger.begin`."""
        return await asyncio.to_thread(self._begin, consumer, event_id)

    async def forgive(self, consumer: str, event_id: str) -> None:
        """See `Ledger.forgive`."""
        await asyncio.to_thread(self._forgive, consumer, event_id)

    async def finish(self, consumer: str, event_id: str, outputs: Sequence[Message]) -> None:
        """See `Ledger.finish`."""
        await asyncio.to_thread(self._finish, consumer, event_id, outputs)

    async def forget(self, consumer: str, event_id: str) -> None:
        """See `Ledger.forget`."""
        await asyncio.to_thread(self._forget, consumer, event_id)

    def _begin(self, consumer: str, event_id: str) -> Attempt:
        event = (consumer, event_id)
        known = self._known(event)
        outputs = self._outputs(known) if known.has_outputs else None
        mark = self._unsure.pop(event, None)
        if mark is not None and mark.key.startswith(known.folder) and self._won(event, mark):
            number = int(mark.key.rpartition("-")[2])
        else:
            number = known.attempts + 1
            while not self._won(event, _Mark(f"{known.folder}/attempt-{number:04d}", _proof())):
                number += 1
        self._folders[event] = known.folder
        return Attempt(max(number - known.forgiven, 1), outputs)

    def _won(self, event: tuple[str, str], mark: _Mark) -> bool:
        """Claim an attempt. While it is not known whether the claim stands, it is remembered."""
        self._unsure[event] = mark
        won = self._store.claim(mark.key, mark.proof).digest == digest_of(mark.proof)
        del self._unsure[event]
        return won

    def _forgive(self, consumer: str, event_id: str) -> None:
        known = self._known((consumer, event_id))
        number, proof = known.forgiven + 1, _proof()
        while number <= known.attempts:
            key = f"{known.folder}/forgiven-{number:04d}"
            if self._store.claim(key, proof).digest == digest_of(proof):
                return
            number += 1

    def _finish(self, consumer: str, event_id: str, outputs: Sequence[Message]) -> None:
        event = (consumer, event_id)
        folder = self._folders.pop(event, None) or self._known(event).folder
        self._store.claim(f"{folder}/{_OUTPUTS}", _encode(outputs))

    def _forget(self, consumer: str, event_id: str) -> None:
        event = (consumer, event_id)
        known = self._known(event)
        self._folders.pop(event, None)
        self._unsure.pop(event, None)
        if known.attempts or known.has_outputs:
            self._store.claim(f"{known.folder}/{_FORGOTTEN}", _proof())

    def _known(self, event: tuple[str, str]) -> _Known:
        """One listing tells it all: the names are the state."""
        root = "/".join([self._prefix, *(quote(name, safe="") for name in event)])
        names: dict[int, list[str]] = {}
        for key in self._store.keys(root + "/"):
            number, _, name = key.removeprefix(root + "/").partition("/")
            names.setdefault(int(number), []).append(name)
        closed = [epoch for epoch, held in names.items() if _FORGOTTEN in held]
        epoch = max(closed, default=-1) + 1
        held = names.get(epoch, [])
        return _Known(
            folder=f"{root}/{epoch:04d}",
            attempts=max((int(name.rpartition("-")[2]) for name in held if name.startswith("attempt-")), default=0),
            forgiven=sum(name.startswith("forgiven-") for name in held),
            has_outputs=_OUTPUTS in held,
        )

    def _outputs(self, known: _Known) -> tuple[Message, ...] | None:
        key = f"{known.folder}/{_OUTPUTS}"
        ref = self._store.find(key)
        return None if ref is None else _decode(self._store.get(ref), key)


def _proof() -> bytes:
    """Bytes that nobody else writes; who and when are for people."""
    by = f"{socket.gethostname()}:{os.getpid()}"
    return canonical_json({"at": datetime.now(UTC).isoformat(), "by": by, "token": str(uuid.uuid4())})


def _encode(messages: Sequence[Message]) -> bytes:
    return canonical_json([[m.topic, m.key, b64encode(m.value).decode(), dict(m.headers)] for m in messages])


def _decode(data: bytes, where: str) -> tuple[Message, ...]:
    try:
        rows = json.loads(data)
        return tuple(Message(topic, key, b64decode(value), headers) for topic, key, value, headers in rows)
    except (ValueError, TypeError) as error:
        raise ContractError("is no record of what followed from an event", where=where) from error
