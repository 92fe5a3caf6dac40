"""Trying again later without holding a partition: what failed for longer than a moment waits on a topic of its own.

A message that is set aside keeps its key, body and headers; `later_*` headers say where it belongs, who takes it back
there, when, and how often it failed. It comes back to its topic's end: events of one run follow from each other, so no
order is lost.
"""

from __future__ import annotations

import asyncio
from time import time

from dataengine.core.ports import Bus, Message

LATER = "later"
"""The topic of messages that are to be tried again."""
FAILURES = "later_failures"


def group_of(consumer: str) -> str:
    """The group in which a consumer's processes share the waiting."""
    return f"{consumer}.{LATER}"


def failures_of(message: Message) -> int:
    """How often the message failed before it was set aside the last time."""
    said = message.headers.get(FAILURES, "")
    return int(said) if said.isdigit() else 0


def set_aside(message: Message, consumer: str, failures: int, delay: float, error: str) -> Message:
    """The message to publish instead of holding `message` any longer."""
    headers = {
        **message.headers,
        "later_topic": message.topic,
        "later_by": consumer,
        "later_at": f"{time() + delay:.3f}",
        "later_delay": f"{delay:.3f}",
        FAILURES: str(failures),
        "later_error": error[:500],
    }
    return Message(LATER, message.key, message.value, headers)


def taken_back(message: Message) -> Message:
    """The message as it was, but for how often it failed."""
    kept = {name: value for name, value in message.headers.items() if not name.startswith("later_")}
    return Message(
        message.headers["later_topic"], message.key, message.value, {**kept, FAILURES: message.headers[FAILURES]}
    )


def seconds_left(message: Message) -> float:
    """Seconds until the message's time. Never more than it was to wait in all: the clock that said when may have been
    hours ahead."""
    longest = float(message.headers.get("later_delay", "inf"))
    return min(longest, max(0.0, float(message.headers["later_at"]) - time()))


async def bring_back(bus: Bus, consumer: str) -> None:
    """Put back what `consumer` set aside, each message when its time has come, until cancelled. Raises Retryable."""
    subscription = await bus.subscribe(group_of(consumer), [LATER])
    try:
        while True:
            delivery = await subscription.next()
            message = delivery.message
            if message.headers.get("later_by") == consumer:
                await asyncio.sleep(seconds_left(message))
                await bus.publish([taken_back(message)])
            await delivery.commit()
    finally:
        await subscription.close()
