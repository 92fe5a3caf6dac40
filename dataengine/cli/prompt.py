"""`dataengine prompt`: the words in which the teacher is asked."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dataengine.cli.exits import SHORT_OF_GOAL
from dataengine.cli.options import JsonOption, RunFileArgument, result_console
from dataengine.core.questions import Question
from dataengine.data.image_sources import open_source
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.splits import read_splits
from dataengine.generation.ipo.keeping import KeptTeacher, write_outcome, write_version
from dataengine.generation.ipo.optimising import Optimiser
from dataengine.generation.ipo.probing import probe_set
from dataengine.generation.ipo.versions import PairedTest, Refused, StopRule, Version, adopted
from dataengine.generation.prompt_files import load_prompt, text_of
from dataengine.runtime.runfile import RunFile, read_run_file
from dataengine.wire.documents import BadCase

app = typer.Typer(help="The words in which the teacher is asked.", no_args_is_help=True)


@app.callback()
def prompt() -> None:
    """The words in which the teacher is asked."""


@app.command()
def optimise(
    run_file: RunFileArgument,
    out: Annotated[Path, typer.Option(help="Folder for versions, failures and replies.")],
    probe: Annotated[int, typer.Option(min=1, help="Cases that every version is compared on.")] = 60,
    versions: Annotated[int, typer.Option(min=2, help="Versions at most.")] = 8,
    patience: Annotated[int, typer.Option(min=1, help="Stop after so many tries without fewer failures.")] = 2,
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Level of the test that adopts a prompt.")] = 0.05,
    as_json: JsonOption = False,
) -> None:
    """Let the teacher improve the run's prompt (IPO): criticise, sample, judge, change, until failures stop falling.

    A version is adopted only if a paired test on the probe set says that it is better; then OUT/adopted.txt is what
    `generation.prompt` may name. Interrupted, the same command goes on; replies are kept. Exit code 3: none is better.

    Example: dataengine prompt optimise run.yaml --out prompts
    """
    run = read_run_file(run_file)
    out.mkdir(parents=True, exist_ok=True)
    form, text = text_of(run.generation.prompt)
    optimiser = _optimiser(run, form, out, probe, StopRule(versions, patience))
    history = asyncio.run(_search(optimiser, text))
    chosen, test = adopted(history, alpha)
    file = write_outcome(out, form, history, chosen, test)
    if as_json:
        print((out / "history.json").read_text("utf-8"), end="")
    else:
        result_console().print(_table(history))
        print(_conclusion(chosen, test, file))
    if chosen is None:
        raise typer.Exit(SHORT_OF_GOAL)


async def _search(optimiser: Optimiser, text: str) -> list[Version | Refused]:
    try:
        return await optimiser.search(text)
    finally:
        await optimiser.teacher.close()


def _optimiser(run: RunFile, form: str, out: Path, size: int, rule: StopRule) -> Optimiser:
    source = open_source(run.images.source, run.images.data)
    diagnose = read_splits(find_benchmark(run.benchmark.name), run.benchmark, run.seed).diagnose
    cases = [_case(question) for question in diagnose.questions]
    shows = load_prompt(run.generation.prompt).shows_image

    def heard(entry: Version | Refused) -> None:
        write_version(out, form, entry)
        print(_said(entry), file=sys.stderr)

    return Optimiser(
        teacher=KeptTeacher(run.teacher.open(), out / "replies.jsonl"),
        section=run.teacher,
        form=form,
        probe=probe_set(run, source, cases, size, shows),
        rule=rule,
        seed=run.seed,
        heard=heard,
    )


def _case(question: Question) -> BadCase:
    """A diagnose question as an example of its type: no student has answered it yet."""
    return BadCase(
        question_id=question.question_id,
        question=question.text,
        question_type=question.question_type,
        image=question.image,
        choices=question.choices,
        gold=question.answer_text,
        answered="",
    )


def _said(entry: Version | Refused) -> str:
    if isinstance(entry, Refused):
        return f"proposal refused: {entry.problem}"
    return f"version {entry.number}: {len(entry.failures)} of {entry.judged} failed"


def _table(history: list[Version | Refused]) -> Table:
    table = Table(title="versions of the prompt", title_justify="left", box=None, padding=(0, 2))
    for name in ("version", "from", "failed", "judged", "rate", "why"):
        table.add_column(name)
    for entry in history:
        if isinstance(entry, Refused):
            table.add_row("-", str(entry.parent), "", "", "", f"refused: {entry.problem}")
        else:
            parent = "" if entry.parent is None else str(entry.parent)
            counts = (str(len(entry.failures)), str(entry.judged), f"{entry.failure_rate:.2f}")
            table.add_row(str(entry.number), parent, *counts, entry.why)
    return table


def _conclusion(chosen: Version | None, test: PairedTest | None, file: Path | None) -> str:
    if test is None:
        return "No version failed less often than the prompt as it was."
    found = f"{test.gained} cases repaired, {test.lost} broken, of {test.n}; p = {test.p:.3g}"
    if chosen is None:
        return f"The best version is not better beyond chance ({found}). Nothing is adopted."
    return f"Version {chosen.number} is adopted ({found}): generation.prompt: {json.dumps(str(file))}"
