"""Parked events: set aside with their error, to be looked at, replayed or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.core.errors import ContractError
from dataengine.core.ports import Bus, Ledger, Message
from dataengine.runtime.worker import PARKED
from dataengine.wire.events import decode

RESOLVED = "unparked"
"""The topic that says which parked events were replayed or dropped."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that could not be served: by whom, from which topic, and why."""

    event_id: str
    topic: str
    consumer: str
    error: str
    error_type: str
    message: Message

    @property
    def original(self) -> Message:
        """The message as it was first published."""
        headers = {name: value for name, value in self.message.headers.items() if not name.startswith("parked_")}
        return Message(self.topic, self.message.key, self.message.value, headers)


async def dead_letters(bus: Bus) -> Sequence[DeadLetter]:
    """Every parked event that was neither replayed nor dropped since, the oldest first."""
    standing: dict[str, DeadLetter] = {}
    for message in await bus.history([PARKED, RESOLVED]):
        event_id = message.headers.get("ce_id", "")
        if message.topic == RESOLVED:
            standing.pop(event_id, None)
        else:
            headers = message.headers
            standing[event_id] = DeadLetter(
                event_id,
                headers.get("parked_topic", ""),
                headers.get("parked_by", ""),
                headers.get("parked_error", ""),
                headers.get("parked_error_type", ""),
                message,
            )
    return list(standing.values())


async def replay(bus: Bus, ledger: Ledger, event: DeadLetter) -> None:
    """Put a parked event back on its topic, as if it were new to its consumer."""
    try:
        known_as = decode(event.original).event_id
    except ContractError:
        known_as = event.event_id
    await ledger.forget(event.consumer, known_as)
    await bus.publish([event.original])
    await drop(bus, event)


async def drop(bus: Bus, event: DeadLetter) -> None:
    """Say that a parked event is settled."""
    await bus.publish([Message(RESOLVED, event.message.key, b"", {"ce_id": event.event_id})])
