"""Looking at runs: `status`, `history`, `lineage`, `report`, `export`."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dataengine.cli.finding import Found, find_run
from dataengine.cli.options import HomeOption, JsonOption, RunArgument, result_console
from dataengine.cli.reporting import write_report
from dataengine.cli.tables import history_table, run_table
from dataengine.core.errors import ConfigurationError
from dataengine.core.questions import Split
from dataengine.data.exports import export_samples
from dataengine.report.lineage import SampleLineage, find_sample, samples_of
from dataengine.report.views import RoundView, RunView, SplitView
from dataengine.runtime.runfile import RunFile


class ExportFormat(StrEnum):
    """What a dataset is exported as."""

    SEED = "seed"
    LLAVA = "llava"
    SHAREGPT = "sharegpt"
    PARQUET = "parquet"


def status(run: RunArgument, home: HomeOption = Path(), as_json: JsonOption = False) -> None:
    """Show where a run is: scores per round and question type, what was bought, what is parked.

    Example: dataengine status scenes
    """
    view = find_run(run, home).view()
    if as_json:
        print(json.dumps(status_object(view)))
        return
    result_console().print(run_table(view))
    for parked in view.parked:
        print(f"parked by the {parked.consumer}: {parked.event}: {parked.error}")
    print(f"state: {view.state.value}")


def history(run: RunArgument, home: HomeOption = Path(), as_json: JsonOption = False) -> None:
    """Show a run's rounds: scores, decisions with their reasons, weights.

    Example: dataengine history scenes
    """
    view = find_run(run, home).view()
    if as_json:
        print(json.dumps({"run": view.run, "rounds": [_decision_object(round_) for round_ in view.rounds]}))
    else:
        result_console().print(history_table(view))


def lineage(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample's id, or its first characters.")],
    run: Annotated[str, typer.Option("--run", help="The run that made it: its name, or its folder.")],
    home: HomeOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Follow a sample back to the bad cases that it was made from, and forth to the checkpoints that saw it.

    Example: dataengine lineage 4f1c20aa --run scenes
    """
    found = find_run(run, home)
    told = find_sample(found.store, found.view(), sample)
    if as_json:
        print(json.dumps(asdict(told)))
    else:
        result_console().print(_lineage_table(told))


def report(run: RunArgument, home: HomeOption = Path()) -> None:
    """Write the run's report again, as one HTML file, and print where it lies.

    Example: dataengine report scenes
    """
    found = find_run(run, home)
    print(write_report(found.store, found.home, _config(found)))


def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    kind: Annotated[ExportFormat, typer.Option("--format", help="The layout.")] = ExportFormat.SEED,
    home: HomeOption = Path(),
) -> None:
    """Write all samples that a run generated, with a dataset card.

    Example: dataengine export scenes --format llava --out scenes-data
    """
    found = find_run(run, home)
    view = found.view()
    samples = [sample for round_ in view.rounds for sample in samples_of(found.store, round_)]
    if not samples:
        raise ConfigurationError("the run has generated nothing yet", where=view.run)
    provenance = (
        f"Made by the run `{view.run}` in {len(view.rounds) - 1} rounds; its configuration has the SHA-256 "
        f"{view.config_ref.digest if view.config_ref else 'unknown'}."
    )
    written = export_samples(samples, kind.value, out, title=f"Samples of the run {view.run}", provenance=provenance)
    for path in written:
        print(path)


def _config(found: Found) -> RunFile:
    config = found.view().config
    if config is None:
        raise ConfigurationError("the run has no configuration yet", where=found.run)
    return config


def status_object(view: RunView) -> dict[str, Any]:
    """What `status --json` prints."""
    rounds = [
        {
            "round": round_.number,
            "checkpoint": round_.refs["checkpoint"].digest if "checkpoint" in round_.refs else None,
            "decision": round_.analysis.decision if round_.analysis else None,
            "promoted": round_.analysis.promoted if round_.analysis else None,
            "diagnose": _scores(round_.scores.get(Split.DIAGNOSE)),
            "report": _scores(round_.scores.get(Split.REPORT)),
            "bought": dict(round_.bought),
        }
        for round_ in view.rounds
    ]
    return {"run": view.run, "state": view.state.value, "rounds": rounds}


def _scores(split: SplitView | None) -> dict[str, Any]:
    if split is None:
        return {}

    def one(score: Any) -> dict[str, Any]:
        return {"n": score.n, "accuracy": score.accuracy, "interval": list(score.interval)}

    return {"overall": one(split.overall), "by_type": {name: one(score) for name, score in split.by_type.items()}}


def _decision_object(round_: RoundView) -> dict[str, Any]:
    analysis = round_.analysis
    return {
        "round": round_.number,
        "report": _scores(round_.scores.get(Split.REPORT)).get("overall"),
        "decision": analysis.decision if analysis else None,
        "reason": analysis.reason if analysis else None,
        "promoted": analysis.promoted if analysis else None,
        "promotion_reason": analysis.promotion_reason if analysis else None,
        "weights": analysis.weights if analysis else {},
        "bought": dict(round_.bought),
    }


def _lineage_table(told: SampleLineage) -> Table:
    """The story of one sample, from its bad cases to the checkpoints that saw it."""
    sample = told.sample
    table = Table(show_header=False, box=None, padding=(0, 2), title=f"sample {sample.sample_id}", title_justify="left")
    for case in told.shown:
        text = case.question_id if case.case is None else f"{case.case.question} gold: {case.case.gold}, "
        if case.case is not None:
            text += f"answered: {case.case.answered}, now: {case.now or 'unanswered'}"
        table.add_row("bad case", text)
    table.add_row(
        "asked for", f"after round {told.analysis_round}: {told.weight:.1%} of the budget, {told.wanted} samples"
    )
    table.add_row("teacher", f"{sample.lineage.teacher}, prompt {sample.lineage.prompt_digest[:12]}")
    table.add_row("question", f"{sample.instruction} ({sample.qtype}, {sample.image})")
    table.add_row("answer", f"{sample.short_answer}; options {', '.join(sample.options)}; {sample.choice_answer}")
    table.add_row("dataset", told.dataset.key if told.dataset else "not merged yet")
    for seen in told.seen_by:
        how = "trained on it" if seen.directly else "stands on a checkpoint that was"
        table.add_row("checkpoint", f"round {seen.round} {how}{', the best' if seen.best else ''}")
    return table
