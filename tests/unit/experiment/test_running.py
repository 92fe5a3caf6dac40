from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import InputError
from dataengine.core.ports import Progress, Store
from dataengine.experiment.cell import serve, share_base_evaluation
from dataengine.experiment.design import Cell
from dataengine.experiment.running import Finished, is_complete, run_cells
from dataengine.runtime.runfile import RunFile
from dataengine.testing.memory_store import MemoryStore
from dataengine.wire.documents import CheckpointDoc, EvaluationDoc
from tests.unit.analysis.synthetic_run import SyntheticRun

CHILD = """
import json, os, sys
for line in sys.stdin:
    run = json.loads(line)
    print(json.dumps({"stage": "training", "round": 1, "done": 1, "total": 2}), flush=True)
    if run["seed"] == 1 and not os.path.exists(sys.argv[1]):
        open(sys.argv[1], "w").close()
        sys.exit(7)
    print(json.dumps({"state": "rested", "reason": run["run"]}), flush=True)
"""
SLEEPER = """import sys; print('{"stage": "x", "round": 0}', flush=True); sys.stdin.read()"""


def run_file(name: str = "r", seed: int = 0, **changed: Any) -> RunFile:
    content: dict[str, Any] = {
        "run": name,
        "seed": seed,
        "student": {"family": "tiny-llava", "base": "base"},
        "benchmark": {"name": "seed-bench", "diagnose": {"data": "d"}, "report": {"data": "r"}},
        "pictures": {"source": "visual-genome", "data": "pool"},
        "generation": {"budget": 10},
    }
    return RunFile.model_validate({**content, **changed})


def cell(seed: int) -> Cell:
    return Cell("arm", seed, run_file(f"arm-{seed}", seed))


async def test_every_cell_is_run_and_its_end_is_told(tmp_path: Path) -> None:
    heard: list[str] = []
    ended: list[Finished] = []
    (tmp_path / "died").touch()
    finished = await run_cells(
        [cell(seed) for seed in range(5)],
        [sys.executable, "-c", CHILD, str(tmp_path / "died")],
        2,
        lambda c, said: heard.append(f"{c.name} {said['stage']}"),
        ended.append,
        tmp_path / "log",
    )
    assert {(end.cell.seed, end.state, end.reason) for end in finished} == {(s, "rested", f"arm-{s}") for s in range(5)}
    assert finished == ended
    assert sorted(heard) == [f"arm, seed {s} training" for s in range(5)]


async def test_a_process_that_dies_fails_its_cell_only_and_is_replaced(tmp_path: Path) -> None:
    finished = await run_cells(
        [cell(seed) for seed in range(4)],
        [sys.executable, "-c", CHILD, str(tmp_path / "died")],
        1,
        lambda c, said: None,
        lambda end: None,
        tmp_path / "log",
    )
    assert [(end.cell.seed, end.state) for end in finished] == [
        (0, "rested"),
        (1, "failed"),
        (2, "rested"),
        (3, "rested"),
    ]
    assert "exit code 7" in finished[1].reason


async def test_cancelled_it_closes_its_processes_stdin_and_waits_for_them(tmp_path: Path) -> None:
    begun = asyncio.Event()
    running = asyncio.ensure_future(
        run_cells(
            [cell(0)],
            [sys.executable, "-c", SLEEPER],
            1,
            lambda c, said: begun.set(),
            lambda end: None,
            tmp_path / "log",
        )
    )
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_child_runs_line_after_line_and_tells_how_each_ended() -> None:
    told: list[dict[str, object]] = []
    both = asyncio.Event()

    def tell(said: dict[str, object]) -> None:
        told.append(said)
        if len(told) == 4:
            both.set()

    async def turn(run: RunFile, progress: Progress) -> tuple[str, str]:
        progress.report(run.run, 1, "training", 1, 2)
        if run.seed == 2:
            raise InputError("is broken", where="a file")
        return "rested", run.run

    lines = asyncio.StreamReader()
    serving = asyncio.ensure_future(serve(lines, turn, tell))
    lines.feed_data(run_file("a", 1).encode() + b"\n" + run_file("b", 2).encode() + b"\n")
    await both.wait()
    lines.feed_eof()
    await serving
    assert [said for said in told if "state" in said] == [
        {"state": "rested", "reason": "a"},
        {"state": "failed", "reason": "a file: is broken"},
    ]


async def test_the_child_stops_where_it_is_when_its_parent_is_gone() -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def turn(run: RunFile, progress: Progress) -> tuple[str, str]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never", ""

    lines = asyncio.StreamReader()
    serving = asyncio.ensure_future(serve(lines, turn, lambda said: None))
    lines.feed_data(run_file().encode() + b"\n")
    await begun.wait()
    lines.feed_eof()
    await serving
    assert stopped.is_set()


def test_a_cell_is_complete_when_its_last_round_was_analysed() -> None:
    store, one = MemoryStore(), cell(0)
    assert not is_complete(store, one)
    store.claim(RunKeys("arm-0").round(2, "analysis.json"), b"{}")
    assert not is_complete(store, one)
    store.claim(RunKeys("arm-0").round(3, "analysis.json"), b"{}")
    assert is_complete(store, one)


BASE = CheckpointDoc(run="arm-1", round=0, family="tiny-llava", base="base", base_digest="d")


def evaluated_once(seed: int = 0, **changed: Any) -> Store:
    """A store in which the run `arm-0` has evaluated the base."""
    synthetic_run = SyntheticRun(run="arm-0")
    synthetic_run.evaluate(0, {"a": 50})
    synthetic_run.store.claim(RunKeys("arm-0").config, run_file("arm-0", seed, **changed).encode())
    theirs = BASE.model_copy(update={"run": "arm-0"})
    synthetic_run.store.claim(RunKeys("arm-0").round(0, "checkpoint.json"), theirs.encode())
    return synthetic_run.store


def test_the_evaluation_of_the_base_is_shared_between_arms() -> None:
    store = evaluated_once()
    assert share_base_evaluation(store, run_file("arm-1", 5), BASE, ["arm-0", "arm-1"])
    mine = store.find(RunKeys("arm-1").round(0, "evaluation.json"))
    checkpoint = store.find(RunKeys("arm-1").round(0, "checkpoint.json"))
    assert mine is not None
    document = EvaluationDoc.load(store, mine)
    assert (document.run, document.checkpoint) == ("arm-1", checkpoint)
    assert document.report.overall.accuracy == 0.5
    assert document.held_out == store.find(RunKeys("arm-1").held_out)


@pytest.mark.parametrize(
    "other",
    [
        evaluated_once(benchmark={"name": "seed-bench", "diagnose": {"data": "x"}, "report": {"data": "r"}}),
        evaluated_once(seed=3, benchmark={"name": "seed-bench", "data": {"data": "x"}}),
        MemoryStore(),
    ],
)
def test_other_questions_are_not_taken_for_the_same(other: Store) -> None:
    mine = run_file("arm-1", 5)
    if (ref := other.find(RunKeys("arm-0").config)) is not None and RunFile.load(other, ref).seed == 3:
        mine = run_file("arm-1", 5, benchmark={"name": "seed-bench", "data": {"data": "x"}})
    assert not share_base_evaluation(other, mine, BASE, ["arm-0"])


def test_other_weights_are_not_taken_for_the_same() -> None:
    changed = BASE.model_copy(update={"base_digest": "other"})
    assert not share_base_evaluation(evaluated_once(), run_file("arm-1"), changed, ["arm-0"])
