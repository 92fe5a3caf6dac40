"""What a run comes to when nothing disturbs it, and what must be true of it whatever happened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine.backends.directory.store import DirectoryStore
from dataengine.core.events import TOPICS
from dataengine.core.ports import Store
from dataengine.hosting.backends import open_store
from tests.chaos.cluster import Cluster, numbers
from tests.chaos.foreign_messages import FOREIGN, messages_of
from tests.small_run import run_file

_DIGEST = re.compile(r"\.[0-9a-f]{16}(?=\.)")
_ON_THE_WAY = re.compile(r"/(answers|training)/|-replies-|/closed-by\.json")
"""What is kept while a step is under way. How much of it there is depends on who did it and how often."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: each round's numbers, and its artifacts by name, those that do not say whose run they are of
    (the trained weights foremost) with their digest."""

    numbers: list[dict[str, Any]]
    artifacts: Mapping[str, str]


def artifacts_of(store: Store, run: str) -> dict[str, str]:
    """The artifacts of an `Outcome`."""

    def each() -> Iterator[tuple[str, str]]:
        for key in store.keys(f"runs/{run}/rounds/"):
            if _ON_THE_WAY.search(key):
                continue
            ref = store.find(key)
            name = _DIGEST.sub("", key.removeprefix(f"runs/{run}/"))
            yield name, ref.digest if ref is not None and "/adapter/" in key else ""

    found = list(each())
    assert len(dict(found)) == len(found), (
        f"written more than once: {Counter(name for name, _ in found).most_common(3)}"
    )
    return dict(found)


def embedded_outcome(folder: Path, world: Path, name: str, rounds: int = 2) -> Outcome:
    """What the run comes to on the embedded default."""
    path = run_file(folder, world, name, rounds=rounds)
    command = [sys.executable, "-m", "dataengine.cli.main"]
    variables = {**os.environ, "CI": "true", "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "run", str(path), "--home", str(folder)], env=variables, check=False, capture_output=True)
    told = subprocess.run(
        [*command, "status", name, "--home", str(folder), "--json"], env=variables, check=True, capture_output=True
    )
    return Outcome(numbers(json.loads(told.stdout)), artifacts_of(DirectoryStore(folder), name))


def outcome_of(cluster: Cluster, run: str, told: dict[str, Any]) -> Outcome:
    """What a run came to on servers; `told` is its status."""
    return Outcome(numbers(told), artifacts_of(open_store(cluster.environment), run))


def check_invariants(cluster: Cluster, run: str) -> None:
    """Every event of the run says the same each time it was published, and nothing of the run is parked.

    Raises AssertionError.
    """
    said: dict[tuple[str, str], set[bytes]] = {}
    for message in messages_of(cluster.environment, TOPICS):
        if message.key.split("/")[0] == run and FOREIGN not in message.headers:
            said.setdefault((message.topic, message.headers["ce_id"]), set()).add(message.value)
    torn = {event: len(values) for event, values in said.items() if len(values) > 1}
    assert not torn, f"events that were published with different contents: {torn}"
    parked = [m for m in messages_of(cluster.environment, ["parked"]) if m.key.split("/")[0] == run]
    assert not parked, f"parked: {[m.headers['parked_error'] for m in parked]}"
    rests = Counter(topic for topic, _ in said)
    assert rests["run-rested"] == 1, f"the run rested {rests['run-rested']} times"
