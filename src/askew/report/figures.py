"""The figures of a report: each a function from the summary to a matplotlib figure, or None without anything to draw.

No figure needs a display or pyplot: they are `matplotlib.figure.Figure` objects, drawn inside `style.style()`.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from askew.errors import one_line
from askew.report.diagnostics import asked_by_class, mean_l1_scores, mean_of_cycles, weight_curve
from askew.report.headline import duration
from askew.report.measures import Floats, Interval
from askew.report.plotting import (
    count_axis,
    direct_labels,
    draw_curve,
    figure_of,
    n_columns,
    name_axis,
    name_rows,
    panels,
    shortened,
    thousands,
)
from askew.report.savings import Saving
from askew.report.style import GREY, INK, MUTED, PAPER, PHASES, Look, looks, style
from askew.report.summary import Comparison, Line, Summary

SHADES = (0.25, 1.0)
"""Opacity of the first and the last cycle in stacked bars."""

MOST_NAMED_CLASSES = 12


@dataclass(frozen=True)
class Drawing:
    """A figure of the report: its file name, what it shows, and how to draw it at a width."""

    name: str
    title: str
    caption: str
    draw: Callable[[Summary, bool], Figure | None]


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
        if line in _banded(summary) and np.isfinite(std).any():
            low, high = (_possible(edge, summary) for edge in (mean - std, mean + std))
            ax.fill_between(x, low, high, color=look[line.label].colour, alpha=0.14, linewidth=0)
        draw_curve(ax, x, mean * summary.scale, look[line.label])
        ends.append((float(x[-1]), float(mean[-1]) * summary.scale, line.label))
    if summary.full is not None:
        _full_line(ax, summary)
    if summary.percent:
        ax.set_ylim(top=min(ax.get_ylim()[1], 100.0))
    ax.set_xlabel("labels")
    name_axis(ax, metric_name(summary))
    count_axis(ax, summary)
    direct_labels(figure, ax, ends, look)
    return figure


def _banded(summary: Summary) -> tuple[Line | None, ...]:
    return (summary.random, summary.best) if summary.best is not None else summary.lines[:2]


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
    figure, ax = figure_of(narrow, 0.95 + 0.36 * len(found))
    look = looks(summary.lines)
    for row, (line, saving, shown) in enumerate(found):
        colour = look[line.label].colour
        if math.isfinite(saving.low):
            first, last = summary.n_labeled[0], summary.n_labeled[-1]
            ends = np.clip([saving.random_needs - saving.high, saving.random_needs - saving.low], first, last)
            ax.plot(ends, [row, row], color=colour, linewidth=5, alpha=0.22, solid_capstyle="butt")
        ax.plot([saving.needs, saving.random_needs], [row, row], color=colour, linewidth=1.6)
        ax.plot(saving.random_needs, row, marker="|", color=INK, markersize=11, markeredgewidth=1.6)
        filled = colour if shown and saving.sign else PAPER
        ax.plot(saving.needs, row, marker=look[line.label].marker, color=colour, markerfacecolor=filled, markersize=7)
        ax.annotate(
            _saved(saving, shown),
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=INK if shown and saving.sign else MUTED,
            annotation_clip=False,
        )
    name_rows(ax, [line.label for line, _, _ in found], look)
    ax.xaxis.set_major_formatter(FuncFormatter(thousands))
    ax.set_xlim(summary.n_labeled[0], summary.n_labeled[-1])
    for collection in ax.lines:
        collection.set_clip_on(False)
    ax.set_xlabel("labels needed for the same result; | is random")
    figure.tight_layout(pad=0.6)
    return figure


def _saved(saving: Saving, shown: int) -> str:
    if not shown or not saving.sign:
        return "none shown"
    share = round(100 * saving.saved / saving.random_needs)
    return f"{share}% fewer" if share >= 0 else f"{-share}% more"


def gain_over_random(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the gain over random, averaged over the label counts, with its interval, best first."""
    found = [(line.label, line.over_random) for line in summary.compared if line.over_random is not None]
    if not found:
        return None
    found.sort(key=lambda row: -row[1].gain.mean)
    figure, ax = figure_of(narrow, 0.8 + 0.32 * len(found))
    _forest(ax, found, looks(summary.lines), summary)
    ax.set_xlabel("points above random, averaged over the label counts")
    figure.tight_layout(pad=0.6)
    return figure


