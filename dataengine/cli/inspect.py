"""Looking at runs: `status`, `history`, `report`, `export`."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dataengine.cli.options import AnyRunArgument, HomeOption, JsonOption, result_console
from dataengine.cli.reporting import write_report
from dataengine.cli.run_lookup import Live, RunHandle, find_run
from dataengine.cli.tables import history_table, run_table
from dataengine.core.errors import ConfigurationError
from dataengine.core.questions import Split
from dataengine.data.exports import export_samples
from dataengine.report.lineage import samples_of
from dataengine.report.views import RoundView, RunState, RunView, ScoreView, SplitView
from dataengine.runtime.runfile import RunFile


class ExportFormat(StrEnum):
    """What a dataset is exported as."""

    SEED = "seed"
    LLAVA = "llava"
    SHAREGPT = "sharegpt"
    PARQUET = "parquet"


def status(run: AnyRunArgument = None, home: HomeOption = Path(), as_json: JsonOption = False) -> None:
    """Show where a run is: scores per round and question type, what was bought, what is parked.

    Example: dataengine status scenes
    """
    found = find_run(run, home)
    view = found.view()
    live = found.live() if view.state is not RunState.RESTED else replace(found.live(), stages=())
    if as_json:
        print(json.dumps({**status_object(view), **_live_object(live)}))
        return
    result_console().print(run_table(view))
    for stage in live.stages:
        print(f"round {stage.round}: {stage.stage} {stage.done:g} of {stage.total:g} {stage.note}".rstrip())
    waiting = ", ".join(f"{name} {number}" for name, number in live.waiting.items() if number)
    if waiting:
        print(f"events that wait, of all runs: {waiting}")
    for parked in view.parked:
        print(f"parked by the {parked.consumer}: {parked.event}: {parked.error}")


def history(run: AnyRunArgument = None, home: HomeOption = Path(), as_json: JsonOption = False) -> None:
    """Show a run's rounds: scores, decisions with their reasons, weights.

    Example: dataengine history scenes
    """
    view = find_run(run, home).view()
    if as_json:
        print(json.dumps({"run": view.run, "rounds": [_decision_object(round_) for round_ in view.rounds]}))
    else:
        result_console().print(history_table(view))


def report(run: AnyRunArgument = None, home: HomeOption = Path()) -> None:
    """Write the run's report again, as one HTML file, and print where it lies.

    Example: dataengine report scenes
    """
    found = find_run(run, home)
    print(write_report(found.store, found.home, _config(found)))


def export(
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    run: AnyRunArgument = None,
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
    ) + _mixes(view)
    try:
        written = export_samples(
            samples, kind.value, out, title=f"Samples of the run {view.run}", provenance=provenance
        )
    except OSError as error:
        raise ConfigurationError(f"the samples cannot be written: {error.strerror}", where=str(out)) from error
    for path in written:
        print(path)


def _mixes(view: RunView) -> str:
    """What each checkpoint was trained on, as a paragraph of the card."""
    mixes = [(round_.number, round_.checkpoint.mix) for round_ in view.rounds if round_.checkpoint]
    lines = [
        f"- round {number}, by {mix.by}, seed {mix.seed}: "
        + "; ".join(f"{part.name} {part.share:.1%}, {part.records:,} records, {part.digest}" for part in mix.sets)
        for number, mix in mixes
        if mix is not None
    ]
    if not lines:
        return ""
    told = "\n\nWhat the run's checkpoints were trained on, with each data set's share and SHA-256:\n\n"
    return told + "\n".join(lines)


def _config(found: RunHandle) -> RunFile:
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
            **_uploads(round_),
        }
        for round_ in view.rounds
    ]
    return {"run": view.run, "state": view.state.value, "rounds": rounds}


def _live_object(live: Live) -> dict[str, Any]:
    """What services that are processes of their own say of themselves; nothing on the embedded default."""
    if not live.waiting:
        return {}
    stages = [{"round": p.round, "stage": p.stage, "done": p.done, "total": p.total} for p in live.stages]
    return {"under_way": stages, "waiting": dict(live.waiting)}


def _scores(split: SplitView | None) -> dict[str, Any]:
    if split is None:
        return {}

    def one(score: ScoreView) -> dict[str, Any]:
        shown = {"n": score.n, "accuracy": score.accuracy, "interval": list(score.interval)}
        if split.unit == "percent":
            return shown
        ends = [score.scale * end for end in score.interval]
        return {**shown, split.unit: score.scale * score.accuracy, f"{split.unit}_interval": ends}

    return {"overall": one(split.overall), "by_type": {name: one(score) for name, score in split.by_type.items()}}


def _uploads(round_: RoundView) -> dict[str, Any]:
    """What was written for test servers; nothing for runs that name none."""
    uploads = round_.evaluation.uploads if round_.evaluation is not None else ()
    listed = [
        {
            "benchmark": upload.benchmark,
            "file": upload.file.key,
            "digest": upload.file.digest,
            "questions": upload.questions,
            "unanswered": upload.unanswered,
        }
        for upload in uploads
    ]
    return {"uploads": listed} if listed else {}


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
