"""The embedded bus as it fills: a hand-off's time, what opening it costs, and the CPU that waiting takes.

    python -m perf.embedded_bus [--sizes 0,10000,100000,1000000] [--seconds 5]

Two hand-offs: a message is published, taken, answered by a second one, committed, and that one is taken and committed
by the next service: each step durable. Waiting: twelve subscriptions, as many as the embedded loop has with eight
generators, to which nothing comes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.core.ports import Message

_TOPICS = ("checkpoint-ready", "eval-done", "weakness-report", "generation-task", "generation-done", "data-ready")
_CHUNK = 10_000
_VALUE = b"\x00" * 200
_HEADERS = {"ce_id": "an-id-of-usual-length/1/2", "ce_type": "dataengine.events.v1.EvalDone", "traceparent": "0" * 55}
_TIMES = 30


async def fill(bus: SqliteBus, count: int) -> None:
    """Publish `count` messages over all topics, and let both groups have done with them."""
    for begin in range(0, count, _CHUNK):
        numbers = range(begin, min(count, begin + _CHUNK))
        await bus.publish([Message(_TOPICS[n % 6], f"run/{n % 997}", _VALUE, _HEADERS) for n in numbers])
    sql = """INSERT INTO committed SELECT ?, topic, slot, MAX(position) FROM message GROUP BY topic, slot"""
    await bus._file.write(sql, *[(group,) for group in ("first", "second", "waits")])


async def two_hand_offs(bus: SqliteBus) -> float:
    """Milliseconds, the median of some."""
    first, second = await bus.subscribe("first", ["eval-done"]), await bus.subscribe("second", ["data-ready"])
    spent = []
    for number in range(_TIMES):
        began = time.perf_counter()
        await bus.publish([Message("eval-done", f"run/{number}", _VALUE, _HEADERS)])
        taken = await first.next()
        await bus.publish([Message("data-ready", f"run/{number}", _VALUE, _HEADERS)])
        await taken.commit()
        await (await second.next()).commit()
        spent.append(1000 * (time.perf_counter() - began))
    await first.close()
    await second.close()
    return statistics.median(spent)


async def idle_share(bus: SqliteBus, seconds: float) -> float:
    """Percent of one CPU that twelve waiting subscriptions take."""
    waiting = [asyncio.ensure_future((await bus.subscribe("waits", [_TOPICS[n % 6]])).next()) for n in range(12)]
    # what the hand-offs left is not theirs: they wait from the end of the file
    await bus._file.write("UPDATE committed SET position = 1 << 60 WHERE grp = 'waits'")
    await asyncio.sleep(0.5)
    began, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    share = 100 * (time.process_time() - used) / (time.perf_counter() - began)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return share


async def measure(size: int, seconds: float) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bus.sqlite"
        bus = SqliteBus(path)
        await fill(bus, size)
        await bus.close()
        began = time.perf_counter()
        bus = SqliteBus(path)
        opening = 1000 * (time.perf_counter() - began)
        hand_offs = await two_hand_offs(bus)
        idle = await idle_share(bus, seconds)
        began = time.perf_counter()
        await bus.lag("second", _TOPICS)
        lag = 1000 * (time.perf_counter() - began)
        await bus.close()
    return f"| {size:>9,} | {opening:7.1f} | {hand_offs:13.1f} | {lag:6.1f} | {idle:6.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The embedded bus as it fills.")
    parser.add_argument("--sizes", default="0,10000,100000,1000000", help="events in the file, by comma")
    parser.add_argument("--seconds", type=float, default=5.0, help="for how long waiting is watched")
    said = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print("|    events | open ms | 2 handoffs ms | lag ms | idle % |\n|---:|---:|---:|---:|---:|")
    for size in said.sizes.split(","):
        print(asyncio.run(measure(int(size), said.seconds)), flush=True)


if __name__ == "__main__":
    main()