def gain_over_plain(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws what balance adds to each plain strategy at every label count, with intervals (Tables 4.1–4.3)."""
    lines = [line for line in summary.lines if line.plain_gain is not None]
    if not lines:
        return None
    figure, axes = panels(narrow, len(lines), height=2.3)
    look = looks(summary.lines)
    for ax, line in zip(axes, lines, strict=True):
        if line.plain_gain is not None:
            _gains(ax, line.plain_gain, look[line.label], summary)
        ax.set_title(shortened(line.label, figure))
    for ax in axes:
        ax.set_xlabel("labels")
    figure.supylabel("points", fontsize=9, color=MUTED)
    figure.tight_layout(pad=0.6)
    return figure


def class_counts(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws how many items of each class a strategy asked, a shade a cycle, mean over seeds (Fig. 4.8–4.10)."""
    asked = [
        (line.label, counts)
        for line in summary.lines
        if (counts := asked_by_class(summary.experiment, line.label)).size
    ]
    if not asked:
        return None
    classes = summary.experiment.classes
    figure, axes = panels(narrow, len(asked), height=2.2 if len(classes) <= MOST_NAMED_CLASSES else 1.9)
    look = looks(summary.lines)
    columns = n_columns(narrow, len(asked))
    axes[0].set_ylim(0, 1.05 * max(float(counts.sum(axis=0).max()) for _, counts in asked))
    for number, (ax, (label, counts)) in enumerate(zip(axes, asked, strict=True)):
        _stack(ax, counts, look[label].colour)
        ax.axhline(counts.sum() / len(classes), color=INK, linewidth=1, linestyle=(0, (1, 2)))
        ax.set_title(shortened(label, figure))
        _class_axis(ax, classes, named=number + columns >= len(asked))
    figure.supylabel("items asked", fontsize=9, color=MUTED)
    figure.tight_layout(pad=0.6)
    return figure


def l1_scores(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the L1 score of what was asked in each cycle: 0 is uniform over classes, 1 is one class only (Eq. 4.10)."""
    figure, ax = figure_of(narrow, 3.4)
    look = looks(summary.lines)
    ends = []
    for line in summary.lines:
        cycles, scores = mean_l1_scores(summary.experiment, line.label)
        if len(cycles):
            draw_curve(ax, cycles, scores, look[line.label])
            ends.append((float(cycles[-1]), float(scores[-1]), line.label))
    if not ends:
        return None
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("cycle whose model asked")
    name_axis(ax, "L1 score; 0 is uniform over classes")
    direct_labels(figure, ax, ends, look)
    return figure


def weight_curves(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the balance loss over the weight λ and the weight that was chosen (Fig. 4.4)."""
    found = [(line.label, curve) for line in summary.lines if (curve := weight_curve(summary.experiment, line.label))]
    if not found:
        return None
    figure, axes = panels(narrow, len(found), height=2.3)
    look = looks(summary.lines)
    for ax, (label, (weights, losses, chosen)) in zip(axes, found, strict=True):
        ax.plot(weights, losses, color=look[label].colour, marker=".", markersize=4, linewidth=1.6)
        at = float(np.interp(chosen, weights, losses))
        ax.plot(chosen, at, marker="o", markersize=8, markerfacecolor="none", color=INK)
        ax.annotate(f"λ = {chosen:g}", (chosen, at), xytext=(8, 8), textcoords="offset points", color=INK)
        ax.set_title(shortened(label, figure))
        ax.set_ylim(bottom=0)
        ax.set_xlabel("weight λ")
    figure.supylabel("L1 distance to the demand", fontsize=9, color=MUTED)
    figure.tight_layout(pad=0.6)
    return figure


def phase_seconds(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the seconds of each phase of a cycle, mean over cycles and seeds."""
    found = {line.label: mean_of_cycles(summary.experiment, line.label) for line in summary.lines}
    seconds = {label: of_label for label, of_label in found.items() if of_label}
    phases = list(dict.fromkeys(phase for of_label in seconds.values() for phase in of_label))
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
                color=PHASES[number % len(PHASES)],
                label=phase if row == 0 else None,
            )
            left += width
        ax.annotate(duration(left), (left, row), xytext=(4, 0), textcoords="offset points", va="center", color=MUTED)
    name_rows(ax, list(seconds), looks(summary.lines))
    ax.margins(x=0.1)
    ax.set_xlabel("seconds a cycle")
    figure.legend(loc="upper right", ncols=len(phases), handlelength=0.9, columnspacing=1.2, bbox_to_anchor=(1, 1.0))
    figure.tight_layout(pad=0.6, rect=(0, 0, 1, 1 - 0.28 / figure.get_size_inches()[1]))
    return figure


DRAWINGS = (
    Drawing(
        "learning-curves",
        "What the labels bought",
        "Mean over seeds. The bands, for random and the strategy of the headline, are one standard deviation to either "
        "side.",
        learning_curves,
    ),
    Drawing(
        "labels-saved",
        "Labels saved",
        "Labels that a strategy needs (marker) and that random needs (stroke) for the highest level that both reach; "
        "shaded, the interval. A hollow marker: no saving and no waste is shown.",
        labels_saved,
    ),
    Drawing(
        "gain-over-random",
        "Gain over random",
        "Averaged over all label counts, paired by seed, with 95% intervals; thin, the interval widened for the number "
        "of strategies. A hollow marker: these seeds show no difference.",
        gain_over_random,
    ),
    Drawing(
        "gain-over-plain",
        "What balance added",
        "Points above the same strategy without balance at each label count, paired by seed, with 95% intervals.",
        gain_over_plain,
    ),
    Drawing(
        "asked-classes",
        "Which classes were asked",
        "Items asked of each class, mean over seeds; later cycles are darker. The dotted line is an equal share.",
        class_counts,
    ),
    Drawing(
        "l1-scores",
        "How balanced each question was",
        "Distance of the asked class counts to uniform over its maximum (Eq. 4.10), mean over seeds.",
        l1_scores,
    ),
    Drawing(
        "weight-curves",
        "How the balance weight was chosen",
        "Distance of the expected classes to the demand, on the model of the first run that tuned its weight.",
        weight_curves,
    ),
    Drawing(
        "seconds",
        "Where the time went",
        "Seconds of a clock on the wall for each phase of a cycle, mean over cycles and seeds.",
        phase_seconds,
    ),
)
"""Every figure of the report, in the order of the page."""


@dataclass(frozen=True)
class Rendered:
    """A figure as files: the SVG for a desk, the SVG for a phone, and the PNG at twice a screen's resolution."""

    drawing: Drawing
    svg: str
    narrow_svg: str
    png: bytes


def render(summary: Summary) -> tuple[Rendered, ...]:
    """Draws every figure that the experiment has something for; the same summary gives the same bytes."""
    found = []
    with style(), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", r"Glyph .* missing from font"
        )  # a script that the font lacks; the page has it
        for drawing in DRAWINGS:
            wide, narrow = drawing.draw(summary, False), drawing.draw(summary, True)
            if wide is not None and narrow is not None:
                found.append(Rendered(drawing, _svg(wide), _svg(narrow), _png(wide)))
    return tuple(found)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "askew"})
    return buffer.getvalue()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, metadata={"Software": "askew"})
    return buffer.getvalue()


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


