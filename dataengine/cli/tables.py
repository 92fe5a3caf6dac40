"""A run as tables for a terminal of 100 columns."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from dataengine.core.questions import Split
from dataengine.report.views import RoundView, RunView, ScoreView
from dataengine.report.words import duration, interval, p_equals, p_value, percent, points, verdict
from dataengine.wire.documents import AnalysisDoc

_STYLES = {"better": "bold green", "worse": "bold red", "open": ""}
_CHART_WIDTH = 21
_COLUMNS_WITH_CHART = 100


def run_table(view: RunView, split: Split = Split.REPORT) -> RenderableType:
    """Per question type and round: samples bought, n, accuracy with its interval (also drawn), and the change against
    round 0 with its paired test; below it, how to read it. Fits 100 columns, and 80 without the drawing."""
    return _RunTable(view, split)


@dataclass(frozen=True, slots=True)
class _RunTable:
    """The table, which leaves its drawing out where there is no room for it."""

    view: RunView
    split: Split

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _run_table(self.view, self.split, drawn=options.max_width >= _COLUMNS_WITH_CHART)


def _run_table(view: RunView, split: Split, *, drawn: bool) -> RenderableType:
    scored = [round_ for round_ in view.rounds if split in round_.scores]
    if not scored:
        return Text.assemble(("Run ", ""), (view.run, "bold"), f": {view.state}. No checkpoint has been scored yet.")
    table = _plain_table()
    table.add_column("Question type", no_wrap=True, max_width=23, overflow="ellipsis")
    accuracy = "Accuracy" if scored[-1].scores[split].unit == "percent" else scored[-1].scores[split].unit.title()
    for name in ("Round", "Bought", "n", accuracy, "95 % int."):
        table.add_column(name, justify="right", no_wrap=True)
    if drawn:
        table.add_column(_axis(), no_wrap=True, width=_CHART_WIDTH)
    table.add_column("Change", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    _add_group(table, view, scored, split, None, drawn)
    for name in view.types:
        _add_group(table, view, scored, split, name, drawn)
    return Group(_headline(view, split), Text(), table, Text(), _legend(view, scored, split))


def history_table(view: RunView) -> RenderableType:
    """Per round: what was bought and refused, both splits' overall scores and the time; below it, what was decided
    and why, and the weights that the next round's samples were bought by. Fits 80 columns."""
    table = _plain_table()
    for name in ("Round", "Bought", "Refused", "Diagnose %", "Report %", "Change", "p", "Time"):
        table.add_column(name, justify="right", no_wrap=True)
    for round_ in view.rounds:
        table.add_row(*_history_row(view, round_))
    return Group(_headline(view, Split.REPORT), Text(), table, Text(), _decisions(view))


def _add_group(
    table: Table, view: RunView, scored: list[RoundView], split: Split, name: str | None, drawn: bool
) -> None:
    """The rows of one question type, or of all together if `name` is None."""
    shown = [(r, r.scores[split].overall if name is None else r.scores[split].by_type.get(name)) for r in scored]
    title = name or "All"
    for round_, score in shown:
        if score is None:
            continue
        bought = sum(round_.bought.values()) if name is None else round_.bought.get(name, 0)
        table.add_row(
            Text(title, style="bold" if name is None else ""),
            Text(f"{'★ ' if round_.number == view.best_round else ''}{round_.number}"),
            Text(str(bought) if round_.number else "", style="" if bought else "dim"),
            str(score.n),
            percent(score.accuracy, score.scale),
            Text(interval(score.interval, score.scale), style="dim"),
            *([_drawn(score, _STYLES[verdict(score.change, view.level)])] if drawn else []),
            *_change(score, view),
        )
        title = ""
    if shown:
        table.add_section()


def _change(score: ScoreView, view: RunView) -> tuple[Text, Text]:
    if score.change is None:
        return Text(""), Text("")
    style = _STYLES[verdict(score.change, view.level)]
    return Text(points(score.change.difference, score.scale), style=style), Text(
        p_value(score.change.p), style=style or "dim"
    )


def _axis() -> Text:
    half = (_CHART_WIDTH - 5) // 2
    return Text("0" + " " * half + "50" + " " * (_CHART_WIDTH - half - 6) + "100", style="not bold dim")


