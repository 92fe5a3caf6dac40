"""The child process that runs cells: `python -m dataengine.experiment.cell HOME`.

It reads one run file as JSON per line of stdin, turns the loop until it rests, and prints JSON lines: `{"stage",
"round", "done", "total"}` while it works and `{"state", "reason"}` at the end of each run. When stdin closes (its
parent has finished or died) it stops where it is; started again, the run goes on from there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import DataEngineError
from dataengine.core.identity import canonical_json
from dataengine.core.ports import Progress, Store
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import CheckpointDoc, EvaluationDoc

Loop = Callable[[RunFile, Progress], Awaitable[tuple[str, str]]]
"""Turns a run until it ends; how ("rested" or "parked") and why."""
Tell = Callable[[dict[str, object]], None]


class TellingProgress:
    """The `Progress` port, told as JSON lines."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        self._tell({"stage": stage, "round": round_number, "done": done, "total": total})


async def serve(lines: asyncio.StreamReader, turn: Loop, tell: Tell) -> None:
    """Run what the lines ask for, one after the other, until they end; what is running then is cancelled."""
    progress = TellingProgress(tell)
    following = asyncio.ensure_future(lines.readline())
    while line := await following:
        following = asyncio.ensure_future(lines.readline())
        working = asyncio.ensure_future(_one(line, turn, progress))
        await asyncio.wait({working, following}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and not following.result():
            working.cancel()
            await asyncio.wait({working})
            return
        state, reason = await working
        tell({"state": state, "reason": reason})


async def _one(line: bytes, turn: Loop, progress: Progress) -> tuple[str, str]:
    """How a run ended; an error that has a sentence becomes its reason, a bug is raised."""
    try:
        return await turn(RunFile.model_validate_json(line), progress)
    except DataEngineError as error:
        return "failed", str(error)


def share_base_evaluation(store: Store, run: RunFile, base: CheckpointDoc, others: Iterable[str]) -> bool:
    """Take over the evaluation of the base from another run that asks the same questions of the same weights in the
    same way, if one has it. All arms then start from one and the same measurement, and it is made once."""
    keys = RunKeys(run.run)
    if store.find(keys.round(0, "evaluation.json")) is not None:
        return False
    for other in others:
        theirs = RunKeys(other)
        config, checkpoint = store.find(theirs.config), store.find(theirs.round(0, "checkpoint.json"))
        evaluation = store.find(theirs.round(0, "evaluation.json"))
        if config is None or checkpoint is None or evaluation is None or other == run.run:
            continue
        if _asks_alike(RunFile.load(store, config), run) and _same_weights(CheckpointDoc.load(store, checkpoint), base):
            mine = store.claim(keys.round(0, "checkpoint.json"), base.encode())
            document = EvaluationDoc.load(store, evaluation)
            held_out = store.claim(keys.held_out, store.get(document.held_out))
            changed = {"run": run.run, "checkpoint": mine, "held_out": held_out}
            document = document.model_copy(update=changed)
            store.claim(keys.round(0, "evaluation.json"), document.encode())
            return True
    return False


def _asks_alike(one: RunFile, other: RunFile) -> bool:
    """Which questions are drawn depends on the seed only where a split is limited or cut in halves."""
    sections = (one.benchmark.diagnose, one.benchmark.report)
    drawn = one.benchmark.data is not None or any(s is not None and s.limit is not None for s in sections)
    return one.benchmark == other.benchmark and (not drawn or one.seed == other.seed)


def _same_weights(one: CheckpointDoc, other: CheckpointDoc) -> bool:
    return (one.family, one.base_digest) == (other.family, other.base_digest)


def main() -> None:
    """The process: the embedded loop with one torch thread, so that neighbours do not spin against each other."""
    from dataengine.backends.directory.store import DirectoryStore
    from dataengine.embedded import base_checkpoint, run_loop
    from dataengine.runtime.logs import log_to
    from dataengine.runtime.run_directory import RunDirectory

    home = Path(sys.argv[1])
    store = DirectoryStore(home)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def embedded(run: RunFile, progress: Progress) -> tuple[str, str]:
        others = sorted(path.name for path in (home / "runs").glob("*"))
        await asyncio.to_thread(share_base_evaluation, store, run, base_checkpoint(run), others)
        log = RunDirectory(home, run.run).log
        log.parent.mkdir(parents=True, exist_ok=True)
        log_to(log)
        outcome = await run_loop(run, home, progress, replicas=1, threads=1)
        return outcome.state, outcome.reason

    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not reach the lines that the parent reads

    def tell(said: dict[str, object]) -> None:
        channel.write(canonical_json(said) + b"\n")
        channel.flush()

    async def served() -> None:
        lines = asyncio.StreamReader(limit=2**24)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        await serve(lines, embedded, tell)

    asyncio.run(served())


if __name__ == "__main__":
    main()
