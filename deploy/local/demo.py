"""The demo on real servers: `python -m deploy.local.demo examples/scenes/cluster.yaml`.

Starts Kafka, MinIO, Triton and the local teacher where they do not run yet, the four services as processes of their
own, publishes the event that begins the run, shows progress until the loop rests, and prints the table. Interrupted
and started again, it goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from dataengine.cli.progress import shown_progress
from dataengine.core.events import RunRested
from dataengine.core.ports import Bus, Progress
from dataengine.hosting.backends import open_bus
from dataengine.runtime.dead_letters import dead_letters
from dataengine.runtime.progress import progress_of
from dataengine.runtime.runfile import RunFile, read_run_file
from deploy.local.machine import FOLDER, Machine
from deploy.local.server import DidNotStartError, MissingToolError
from deploy.local.services import NAMES, Services

LOOK_EVERY = 1.0


async def until_rested(run: RunFile, services: Services, environment: Mapping[str, str], progress: Progress) -> str:
    """Show how far the run is until it rests (returns "") or an event of it is parked (returns the error)."""
    bus = open_bus(environment)
    heard = 0.0
    try:
        while True:
            for name in services.revive():
                print(f"{name} had ended; started again", file=sys.stderr)
            news = [stage for stage in await progress_of(bus, run.run) if stage.at > heard]
            for stage in news:
                progress.report(run.run, stage.round, stage.stage, stage.done, stage.total, stage.note)
            heard = max([heard, *(stage.at for stage in news)])
            ended = await _ended(bus, run.run)
            if ended is not None:
                return ended
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await bus.close()


async def _ended(bus: Bus, run: str) -> str | None:
    if any(message.key == run for message in await bus.history([RunRested.topic])):
        return ""
    parked = [event for event in await dead_letters(bus) if event.message.key.split("/")[0] == run]
    return f"parked by the {parked[0].consumer}: {parked[0].error}" if parked else None


def demo(run_file: Path, machine: Machine, generators: int) -> int:
    """Turn the loop; the exit code."""
    run = read_run_file(run_file)
    machine.up(lambda said: print(said, file=sys.stderr, flush=True))
    environments = {name: {**machine.environment(name), "OMP_NUM_THREADS": "1"} for name in NAMES}

    def command(rights: str, *arguments: str, output: int | None = None) -> None:
        variables = {**os.environ, **machine.environment(rights)}
        whole = [sys.executable, "-m", "dataengine.cli.main", *arguments]
        subprocess.run(whole, env=variables, check=True, stdout=output)

    command("", "prepare", output=subprocess.DEVNULL)
    services = Services(machine.folder / "services", environments, generators)
    began = time.monotonic()
    try:
        services.start()
        command("publisher", "publish", "checkpoint-ready", "--run", str(run_file))
        with shown_progress() as progress:
            wrong = asyncio.run(until_rested(run, services, machine.environment(), progress))
        if wrong:
            print(f"error: {wrong}. See {services.folder} and `dataengine dead-letters list`", file=sys.stderr)
            return 1
        command("reader", "status", run.run)
        print(f"\nOn real servers in {time.monotonic() - began:.0f} s. `make down` stops them.")
        return 0
    finally:
        services.stop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_file", type=Path)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--generators", type=int, default=2, help="replicas of the generator")
    given = parser.parse_args()
    try:
        sys.exit(demo(given.run_file, Machine(given.folder), given.generators))
    except (MissingToolError, DidNotStartError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")


if __name__ == "__main__":
    main()
