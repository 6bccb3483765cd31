"""The figures of what was measured: learning curves, labels saved, gains and seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from askew.report.diagnostics import mean_of_cycles
from askew.report.headline import duration, needed, share_saved, signed
from askew.report.measures import Floats, Interval, mean_std_at
from askew.report.plotting import (
    beside_row,
    count_axis,
    direct_labels,
    draw_curve,
    figure_of,
    n_columns,
    name_axis,
    name_panels,
    name_rows,
    panels,
    shortened,
    thousands,
)
from askew.report.pseudo import pseudo_lines
from askew.report.savings import Saving
from askew.report.style import GREY, INK, MUTED, PAPER, PHASES, Look, looks
from askew.report.summary import ADDED, Comparison, Line, Summary

PHASE_NAMES = ("fit", "evaluate", "predict", "query", "save")
"""The phases of a cycle in their order; each has one colour in every report."""


def learning_curves(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the mean of every strategy over its label counts, and a band of one standard deviation for two of them.

    The two are random and the strategy of the headline: more bands would cover each other.
    """
    figure, ax = figure_of(narrow, 4.4 if not narrow else 4.6)
    look = looks(summary.lines)
    ends = []
    for line in summary.lines:
        known = np.isfinite(line.mean)
        x, mean, std = line.curves.n_labeled[known], line.mean[known], line.std[known]
        if line in banded(summary):
            low, high = (_possible(edge, summary) for edge in (mean - std, mean + std))
            ax.fill_between(x, low, high, color=look[line.label].colour, alpha=0.16, linewidth=0)
        draw_curve(ax, x, mean * summary.scale, look[line.label])
        ends.append((float(x[-1]), float(mean[-1]) * summary.scale, line.label))
    if summary.full is not None:
        _full_line(ax, summary)
    if summary.percent:
        bottom, top = ax.get_ylim()
        ax.set_ylim(max(bottom, 0.0), min(top, 100.0))
    ax.set_xlabel("labels")
    name_axis(ax, metric_name(summary))
    count_axis(ax, summary)
    direct_labels(figure, ax, ends, look)
    return figure


def banded(summary: Summary) -> tuple[Line, ...]:
    """Returns the lines that have a band: random and the strategy of the headline, where several seeds give one."""
    two = (summary.random, summary.best) if summary.best is not None else summary.lines[:2]
    return tuple(line for line in two if line is not None and np.isfinite(line.std).any())


def _possible(values: Floats, summary: Summary) -> Floats:
    """Returns values as they are shown, a share within 0 and 100%."""
    return np.clip(values, 0, 1) * summary.scale if summary.percent else values