def _forest(ax: Axes, rows: Sequence[tuple[str, Comparison]], look: dict[str, Look], summary: Summary) -> None:
    ax.axvline(0, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    for row, (label, found) in enumerate(rows):
        colour = look[label].colour
        for estimate, width, alpha in ((found.widened, 1.2, 0.6), (found.gain, 3.2, 1.0)):
            if math.isfinite(estimate.low):
                ends = [estimate.low * summary.scale, estimate.high * summary.scale]
                ax.plot(ends, [row, row], color=colour, linewidth=width, alpha=alpha, solid_capstyle="butt")
        filled, mean = colour if found.sign else PAPER, found.gain.mean * summary.scale
        ax.plot(mean, row, marker=look[label].marker, color=colour, markerfacecolor=filled, markersize=6.5)
    name_rows(ax, [label for label, _ in rows], look)


def _stack(ax: Axes, counts: Floats, colour: str) -> None:
    """Stacks one bar a class, a shade a cycle, with one artist a cycle: `ax.bar` takes minutes for 200 classes."""
    tops = np.vstack([np.zeros(counts.shape[1]), np.cumsum(counts, axis=0)])
    shades = np.linspace(*SHADES, len(counts)) if len(counts) > 1 else [0.8]
    edges = np.arange(counts.shape[1] + 1) - 0.5
    for low, high, shade in zip(tops[:-1], tops[1:], shades, strict=True):
        if counts.shape[1] > MOST_NAMED_CLASSES:
            ax.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=shade, linewidth=0)
            continue
        bars = [
            [(c - 0.4, y0), (c - 0.4, y1), (c + 0.4, y1), (c + 0.4, y0)]
            for c, (y0, y1) in enumerate(zip(low, high, strict=True))
        ]
        ax.add_collection(PolyCollection(bars, facecolors=[colour], alpha=shade, linewidth=0))
    ax.set_xlim(-0.8, counts.shape[1] - 0.2)


def _class_axis(ax: Axes, classes: Sequence[str], named: bool) -> None:
    ax.tick_params(axis="x", length=0, pad=1)
    if not named:
        ax.set_xticks([])
        return
    if len(classes) > MOST_NAMED_CLASSES:
        ax.set_xticks([0, len(classes) - 1], ["class 0", f"{len(classes) - 1}"])
        return
    short = [one_line(name, 10) for name in classes]
    plain = all(len(name) <= 2 for name in short)
    ax.set_xticks(
        range(len(classes)), short, rotation=0 if plain else 55, ha="center" if plain else "right", fontsize=7.5
    )
