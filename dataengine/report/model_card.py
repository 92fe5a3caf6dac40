"""The page that goes with a model that is handed over: what it builds on, what it was trained on, what it scored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from dataengine.core.questions import Split
from dataengine.report.views import RoundView, RunView, ScoreView


def model_card(view: RunView, round_: RoundView, *, merged: bool) -> str:
    """Markdown with the hub's front matter. Raises ValueError for a round without a checkpoint."""
    checkpoint = round_.checkpoint
    if checkpoint is None:
        raise ValueError(f"round {round_.number} has no checkpoint")
    base = _base_name(view, checkpoint.base)
    front = {
        "base_model": base,
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "image-text-to-text",
        "tags": ["dataengine", *([] if merged else ["lora"])],
        **_licence(Path(checkpoint.base)),
    }
    what = "full weights" if merged else "a LoRA adapter (peft)"
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False).rstrip(),
        "---",
        f"# {view.run}, round {round_.number}",
        "",
        f"This is {what} of `{base}`, made by dataengine's run `{view.run}`.",
        "",
        "## Scores",
        "",
        *_scores(view, round_),
        "",
        "## What it was trained on",
        "",
        *_lineage(view, round_),
        "",
        "## Where it comes from",
        "",
        f"- base weights: SHA-256 {checkpoint.base_digest}",
        f"- family: {checkpoint.family}",
        f"- configuration: SHA-256 {view.config_ref.digest if view.config_ref else 'unknown'}",
        f"- code: {checkpoint.code_version or 'unknown'}",
        "",
        "## Licence",
        "",
        "The licence of the base model applies to these weights, and what they were trained on may restrict them",
        "further: whoever publishes them has to say so here.",
        "",
    ]
    return "\n".join(lines)


def _base_name(view: RunView, folder: str) -> str:
    """The hub's name if the run has one: a path of this machine says nothing elsewhere."""
    model = view.config.student.model if view.config is not None else None
    return model if model is not None and not Path(model).is_absolute() and model.count("/") == 1 else Path(folder).name


def _licence(base: Path) -> dict[str, str]:
    """What the base's own card says, word for word; nothing where it has none."""
    try:
        _, front, _ = (base / "README.md").read_text(encoding="utf-8").split("---", 2)
        told = yaml.safe_load(front)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    names = ("license", "license_name", "license_link")
    return {name: str(told[name]) for name in names if name in told} if isinstance(told, dict) else {}


def _scores(view: RunView, round_: RoundView) -> Iterator[str]:
    held_out = round_.scores.get(Split.REPORT)
    if held_out is None:
        yield "It was not scored."
        return
    benchmark = Path(view.config.benchmark.name).stem if view.config is not None else "the benchmark"
    yield f"On questions of {benchmark} that only this report may see; 95 % intervals, in {held_out.unit}."
    yield ""
    yield "| question type | n | score | interval | base |"
    yield "|---|---|---|---|---|"
    before = view.base.scores.get(Split.REPORT) if view.base is not None else None
    yield _row("all", held_out.overall, before.overall if before else None)
    for name, score in held_out.by_type.items():
        yield _row(name, score, before.by_type.get(name) if before else None)


def _row(name: str, score: ScoreView, before: ScoreView | None) -> str:
    low, high = (score.scale * end for end in score.interval)
    base = "" if before is None else f"{before.scale * before.accuracy:.1f}"
    return f"| {name} | {score.n} | {score.scale * score.accuracy:.1f} | {low:.1f} to {high:.1f} | {base} |"


def _lineage(view: RunView, round_: RoundView) -> Iterator[str]:
    if round_.checkpoint is None or not round_.checkpoint.adapter:
        yield "Nothing: it is the base as it was."
        return
    if view.config is not None:
        teacher = view.config.teacher
        yield f"Questions and answers written by {teacher.named}, filtered, about the model's failures:"
        yield ""
    for former in view.rounds[: round_.number + 1]:
        if former.dataset is not None and former.number:
            digest = former.refs["dataset"].digest
            yield f"- round {former.number}: {sum(former.bought.values()):,} samples, SHA-256 {digest}"
    mix = round_.checkpoint.mix
    for part in mix.sets if mix is not None else ():
        yield f"- trained on {part.name}: {part.share:.1%}, {part.records:,} records, SHA-256 {part.digest}"
