"""The image of an experiment: learning curves with their bands, and the paired differences beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from dataengine.experiment.results import Results

_TARGET = "#c2410c"
_CONTROLS = ("#334155", "#64748b", "#94a3b8")
_OTHERS = ("#2563eb", "#0d9488", "#7c3aed", "#ca8a04")
_DASHES = ((4, 2), (1, 1.5), (5, 1.5, 1, 1.5))


def plot(results: Results, path: Path) -> None:
    """Write `path` (PNG, 2 x for sharp screens)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(3, 2), constrained_layout=True, dpi=200)
    _curves(left, results)
    _differences(right, results)
    seeds = len(results.arms[results.experiment.target])
    title = f"{results.experiment.experiment}: one budget, {len(results.arms)} ways to spend it"
    figure.suptitle(
        f"{title} ({seeds} seeds, 95 % intervals)",
        fontsize=12,
        fontweight="bold",
        x=0.01,
        ha="left",
    )
    figure.savefig(path, facecolor="white")
    plt.close(figure)


def _curves(axes: Axes, results: Results) -> None:
    for name, points in results.decisive.curves.items():
        style = _style(results, name)
        samples, accuracy = [p.samples for p in points], [p.accuracy for p in points]
        axes.plot(samples, accuracy, marker="o", markersize=4, label=name, **style)
        if name == results.experiment.target or name in results.experiment.controls:
            low, high = [p.interval.low for p in points], [p.interval.high for p in points]
            axes.fill_between(samples, low, high, color=style["color"], alpha=0.12, linewidth=0)
    axes.set_xlabel("samples bought")
    axes.set_ylabel(f"accuracy on the report split ({results.experiment.metric})")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="lower right")
    _clean(axes)


def _differences(axes: Axes, results: Results) -> None:
    gaps = results.decisive.differences
    for place, gap in enumerate(reversed(gaps)):
        color = _style(results, gap.control)["color"]
        axes.plot([100 * gap.interval.low, 100 * gap.interval.high], [place, place], color=color, linewidth=2.5)
        axes.plot(
            [100 * value for value in gap.per_seed], [place - 0.22] * len(gap.per_seed), "|", color=color, alpha=0.6
        )
        axes.plot([100 * gap.mean], [place], "o", color=color, markersize=7)
    axes.axvline(0.0, color="#0f172a", linewidth=0.8)
    axes.set_yticks(range(len(gaps)), [gap.control for gap in reversed(gaps)])
    axes.set_ylim(-0.6, len(gaps) - 0.4)
    points = results.decisive.curves[results.experiment.target][results.last_round]
    axes.set_xlabel(f"{results.experiment.target} minus arm after {points.samples:.0f} samples, points (ticks: seeds)")
    _clean(axes)


def _style(results: Results, name: str) -> dict[str, Any]:
    experiment = results.experiment
    if name == experiment.target:
        return {"color": _TARGET, "linewidth": 2.6, "zorder": 5}
    if name in experiment.controls:
        index = experiment.controls.index(name)
        return {"color": _CONTROLS[index % 3], "linewidth": 1.8, "dashes": _DASHES[index % 3], "zorder": 4}
    others = [arm for arm in experiment.arms if arm != experiment.target and arm not in experiment.controls]
    return {"color": _OTHERS[others.index(name) % 4], "linewidth": 1.3, "alpha": 0.85}


def _clean(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
