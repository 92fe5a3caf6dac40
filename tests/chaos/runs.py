"""What a run comes to when nothing disturbs it, and what must be true of it whatever happened."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataengine.core.events import TOPICS
from dataengine.core.ports import Message
from dataengine.engines.opening import open_bus
from tests.chaos.cluster import Cluster, numbers
from tests.small_run import run_file


def embedded_numbers(folder: Path, world: Path, name: str, rounds: int = 2) -> list[dict[str, Any]]:
    """What the run comes to on the embedded default."""
    path = run_file(folder, world, name, rounds=rounds)
    command = [sys.executable, "-m", "dataengine.cli.main"]
    variables = {**os.environ, "CI": "true", "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "run", str(path), "--home", str(folder)], env=variables, check=False, capture_output=True)
    told = subprocess.run(
        [*command, "status", name, "--home", str(folder), "--json"], env=variables, check=True, capture_output=True
    )
    return numbers(json.loads(told.stdout))


def messages_of(cluster: Cluster, topics: Sequence[str]) -> list[Message]:
    """Everything on these topics."""

    async def read() -> list[Message]:
        bus = open_bus(cluster.environment)
        try:
            return list(await bus.history(topics))
        finally:
            await bus.close()

    return asyncio.run(read())


def check_invariants(cluster: Cluster, run: str) -> None:
    """Every event of the run says the same each time it was published, and nothing of the run is parked.

    Raises AssertionError.
    """
    said: dict[tuple[str, str], set[bytes]] = {}
    for message in messages_of(cluster, TOPICS):
        if message.key.split("/")[0] == run:
            said.setdefault((message.topic, message.headers["ce_id"]), set()).add(message.value)
    torn = {event: len(values) for event, values in said.items() if len(values) > 1}
    assert not torn, f"events that were published with different contents: {torn}"
    parked = [m for m in messages_of(cluster, ["parked"]) if m.key.split("/")[0] == run]
    assert not parked, f"parked: {[m.headers['parked_error'] for m in parked]}"
    rests = Counter(topic for topic, _ in said)
    assert rests["run-rested"] == 1, f"the run rested {rests['run-rested']} times"
