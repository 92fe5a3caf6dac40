"""`dataengine gc`: delete what a run left behind and nothing names."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dataengine.cli.options import HomeOption, JsonOption, RunArgument, result_console
from dataengine.cli.run_lookup import find_run
from dataengine.core.errors import ConfigurationError
from dataengine.core.sweeping import Sweepable
from dataengine.report.views import RunState
from dataengine.runtime.garbage import Garbage, Sweep, carry_out, plan_sweep

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
SAFE_SECONDS = 86_400.0
"""Until a run rests, nothing younger is deleted: it may be about to be named."""


def gc(
    run: RunArgument,
    apply: Annotated[bool, typer.Option("--apply", help="Delete it; without this nothing is deleted.")] = False,
    older_than: Annotated[str, typer.Option(help="Spare what is younger: a number and s, m, h, d or w.")] = "7d",
    home: HomeOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Find what a run left in the store that no manifest names, and delete it with --apply.

    Example: dataengine gc scenes --older-than 7d --apply
    """
    age = seconds_of(older_than)
    found = find_run(run, home)
    if not isinstance(found.store, Sweepable):
        raise ConfigurationError("this store cannot be swept", where=type(found.store).__name__)
    if apply and age < SAFE_SECONDS and found.view().state is not RunState.RESTED:
        raise ConfigurationError(
            "the run does not rest, and what is young may be about to be named",
            where=found.run,
            todo="Wait until it rests, or say --older-than 1d",
        )
    sweep(found.store, found.run, age, apply=apply, as_json=as_json)


def sweep(store: Sweepable, run: str, older_than: float, *, apply: bool, as_json: bool) -> None:
    """Plan, carry out if `apply`, and print, on any store that can be swept. `older_than` is in seconds."""
    now = time.time()
    planned = plan_sweep(store, run, older_than, now)
    deleted = carry_out(store, planned) if apply else []
    if as_json:
        print(json.dumps(sweep_object(planned, deleted, now, apply=apply)))
        return
    shown = deleted if apply else list(planned.garbage)
    if shown:
        result_console().print(_table(shown, now))
    print(_sentence(planned, deleted, apply=apply))


def seconds_of(text: str) -> float:
    """`7d` in seconds. Raises ConfigurationError if it is no number with a unit."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if match is None:
        raise ConfigurationError(
            "an age is a number and s, m, h, d or w", where=f"--older-than {text}", todo="Say for instance 7d"
        )
    return float(match[1]) * _UNITS[match[2]]


def sweep_object(planned: Sweep, deleted: list[Garbage], now: float, *, apply: bool) -> dict[str, Any]:
    """What `gc --json` prints."""
    gone = {item.held.key for item in deleted}
    garbage = [
        {
            "key": item.held.key,
            "size": item.held.size,
            "age_seconds": round(now - item.held.written, 1),
            "reason": item.reason,
            "deleted": item.held.key in gone,
        }
        for item in planned.garbage
    ]
    freed = sum(item.held.size for item in deleted)
    return {
        "run": planned.run,
        "applied": apply,
        "garbage": garbage,
        "bytes": planned.size,
        "freed_bytes": freed,
        "kept": planned.kept,
        "young": planned.young,
    }


def _table(shown: list[Garbage], now: float) -> Table:
    table = Table("Key", "Why", box=None, pad_edge=False)
    table.add_column("Bytes", justify="right", no_wrap=True)
    table.add_column("Age", justify="right", no_wrap=True)
    for item in shown:
        table.add_row(item.held.key, item.reason, f"{item.held.size:,}", _age(now - item.held.written))
    return table


def _age(seconds: float) -> str:
    unit = next((unit for unit in "wdhm" if seconds >= _UNITS[unit]), "s")
    return f"{seconds / _UNITS[unit]:.0f} {unit}"


def _sentence(planned: Sweep, deleted: list[Garbage], *, apply: bool) -> str:
    spared = f"; {planned.young} more are too young" if planned.young else ""
    if apply:
        size = sum(item.held.size for item in deleted)
        return f"deleted {len(deleted)} of {len(planned.garbage)} artifacts, {size:,} bytes{spared}"
    if not planned.garbage:
        return f"nothing to delete; {planned.kept} artifacts stay{spared}"
    reasons = Counter(item.reason for item in planned.garbage)
    why = ", ".join(f"{count} because {reason}" for reason, count in sorted(reasons.items()))
    return (
        f"{len(planned.garbage)} artifacts, {planned.size:,} bytes, would be deleted ({why}){spared}; "
        "say --apply to do it"
    )