def labels_saved(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws for each strategy the labels that it and random need for the same level, the most saved first."""
    rows = [(line, line.saving, line.over_random) for line in summary.lines]
    found = [(line, saving, over.sign) for line, saving, over in rows if saving is not None and over is not None]
    if not found or len(summary.n_labeled) < 2:
        return None
    found.sort(key=lambda row: -row[1].saved)
    figure, ax = figure_of(narrow, 0.85 + 0.42 * len(found))
    look = looks(summary.lines)
    for row, (line, saving, sign) in enumerate(found):
        shown = bool(sign and saving.sign)
        _need(ax, row, saving, look[line.label], shown, summary.n_labeled)
        text = _saved(saving) if shown else "none shown"
        if shown and not narrow:
            text = f"{needed(saving.needs, saving)} instead of {needed(saving.random_needs, saving)}: {text}"
        beside_row(ax, row, text, strong=shown)
    name_rows(ax, [line.label for line, _, _ in found])
    ax.xaxis.set_major_formatter(FuncFormatter(thousands))
    ax.set_xlim(0, summary.n_labeled[-1])
    ax.set_xlabel("labels needed for the same result")
    figure.tight_layout(pad=0.6)
    return figure


def _need(ax: Axes, row: int, saving: Saving, look: Look, shown: bool, counts: Sequence[int]) -> None:
    """Draws random's need behind the strategy's, and the interval of the strategy's."""
    ax.barh(row, saving.random_needs, height=0.72, color=GREY, alpha=0.3, linewidth=0)
    ax.plot([saving.random_needs] * 2, [row - 0.36, row + 0.36], color=GREY, linewidth=1.6, clip_on=False)
    ax.barh(
        row,
        saving.needs,
        height=0.4,
        color=look.colour if shown else PAPER,
        edgecolor=look.colour,
        linewidth=1.2,
        zorder=3,
    )
    if math.isfinite(saving.low):
        ends = np.clip([saving.random_needs - saving.high, saving.random_needs - saving.low], counts[0], counts[-1])
        for colour, wider in ((PAPER, 2.0), (INK, 0.0)):
            ax.plot(
                ends,
                [row, row],
                color=colour,
                linewidth=1.2 + wider,
                marker="|",
                markersize=6 + wider,
                markeredgewidth=1.2 + wider,
                zorder=4,
                clip_on=False,
            )


def _saved(saving: Saving) -> str:
    share = share_saved(saving)
    return f"{share}% fewer" if share >= 0 else f"{-share}% more"


def gain_over_random(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the gain over random, averaged over the label counts, with its interval, best first."""
    found = [(line.label, line.over_random) for line in summary.compared if line.over_random is not None]
    if not found:
        return None
    found.sort(key=lambda row: -row[1].gain.mean)
    figure, ax = figure_of(narrow, 0.85 + 0.36 * len(found))
    look = looks(summary.lines)
    ax.axvline(0, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    for row, (label, comparison) in enumerate(found):
        _forest_row(ax, row, comparison, look[label], summary)
        text = signed(comparison.gain.mean, summary) if comparison.sign else "none shown"
        beside_row(ax, row, text, strong=bool(comparison.sign))
    name_rows(ax, [label for label, _ in found])
    ax.set_xlabel("points above random" if summary.percent else "above random")
    figure.tight_layout(pad=0.6)
    return figure


def _forest_row(ax: Axes, row: int, found: Comparison, look: Look, summary: Summary) -> None:
    for estimate, width, alpha in ((found.widened, 1.2, 0.7), (found.gain, 3.6, 1.0)):
        if math.isfinite(estimate.low):
            ends = [estimate.low * summary.scale, estimate.high * summary.scale]
            ax.plot(ends, [row, row], color=look.colour, linewidth=width, alpha=alpha, solid_capstyle="butt")
    filled, mean = look.colour if found.sign else PAPER, found.gain.mean * summary.scale
    ax.plot(mean, row, marker=look.marker, color=look.colour, markerfacecolor=filled, markersize=7.5)


def gain_over_plain(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws what balance adds to each plain strategy at every label count, with intervals (Tables 4.1–4.3)."""
    return _panels_over_plain(summary, narrow, ADDED[0])


def gain_of_pseudo_labels(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws what pseudo-labels add to each plain strategy at every label count, with intervals."""
    return _panels_over_plain(summary, narrow, ADDED[1])


def _panels_over_plain(summary: Summary, narrow: bool, added: str) -> Figure | None:
    lines = [line for line in summary.lines if line.plain_gain is not None and line.added == added]
    if not lines:
        return None
    figure, axes = panels(narrow, len(lines), height=2.3)
    look = looks(summary.lines)
    columns = n_columns(narrow, len(lines))
    for number, (ax, line) in enumerate(zip(axes, lines, strict=True)):
        if line.plain_gain is not None:
            _gains(ax, line.plain_gain, look[line.label], summary)
        ax.set_title(shortened(line.label, figure))
        if number + columns >= len(lines):
            ax.set_xlabel("labels")
    name_panels(figure, "points above the plain strategy" if summary.percent else "above the plain strategy")
    return figure


def two_models(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the means of model B and, dashed and gray, of model A, a panel a strategy (as in Fig. 3.8)."""
    found = [(one.line, one.teacher) for one in pseudo_lines(summary) if one.teacher is not None]
    if not found:
        return None
    figure, axes = panels(narrow, len(found), height=2.3)
    look = looks(summary.lines)
    columns = n_columns(narrow, len(found))
    for number, (ax, (line, teacher)) in enumerate(zip(axes, found, strict=True)):
        for curves, of in ((teacher, Look(GREY, "s", (4, 2), 1.4)), (line.curves, look[line.label])):
            mean, _, _ = mean_std_at(curves)
            draw_curve(ax, curves.n_labeled, mean * summary.scale, of)
        ax.set_title(shortened(line.label, figure))
        count_axis(ax, summary)
        if number + columns >= len(found):
            ax.set_xlabel("labels")
    name_panels(figure, metric_name(summary))
    return figure


def phase_seconds(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the seconds of each phase of a cycle, mean over cycles and seeds."""
    found = {line.label: mean_of_cycles(summary.experiment, line.label) for line in summary.lines}
    seconds = {label: of_label for label, of_label in found.items() if of_label}
    found_phases = {phase for of_label in seconds.values() for phase in of_label}
    phases = [phase for phase in PHASE_NAMES if phase in found_phases] + sorted(found_phases - {*PHASE_NAMES})
    if not phases:
        return None
    figure, ax = figure_of(narrow, 0.95 + 0.3 * len(seconds))
    for row, of_label in enumerate(seconds.values()):
        left = 0.0
        for number, phase in enumerate(phases):
            width = of_label.get(phase, 0.0)
            ax.barh(
                row,
                width,
                left=left,
                height=0.62,
                color=_phase_colour(phase, number),
                edgecolor=PAPER,
                linewidth=0.6,
                label=phase if row == 0 else None,
            )
            left += width
        ax.annotate(duration(left), (left, row), xytext=(4, 0), textcoords="offset points", va="center", color=MUTED)
    name_rows(ax, list(seconds))
    ax.margins(x=0.1)
    ax.set_xlabel("seconds a cycle")
    figure.legend(loc="upper right", ncols=len(phases), handlelength=0.9, columnspacing=1.2, bbox_to_anchor=(1, 1.0))
    figure.tight_layout(pad=0.6, rect=(0, 0, 1, 1 - 0.28 / figure.get_size_inches()[1]))
    return figure


def _phase_colour(phase: str, number: int) -> str:
    return PHASES[PHASE_NAMES.index(phase) if phase in PHASE_NAMES else number % len(PHASES)]


def metric_name(summary: Summary) -> str:
    """Returns the metric as it is written on an axis, such as "accuracy, %"."""
    name = summary.metric.replace("_", " ")
    return f"{name}, %" if summary.percent else name


def _full_line(ax: Axes, summary: Summary) -> None:
    """Draws what training on everything reaches; if that would flatten the curves, only says it at the top."""
    if summary.full is None:
        return
    full = float(np.nanmean(summary.full.values[:, -1])) * summary.scale
    low, high = ax.get_ylim()
    text = (
        f"all {int(summary.full.n_labeled[-1]):,} labels: {full:.1f}" if summary.percent else f"all labels: {full:.4g}"
    )
    if full > high + 0.25 * (high - low):
        ax.annotate(
            f"↑ {text}",
            (0, 1),
            xycoords="axes fraction",
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            color=MUTED,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
        )
        return
    ax.axhline(full, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    ax.annotate(
        text, (0, full), xycoords=("axes fraction", "data"), xytext=(2, 3), textcoords="offset points", color=MUTED
    )


def _gains(ax: Axes, gain: Interval, look: Look, summary: Summary) -> None:
    x, mean = gain.n_labeled, gain.mean * summary.scale
    ax.axhline(0, color=MUTED, linewidth=1)
    known = np.isfinite(gain.low)
    low, high = gain.low * summary.scale, gain.high * summary.scale
    ax.vlines(x[known], low[known], high[known], color=look.colour, linewidth=1.6, alpha=0.55)
    ax.plot(x, mean, color=look.colour, marker=look.marker, markersize=4.5, linewidth=1.4)
    count_axis(ax, summary)
