"""`dataengine lineage`: one sample's story, back to its bad cases and forth to the checkpoints that saw it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dataengine.cli.options import HomeOption, JsonOption, result_console
from dataengine.cli.run_lookup import RunHandle, find_run, runs_of
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ConfigurationError
from dataengine.report.lineage import NoSuchSample, SampleLineage, SeenBy, ShownCase, find_sample
from dataengine.report.words import letter, percent
from dataengine.wire.samples import sample_record


def lineage(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample's id, or its first 4 characters or more.")],
    run: Annotated[
        str | None, typer.Option("--run", help="The run that made it: its name, or its folder. Else all are searched.")
    ] = None,
    home: HomeOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Follow a sample back to the bad cases that it was made from, and forth to the checkpoints that saw it.

    The report shows some samples' ids; `dataengine export RUN --format parquet` writes them all.

    Example: dataengine lineage 4f1c20aa --run scenes
    """
    told = _told(sample, runs_of(home) if run is None else [find_run(run, home)])
    if as_json:
        print(json.dumps(lineage_object(told)))
    else:
        result_console().print(lineage_table(told))


def lineage_object(told: SampleLineage) -> dict[str, Any]:
    """What `lineage --json` prints."""
    return {
        "sample": sample_record(told.sample),
        "bad_cases": [
            {
                "question_id": case.question_id,
                "case": case.case.model_dump(mode="json") if case.case else None,
                "now": case.now,
                "repaired": case.repaired,
            }
            for case in told.shown
        ],
        "analysis": {"round": told.analysis_round, "weight": told.weight, "artifact": _artifact(told.analysis)},
        "plan": {"wanted": told.wanted, "artifact": _artifact(told.plan)},
        "dataset": _artifact(told.dataset),
        "seen_by": [
            {
                **asdict(seen),
                "checkpoint": _artifact(seen.checkpoint),
                "mix": seen.mix.model_dump(mode="json") if seen.mix else None,
            }
            for seen in told.seen_by
        ],
    }


def lineage_table(told: SampleLineage) -> RenderableType:
    """The story in the order in which it happened. Fits 100 columns."""
    sample = told.sample
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    _add(table, "bad cases", [_case(case) for case in told.shown] or [Text("none was shown", style="dim")])
    share = f"{percent(told.weight)} of the budget for {sample.qtype}, {told.wanted} samples"
    _add(table, "asked for", [Text(f"after round {told.analysis_round}: {share}")])
    teacher = f"{sample.lineage.teacher}, prompt {sample.lineage.prompt_digest[:12]}, picture {sample.image}"
    _add(table, "written by", [Text(teacher)])
    _add(table, "question", [Text(sample.instruction, style="bold")])
    _add(table, "answer", list(_answer(told)))
    _add(table, "dataset", [Text(told.dataset.key) if told.dataset else Text("not merged yet", style="dim")])
    _add(table, "seen by", [_seen(seen) for seen in told.seen_by] or [Text("no checkpoint yet", style="dim")])
    title = Text.assemble("Sample ", (sample.sample_id, "bold"), f" of run {sample.lineage.run}")
    title.append(f", round {sample.lineage.round}")
    return Group(title, Text(), table)


def _told(sample: str, runs: Sequence[RunHandle]) -> SampleLineage:
    """The sample's lineage, from the first of several runs that has it."""
    if not runs:
        raise ConfigurationError("there are no runs here", todo="Say where they are with --home")
    for found in runs[:-1]:
        with suppress(NoSuchSample):
            return find_sample(found.store, found.view(), sample)
    return find_sample(runs[-1].store, runs[-1].view(), sample)


def _artifact(ref: ArtifactRef | None) -> dict[str, Any] | None:
    return None if ref is None else {"key": ref.key, "digest": ref.digest}


def _add(table: Table, title: str, lines: Sequence[Text]) -> None:
    for number, line in enumerate(lines):
        table.add_row("" if number else title, line)


def _case(case: ShownCase) -> Text:
    if case.case is None:
        return Text(case.question_id, style="dim")
    text = Text.assemble(case.case.question, (f" {case.case.gold}", "bold"))
    text.append(f"; answered {case.case.answered or 'nothing'}")
    if case.now:
        text.append(f", now {case.now}", style="green" if case.repaired else "")
    return text


def _answer(told: SampleLineage) -> Iterator[Text]:
    sample = told.sample
    if not sample.options:
        yield Text(sample.short_answer)
    for index, option in enumerate(sample.options):
        right = letter(index) == sample.choice_answer
        yield Text(f"{letter(index)}. {option}{' ✓' if right else ''}", style="green" if right else "")


def _seen(seen: SeenBy) -> Text:
    text = Text(f"round {seen.round}: {'trained on it' if seen.directly else 'stands on one that was'}")
    if seen.best:
        text.append(", the best", style="bold green")
    mix = seen.mix
    if mix is not None and len(mix.sets) > 1:
        drawn = f"by {mix.by} from {len(mix.sets)} data sets"
        text.append(f"; {percent(mix.engine_share)} of what was drawn {drawn} were engine data", style="dim")
    return text
