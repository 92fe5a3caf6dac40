"""What the benchmark commands print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dataengine.evaluation.benchmarks.benchmark import Benchmark
from dataengine.evaluation.offline.comparison import Change, Comparison
from dataengine.evaluation.offline.dataset_check import Findings
from dataengine.evaluation.offline.scorecard import Score, Scorecard

_FLIPS_SHOWN = 20
_HOW_TO_READ = Text(
    "p of types is Holm-corrected; + / −: how many rose and fell; least: the smallest true difference that so many "
    "questions show in four of five tries (none: no difference could have been shown)",
    style="dim",
)


def benchmarks_table(benchmarks: Sequence[Benchmark]) -> RenderableType:
    """One row per benchmark; below, the variants of each, which files it reads and where they come from."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for title in ("task", "split"):
        table.add_column(title)
    table.add_column("questions", justify="right", no_wrap=True)
    for title in ("metric", "chance"):
        table.add_column(title)
    below = Text("Variants (the default first) and the files needed under --data DIR\n")
    for benchmark in benchmarks:
        count = f"{benchmark.expected:,}" if benchmark.expected else ""
        table.add_row(benchmark.name, benchmark.task, benchmark.split, count, benchmark.metric, benchmark.chance_note)
        below.append(f"\n{benchmark.name}", style="bold").append(f"  {', '.join(benchmark.variants)}\n")
        for file in benchmark.files:
            below.append(f"  {file.name}, {file.holds}; from {file.source}\n")
    return Group(table, below)


def types_table(counts: Mapping[str, int], meanings: Mapping[str, str]) -> RenderableType:
    """How many questions are of which type, the most frequent first, with what the type means."""
    table = Table("type", "questions", "meaning", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(Text(name), f"{count:,}", Text(meanings.get(name, "")))
    return table


def findings_table(findings: Findings) -> RenderableType:
    """Counts by type and of images."""
    table = _table("type", "questions")
    for name, count in findings.types.items():
        table.add_row(Text(name), f"{count:,}")
    answers = "" if findings.scorable else ", answers not public"
    fine = findings.images - len(findings.broken)
    return Group(
        table,
        Text(
            f"{findings.benchmark}: {findings.questions:,} questions{answers}; "
            f"{fine:,} of {findings.images:,} pictures decode"
        ),
        *(Text(note) for note in findings.notes),
    )


def score_table(benchmark: Benchmark, card: Scorecard) -> RenderableType:
    """The score, whole and by type, with intervals."""
    table = _table("type", "n", benchmark.metric, "95 % interval")
    whole = Score(card.n, card.score, card.interval)
    for name, score in (*card.by_type.items(), ("all", whole)):
        if name == "all":
            table.add_section()
        table.add_row(Text(name), f"{score.n:,}", f"{score.score:.2f}", _interval(score.interval))
    lines = [f"{benchmark.title}, {card.variant}, in {benchmark.unit}; unanswered: {card.unanswered}"]
    if isinstance(card.extra.get("chance"), float):
        lines.append(f"chance: {card.extra['chance']:.2f}")
    lines += [f"{name}: {card.extra[name]:.2f}" for name in ("perception", "cognition") if name in card.extra]
    image = card.extra.get("image")
    if isinstance(image, dict) and image.get("n"):
        lines.append(f"with a picture: {image['score']:.2f} (n = {image['n']})")
    return Group(table, *(Text(line) for line in lines))


def comparison_table(benchmark: Benchmark, comparison: Comparison) -> RenderableType:
    """Before, after, change, p and what could have been seen; then the questions that flipped."""
    table = _table("type", "n", "before", "after", "change", "95 % interval", "p", "+ / −", "least")
    for name, change in comparison.by_type.items():
        table.add_row(Text(name), *_change(change))
    table.add_section()
    table.add_row("all", *_change(comparison.whole))
    flips = Table("question", "type", "gold", "before", "after", box=box.SIMPLE_HEAD, pad_edge=False)
    for flip in comparison.flips[:_FLIPS_SHOWN]:
        before, after = (flip.first, flip.second) if flip.first is not None else (flip.first_score, flip.second_score)
        flips.add_row(*(Text(str(cell)) for cell in (flip.question_id, flip.question_type, flip.gold, before, after)))
    shown = f"{min(len(comparison.flips), _FLIPS_SHOWN)} of {len(comparison.flips)} flips shown; --json has all"
    test = f"{benchmark.title}, {comparison.variant}: {comparison.test}; {comparison.left_out} questions left out"
    if not comparison.flips:
        return Group(table, Text(test), _HOW_TO_READ, Text("no question flipped"))
    return Group(table, Text(test), _HOW_TO_READ, flips, Text(shown))


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _change(change: Change) -> tuple[str, ...]:
    return (
        f"{change.n:,}",
        f"{change.first:.2f}",
        f"{change.second:.2f}",
        f"{change.difference:+.2f}",
        f"{change.interval[0]:+.1f} to {change.interval[1]:+.1f}",
        f"{change.p if change.p_holm is None else change.p_holm:.2g}",
        f"{change.better} / {change.worse}",
        "none" if change.smallest is None else f"{change.smallest:.1f}",
    )


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.2f} to {interval[1]:.2f}"