def _drawn(score: ScoreView, style: str) -> Text:
    """The interval as a line with a dot at the accuracy; a tick where chance lies."""

    def column(share: float) -> int:
        return round(share * (_CHART_WIDTH - 1))

    low, dot, high = column(score.interval[0]), column(score.accuracy), column(score.interval[1])
    text = Text()
    for position in range(_CHART_WIDTH):
        if position == dot:
            text.append("●", style=style)
        elif low <= position <= high:
            text.append("─", style=style or "dim")
        else:
            text.append("┊" if score.chance > 0 and position == column(score.chance) else " ", style="dim yellow")
    return text


def _headline(view: RunView, split: Split) -> Text:
    text = Text.assemble(("Run ", ""), (view.run, "bold"), f", {view.state}")
    later = view.later
    if view.base is not None and later is not None:
        first, last = view.base.scores[split].overall, later.scores[split].overall
        text.append(f": {percent(first.accuracy, first.scale)} → ")
        text.append(percent(last.accuracy, last.scale), style="bold")
        if last.change is not None:
            text.append(f" ({points(last.change.difference, last.scale)} points, {p_equals(last.change.p)})")
        text.append(f" on the {split} split in round {later.number}")
        if later.number != view.best_round:
            text.append(", which is not promoted")
    elif view.base is not None:
        only = view.base.scores[split].overall
        text.append(f": {percent(only.accuracy, only.scale)} on the {split} split in round 0")
    text.append(f"\n{view.samples_bought} samples bought, {duration(view.total_seconds)} in the stages", style="dim")
    return text


def _legend(view: RunView, scored: list[RoundView], split: Split) -> Text:
    chance = {score.chance for score in scored[0].scores[split].by_type.values() if score.chance > 0}
    unanswered = sum(round_.scores[split].overall.unanswered for round_ in scored)
    lines = [
        f"★ best round. Bought: samples of the type that the round added. Split: {split}"
        + (" (it steers nothing)." if split is Split.REPORT else " (it steers the loop)."),
        f"Change against round 0 in points; p: {scored[-1].scores[split].test} test on the same questions. Coloured"
        " where it is",
        f"significant at {view.level:g} after Holm's correction over the types of a round."
        + (" ┊ chance." if chance else ""),
    ]
    unit = scored[0].scores[split].unit
    if unit != "percent":
        lines.append(f"Scores are in the benchmark's {unit}; the drawing shows the share of the most there is.")
    lines += [line for round_ in scored if round_.number == view.best_round for line in _uploads(round_)]
    if unanswered:
        lines.append(f"{unanswered} times a question went unanswered: not in n, and not counted as wrong.")
    return Text("\n".join(lines), style="dim")


def _uploads(round_: RoundView) -> list[str]:
    uploads = round_.evaluation.uploads if round_.evaluation is not None else ()
    return [
        f"{upload.benchmark}, round {round_.number}: no public answers; upload file at {upload.file.key}"
        for upload in uploads
    ]


def _history_row(view: RunView, round_: RoundView) -> list[Text]:
    def overall(split: Split) -> Text:
        if split not in round_.scores:
            return Text("–", style="dim")
        score = round_.scores[split].overall
        return Text(f"{score.scale * score.accuracy:.1f} [{interval(score.interval, score.scale)}]")

    report = round_.scores.get(Split.REPORT)
    change, p = _change(report.overall, view) if report is not None else (Text(""), Text(""))
    return [
        Text(f"{'★ ' if round_.number == view.best_round else ''}{round_.number}"),
        Text(str(sum(round_.bought.values())) if round_.number else ""),
        Text(str(sum(round_.refused.values())) if round_.number else ""),
        overall(Split.DIAGNOSE),
        overall(Split.REPORT),
        change,
        p,
        Text(duration(sum(round_.seconds.values()))),
    ]


def _decisions(view: RunView) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for round_ in view.rounds:
        title = Text(f"Round {round_.number}", style="bold")
        if round_.analysis is None:
            table.add_row(title, Text("no decision yet", style="dim"))
            continue
        table.add_row(title, _decision(round_.analysis))
        table.add_row("", Text(_weights(round_.analysis), style="dim"))
    return table


def _decision(analysis: AnalysisDoc) -> Text:
    promoted = "promoted" if analysis.promoted else "not promoted"
    return Text.assemble(
        (promoted, "bold green" if analysis.promoted else "bold"),
        f": {analysis.promotion_reason}; ",
        (analysis.decision, "bold"),
        f": {analysis.reason}",
    )


def _weights(analysis: AnalysisDoc) -> str:
    ordered = sorted(analysis.weights.items(), key=lambda item: -item[1])
    return f"weights ({analysis.weighting}), %: " + ", ".join(f"{name} {100 * share:.0f}" for name, share in ordered)


def _plain_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
