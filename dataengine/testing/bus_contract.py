"""What every `Bus` promises, as tests: subclass and give a `bus` fixture."""

from __future__ import annotations

import asyncio
from time import time
from uuid import uuid4

import pytest

from dataengine.core.ports import Bus, Delivery, Message, Subscription

_PATIENCE = 20.0
_QUIET = 0.7
_OFF = 60.0
"""Seconds that a broker's clock may be from this machine's; only to tell it from a publisher's word."""


async def soon(subscription: Subscription) -> Delivery:
    """The next delivery, which must come."""
    return await asyncio.wait_for(subscription.next(), _PATIENCE)


async def nothing_comes(subscription: Subscription) -> bool:
    """True if no delivery comes for a while."""
    try:
        await asyncio.wait_for(subscription.next(), _QUIET)
    except TimeoutError:
        return True
    return False


async def nothing_left(subscription: Subscription, served: list[bytes]) -> bool:
    """Serve the next message; True if none comes."""
    try:
        delivery = await asyncio.wait_for(subscription.next(), 2 * _QUIET)
    except TimeoutError:
        return True
    served.append(delivery.message.value)
    await delivery.commit()
    return False


class BusContract:
    """Inherit as `class TestX(BusContract)` with a fixture named `bus`; topics are `eval-done` and `data-ready`."""

    @pytest.fixture
    def group(self) -> str:
        """A group of its own for each test."""
        return f"group-{uuid4().hex[:8]}"

    async def test_a_message_arrives_as_it_was_published(self, bus: Bus, group: str) -> None:
        """Key, value and headers."""
        message = Message("eval-done", "run", b"\x00\x01", {"ce_id": "1", "traceparent": "00-a-b-01"})
        await bus.publish([message])
        subscription = await bus.subscribe(group, ["eval-done"])
        assert (await soon(subscription)).message == message

    async def test_a_message_tells_when_the_bus_got_it(self, bus: Bus, group: str) -> None:
        """On the bus's clock, not on the publisher's: what the publisher wrote there is not looked at."""
        await bus.publish([Message("eval-done", group, b"1", at=1.0), Message("eval-done", group, b"2", at=9e9)])
        first, second = [message for message in await bus.history(["eval-done"]) if message.key == group]
        assert first.at is not None and second.at is not None
        assert abs(first.at - time()) < _OFF and abs(second.at - time()) < _OFF
        delivery = await soon(await bus.subscribe(group, ["eval-done"]))
        while delivery.message.key != group:
            await delivery.commit()
            delivery = await soon(await bus.subscribe(group, ["eval-done"]))
        assert delivery.message.at == first.at

    async def test_messages_of_one_key_come_in_order_one_at_a_time(self, bus: Bus, group: str) -> None:
        """The second waits for the commit of the first."""
        await bus.publish([Message("eval-done", "run", str(number).encode()) for number in range(3)])
        subscription = await bus.subscribe(group, ["eval-done"])
        for number in range(3):
            delivery = await soon(subscription)
            assert delivery.message.value == str(number).encode()
            assert await nothing_comes(subscription)
            await delivery.commit()

    async def test_a_committed_message_is_not_delivered_again(self, bus: Bus, group: str) -> None:
        """Not even to a later member of the group."""
        await bus.publish([Message("eval-done", "run", b"x")])
        first = await bus.subscribe(group, ["eval-done"])
        await (await soon(first)).commit()
        await first.close()
        second = await bus.subscribe(group, ["eval-done"])
        assert await nothing_comes(second)

    async def test_an_uncommitted_message_is_delivered_again_when_its_reader_leaves(self, bus: Bus, group: str) -> None:
        """Nothing is lost by leaving."""
        await bus.publish([Message("eval-done", "run", b"x")])
        first = await bus.subscribe(group, ["eval-done"])
        await soon(first)
        await first.close()
        second = await bus.subscribe(group, ["eval-done"])
        assert (await soon(second)).message.value == b"x"

    async def test_a_released_message_is_delivered_again(self, bus: Bus, group: str) -> None:
        """To whoever asks next."""
        await bus.publish([Message("eval-done", "run", b"x")])
        subscription = await bus.subscribe(group, ["eval-done"])
        await (await soon(subscription)).release()
        assert (await soon(subscription)).message.value == b"x"

    async def test_each_group_gets_every_message(self, bus: Bus, group: str) -> None:
        """Groups do not take from each other."""
        await bus.publish([Message("eval-done", "run", b"x")])
        for name in (group, group + "-other"):
            subscription = await bus.subscribe(name, ["eval-done"])
            assert (await soon(subscription)).message.value == b"x"

    async def test_lag_counts_what_is_not_committed(self, bus: Bus, group: str) -> None:
        """Per topic."""
        before = await bus.lag(group, ["eval-done", "data-ready"])
        await bus.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
        after = await bus.lag(group, ["eval-done", "data-ready"])
        assert after["eval-done"] - before["eval-done"] == 2
        assert after["data-ready"] == before["data-ready"]

    async def test_history_is_everything_whether_or_not_it_was_committed(self, bus: Bus, group: str) -> None:
        """For those who only read."""
        await bus.publish([Message("eval-done", group, b"1"), Message("eval-done", group, b"2")])
        subscription = await bus.subscribe(group, ["eval-done"])
        await (await soon(subscription)).commit()
        history = await bus.history(["eval-done"])
        assert [message.value for message in history if message.key == group] == [b"1", b"2"]

    async def test_a_message_published_later_wakes_who_waits(self, bus: Bus, group: str) -> None:
        """Waiting is not polling for ever."""
        subscription = await bus.subscribe(group, ["data-ready"])
        waiting = asyncio.ensure_future(soon(subscription))
        await bus.publish([Message("data-ready", "run", b"late")])
        assert (await waiting).message.value == b"late"

    async def test_a_wait_that_was_given_up_takes_no_message_with_it(self, bus: Bus, group: str) -> None:
        """What comes after it goes to the next who asks."""
        subscription = await bus.subscribe(group, ["eval-done"])
        assert await nothing_comes(subscription)
        await bus.publish([Message("eval-done", "run", b"x")])
        assert (await soon(subscription)).message.value == b"x"

    async def test_a_delivery_is_lost_when_its_reader_leaves(self, bus: Bus, group: str) -> None:
        """Then committing it does nothing: it may be with somebody else."""
        await bus.publish([Message("eval-done", "run", b"x")])
        first = await bus.subscribe(group, ["eval-done"])
        held = await soon(first)
        assert not held.lost
        await first.close()
        assert held.lost
        await held.commit()
        second = await bus.subscribe(group, ["eval-done"])
        assert (await soon(second)).message.value == b"x"

    async def test_members_of_a_group_share_the_messages(self, bus: Bus, group: str) -> None:
        """Each message goes to one of them, and all arrive, whoever leaves."""
        expected = [str(number).encode() for number in range(12)]
        await bus.publish([Message("eval-done", f"run-{value!r}", value) for value in expected])
        first = await bus.subscribe(group, ["eval-done"])
        held = await soon(first)
        second = await bus.subscribe(group, ["eval-done"])
        await held.commit()
        served = [held.message.value]
        while not await nothing_left(second, served):
            pass
        await second.close()
        while len(served) < len(expected):
            delivery = await soon(first)
            served.append(delivery.message.value)
            await delivery.commit()
        assert sorted(served) == sorted(expected)

    async def test_history_of_several_topics_is_in_the_order_of_publication(self, bus: Bus, group: str) -> None:
        """What was said about a message comes after it."""
        for number in range(3):
            await bus.publish([Message("eval-done", f"{group}-{number}", b"first")])
            await bus.publish([Message("data-ready", f"{group}-{number}", b"then")])
        history = await bus.history(["eval-done", "data-ready"])
        for number in range(3):
            assert [m.value for m in history if m.key == f"{group}-{number}"] == [b"first", b"then"]
