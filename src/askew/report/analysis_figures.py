"""Figures 3.3 to 3.5 of the thesis for any strategies: accuracy by score, and accuracy of what is asked first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from askew.report.analysis import CycleFound
from askew.report.budget_figures import Key, key_below
from askew.report.figures import png_of, svg_of
from askew.report.plotting import name_panels, panels, thousands
from askew.report.style import GREY, INK, MUTED, PAPER, WIDE_INCHES, Look, looks, style

DOTS = (0, (1, 2))
"""How the accuracy on all unlabeled items is drawn."""

FEW = 10
"""A bin with fewer items in the mean has a hollow marker."""

TIGHT_SHARE = 0.5
"""Up to which share of the unlabeled items accuracy is drawn: at all of them the lines meet by necessity."""


@dataclass(frozen=True)
class Shown:
    """A strategy as `style.looks` knows it."""

    label: str
    strategy: str
    plain: str | None
    added: str = ""


def drawn(cycles: Sequence[CycleFound], plans: Mapping[str, tuple[str, str | None]]) -> dict[str, bytes]:
    """Returns file name to content of every figure, as SVG and as PNG.

    Args:
        plans: label to the strategy's name and the label of its plain variant, or None.
    """
    look = looks(Shown(label, *plan) for label, plan in plans.items())
    files: dict[str, bytes] = {}
    with style():
        figures = {"accuracy-of-top": accuracy_of_top(cycles, look)}
        for label in cycles[0].histograms:
            figures[f"accuracy-by-score-{label}"] = by_score(cycles, label, look[label])
        for name, figure in figures.items():
            files[f"{name}.svg"], files[f"{name}.png"] = svg_of(figure).encode(), png_of(figure)
    return files


def accuracy_of_top(cycles: Sequence[CycleFound], look: Mapping[str, Look]) -> Figure:
    """Draws, a panel a cycle, how often the model is right about what each strategy asks first (Fig. 3.5)."""
    figure, axes = panels(False, len(cycles), height=3.4)
    for ax, one in zip(axes, cycles, strict=True):
        there = one.shares <= max(TIGHT_SHARE, float(one.shares.min())) + 1e-9
        x = 100 * one.shares[there]
        for label, mean in one.tops.items():
            mine = look[label]
            low, high = 100 * mean.low[there], 100 * mean.high[there]
            if np.isfinite(low).all():
                ax.fill_between(x, low, high, color=mine.colour, alpha=0.15, linewidth=0)
            ax.plot(
                x,
                100 * mean.mean[there],
                color=mine.colour,
                linestyle=mine.linestyle,
                linewidth=mine.width,
                marker=mine.marker,
                markersize=3.6,
                zorder=2 if mine.colour == GREY else 3,
                clip_on=False,
            )
        ax.axhline(100 * one.accuracy, color=MUTED, linewidth=1, linestyle=DOTS)
        ax.set_title(f"{one.n_labeled:,} labels")
        ax.set_xlabel("% of the unlabeled items, most informative first")
        ax.set_xlim(0, 1.01 * x.max())
    axes[0].set_ylim(0, _top(cycles))
    order = sorted(cycles[0].tops, key=lambda label: -cycles[0].tops[label].mean[0])
    name_panels(figure, "% predicted correctly")
    keys: list[Key] = [(label, look[label].colour, look[label].linestyle, look[label].width) for label in order]
    key_below(figure, [*keys, ("all unlabeled items", MUTED, DOTS, 1.0)])
    return figure


def _top(cycles: Sequence[CycleFound]) -> float:
    """Returns where the axis of accuracies ends: the next ten percent above all that is drawn."""
    ends = [mean.high if np.isfinite(mean.high).any() else mean.mean for one in cycles for mean in one.tops.values()]
    return min(100.0, 10 * float(np.ceil(10 * max(float(np.nanmax(end)) for end in ends) + 0.1)))


def by_score(cycles: Sequence[CycleFound], label: str, look: Look) -> Figure:
    """Draws, a column a cycle, the accuracy in each bin of a score above the number of items there (Fig. 3.3, 3.4)."""
    figure = Figure(figsize=(WIDE_INCHES if len(cycles) > 1 else 5.0, 4.0))
    grid = figure.subplots(2, len(cycles), sharex=True, sharey="row", squeeze=False, height_ratios=(1.5, 1))
    for column, one in enumerate(cycles):
        h = one.histograms[label]
        above, below = grid[0][column], grid[1][column]
        centres = (h.edges[:-1] + h.edges[1:]) / 2
        known = np.isfinite(h.accuracy.mean)
        low, high = (np.clip(100 * end[known], 0, 100) for end in (h.accuracy.low, h.accuracy.high))
        bar = np.isfinite(low)
        above.vlines(centres[known][bar], low[bar], high[bar], color=INK, linewidth=1, alpha=0.5)
        above.plot(centres[known], 100 * h.accuracy.mean[known], color=INK, linewidth=1.4, clip_on=False)
        for many, face in ((h.items.mean >= FEW, INK), (h.items.mean < FEW, PAPER)):
            there = known & many
            if not there.any():  # nothing drawn that is not clipped either would spoil the layout
                continue
            y = 100 * h.accuracy.mean[there]
            above.plot(centres[there], y, "o", color=INK, markerfacecolor=face, markersize=3.8, clip_on=False)
        above.axhline(100 * one.accuracy, color=MUTED, linewidth=1, linestyle=DOTS)
        above.set_ylim(0, 100)
        above.set_title(f"{one.n_labeled:,} labels")
        below.bar(centres, h.items.mean, width=0.86 * np.diff(h.edges), color=look.colour)
        below.yaxis.set_major_formatter(FuncFormatter(thousands))
        below.yaxis.set_major_locator(MaxNLocator(4))
        below.set_xlabel(label)
    grid[0][0].set_ylabel("% predicted correctly")
    grid[1][0].set_ylabel("items")
    figure.tight_layout(pad=0.6, w_pad=1.4, h_pad=0.8)
    return figure
