"""The figures of a report, each a function from the summary to a matplotlib figure, or None if there is nothing to draw.

No figure needs a display or pyplot: they are `matplotlib.figure.Figure` objects, drawn inside `style.style()`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from askew.report.ledgers import FULL, RANDOM, Experiment
from askew.report.measures import Estimate, Interval
from askew.report.style import GREY, INK, MUTED, NARROW_INCHES, PAPER, PHASES, RULE, WIDE_INCHES, Look, looks, style
from askew.report.summary import Line, Summary

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
    """Draws the mean of every strategy over its label counts with a band of one standard deviation."""
    figure, ax = _figure(narrow, 4.4 if not narrow else 4.6)
    look = looks(summary.lines)
    ends = []
    for line in summary.lines:
        x, mean, std = line.curves.n_labeled, line.mean * summary.scale, line.std * summary.scale
        if np.isfinite(std).any():
            ax.fill_between(x, mean - std, mean + std, color=look[line.label].colour, alpha=0.10, linewidth=0)
        _plot(ax, x, mean, look[line.label])
        ends.append((float(x[-1]), float(mean[-1]), line.label))
    if summary.full is not None:
        _full_line(ax, summary)
    ax.set_xlabel("labels")
    ax.set_ylabel(metric_name(summary), loc="top")
    _label_axis(ax, summary)
    _direct_labels(figure, ax, ends, look)
    return figure


def gain_over_random(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the gain over random, averaged over the label counts, with its interval, best first."""
    lines = sorted(summary.compared, key=lambda line: -_number(line.area_gain))
    if not lines:
        return None
    figure, ax = _figure(narrow, 0.8 + 0.32 * len(lines))
    _forest(ax, [(line.label, line.area_gain) for line in lines], looks(summary.lines), summary)
    ax.set_xlabel("points above random, averaged over the label counts")
    figure.tight_layout(pad=0.6)
    return figure


def labels_for_random_end(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws how many labels each strategy needs for what random reaches at its last label count."""
    lines = [line for line in summary.lines if line.to_random_end is not None and line.to_random_end.n_seeds]
    if not lines:
        return None
    lines.sort(key=lambda line: line.to_random_end.labels if line.to_random_end else math.inf)
    figure, ax = _figure(narrow, 0.8 + 0.32 * len(lines))
    look = looks(summary.lines)
    last = float(summary.random.curves.n_labeled[-1]) if summary.random else math.nan
    for row, line in enumerate(lines):
        needed, colour = line.to_random_end, look[line.label].colour
        if needed is None:
            continue
        if math.isfinite(needed.low):
            ax.plot([needed.low, needed.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
        if needed.high_censored:
            ax.plot(needed.high, row, marker=">", color=colour, markersize=6)
        filled = PAPER if needed.labels_censored else colour
        ax.plot(needed.labels, row, marker=look[line.label].marker, color=colour, markerfacecolor=filled, markersize=6)
    ax.axvline(last, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    _rows(ax, [line.label for line in lines], look)
    ax.xaxis.set_major_formatter(FuncFormatter(_thousands))
    ax.set_xlabel(f"labels needed for what random reaches with {last:,.0f}")
    figure.tight_layout(pad=0.6)
    return figure


def gain_over_plain(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws what balance adds to each plain strategy at every label count, with intervals (Tables 4.1–4.3)."""
    lines = [line for line in summary.lines if line.plain_gain is not None]
    if not lines:
        return None
    figure, axes = _panels(narrow, len(lines), height=2.3)
    look = looks(summary.lines)
    for ax, line in zip(axes, lines, strict=True):
        if line.plain_gain is not None:
            _gains(ax, line.plain_gain, look[line.label], summary)
        ax.set_title(line.label)
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
    figure, axes = _panels(narrow, len(asked), height=2.2 if len(classes) <= MOST_NAMED_CLASSES else 1.9)
    look = looks(summary.lines)
    columns = 1 if narrow else min(3, len(asked))
    for number, (ax, (label, counts)) in enumerate(zip(axes, asked, strict=True)):
        _stack(ax, counts, look[label].colour)
        ax.axhline(counts.sum() / len(classes), color=INK, linewidth=1, linestyle=(0, (1, 2)))
        ax.set_title(label)
        _class_axis(ax, classes, named=number + columns >= len(asked))
    figure.supylabel("items asked", fontsize=9, color=MUTED)
    figure.tight_layout(pad=0.6)
    return figure


def l1_scores(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the L1 score of what was asked in each cycle: 0 is uniform over classes, 1 is one class only (Eq. 4.10)."""
    figure, ax = _figure(narrow, 3.4)
    look = looks(summary.lines)
    ends = []
    for line in summary.lines:
        cycles, scores = mean_l1_scores(summary.experiment, line.label)
        if len(cycles):
            _plot(ax, cycles, scores, look[line.label])
            ends.append((float(cycles[-1]), float(scores[-1]), line.label))
    if not ends:
        return None
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("cycle whose model asked")
    ax.set_ylabel("L1 score, 0 is uniform", loc="top")
    _direct_labels(figure, ax, ends, look)
    return figure


def weight_curves(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the balance loss over the weight λ and the weight that was chosen (Fig. 4.4)."""
    found = [(line.label, curve) for line in summary.lines if (curve := weight_curve(summary.experiment, line.label))]
    if not found:
        return None
    figure, axes = _panels(narrow, len(found), height=2.3)
    look = looks(summary.lines)
    for ax, (label, (weights, losses, chosen)) in zip(axes, found, strict=True):
        ax.plot(weights, losses, color=look[label].colour, marker=".", markersize=4, linewidth=1.6)
        at = float(np.interp(chosen, weights, losses))
        ax.plot(chosen, at, marker="o", markersize=8, markerfacecolor="none", color=INK)
        ax.annotate(f"λ = {chosen:g}", (chosen, at), xytext=(8, 8), textcoords="offset points", color=INK)
        ax.set_title(label)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("weight λ")
    figure.supylabel("L1 distance to the demand", fontsize=9, color=MUTED)
    figure.tight_layout(pad=0.6)
    return figure


def phase_seconds(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the seconds of each phase of a cycle, mean over cycles and seeds."""
    seconds = mean_seconds(summary.experiment)
    seconds.pop(FULL, None)
    phases = list(dict.fromkeys(phase for of_label in seconds.values() for phase in of_label))
    if not phases:
        return None
    figure, ax = _figure(narrow, 0.95 + 0.3 * len(seconds))
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
        ax.annotate(f"{left:.3g} s", (left, row), xytext=(4, 0), textcoords="offset points", va="center", color=MUTED)
    _rows(ax, list(seconds), looks(summary.lines))
    ax.margins(x=0.1)
    ax.set_xlabel("seconds a cycle")
    figure.legend(loc="upper right", ncols=len(phases), handlelength=0.9, columnspacing=1.2, bbox_to_anchor=(1, 1.0))
    figure.tight_layout(pad=0.6, rect=(0, 0, 1, 1 - 0.28 / figure.get_size_inches()[1]))
    return figure


DRAWINGS = (
    Drawing(
        "learning-curves",
        "What the labels bought",
        "Mean over seeds; the band is one standard deviation to either side.",
        learning_curves,
    ),
    Drawing(
        "labels-for-random-end",
        "Labels needed for random's last result",
        "Left of the dashed line, fewer labels than random. Bars are 95% intervals; an arrow marks an end beyond the labels "
        "that were measured, a hollow marker a strategy that did not get there.",
        labels_for_random_end,
    ),
    Drawing(
        "gain-over-random",
        "Gain over random",
        "Averaged over all label counts, paired by seed, with 95% intervals. An interval that crosses 0 shows no difference.",
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
        "Distance of the expected classes to the demand over the weight λ, on the first cycle's model of the first seed.",
        weight_curves,
    ),
    Drawing(
        "seconds",
        "Where the time went",
        "Mean over cycles and seeds.",
        phase_seconds,
    ),
)
"""Every figure of the report, in the order of the page."""


def svg(drawing: Drawing, summary: Summary, *, narrow: bool = False, text_as_text: bool = False) -> str | None:
    """Returns the figure as SVG text, the same text for the same summary, or None if there is nothing to draw."""
    with style(text_as_text):
        figure = drawing.draw(summary, narrow)
        if figure is None:
            return None
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=text_as_text, metadata={"Date": None, "Creator": "askew"})
        return buffer.getvalue()


def png(drawing: Drawing, summary: Summary) -> bytes | None:
    """Returns the figure as PNG at twice the screen's resolution, or None if there is nothing to draw."""
    with style(text_as_text=False):
        figure = drawing.draw(summary, False)
        if figure is None:
            return None
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=200, metadata={"Software": "askew"})
        return buffer.getvalue()


def metric_name(summary: Summary) -> str:
    """Returns the metric as it is written on an axis, such as "accuracy, %"."""
    name = summary.metric.replace("_", " ")
    return f"{name}, %" if summary.percent else name


def asked_by_class(experiment: Experiment, label: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Returns (cycles, classes) items asked, mean over the seeds that asked in that cycle; empty if none did."""
    asked: dict[int, list[Sequence[float]]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.asked and len(cycle.asked_counts) == len(experiment.classes):
                asked.setdefault(cycle.number, []).append(cycle.asked_counts)
    return np.array([np.mean(rows, axis=0) for _, rows in sorted(asked.items())])


def mean_l1_scores(experiment: Experiment, label: str) -> tuple[Any, Any]:
    """Returns the cycles and their (cycles,) L1 scores, mean over seeds."""
    scores: dict[int, list[float]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.l1_score is not None:
                scores.setdefault(cycle.number, []).append(cycle.l1_score)
    return np.array(sorted(scores)), np.array([np.mean(values) for _, values in sorted(scores.items())])


def weight_curve(experiment: Experiment, label: str) -> tuple[list[float], list[float], float] | None:
    """Returns the weights, the losses and the chosen weight of the first run that tuned its weight, or None."""
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.balance is not None and cycle.balance.get("curve"):
                curve = cycle.balance["curve"]
                return list(curve["weights"]), list(curve["losses"]), float(cycle.balance["weight"])
    return None


def mean_seconds(experiment: Experiment) -> dict[str, dict[str, float]]:
    """Returns label to phase to seconds, mean over the cycles and seeds that have the phase."""
    out: dict[str, dict[str, float]] = {}
    for label in (*experiment.labels, FULL):
        phases: dict[str, list[float]] = {}
        for run in experiment.of(label):
            for cycle in run.cycles:
                for phase, seconds in cycle.seconds.items():
                    phases.setdefault(phase, []).append(float(seconds))
        if phases:
            out[label] = {phase: float(np.mean(values)) for phase, values in phases.items()}
    return out


def _figure(narrow: bool, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(NARROW_INCHES if narrow else WIDE_INCHES, height))
    return figure, figure.add_subplot()


def _panels(narrow: bool, n: int, height: float) -> tuple[Figure, list[Axes]]:
    columns = 1 if narrow else min(3, n)
    rows = math.ceil(n / columns)
    width = NARROW_INCHES if narrow else WIDE_INCHES * (1 if columns > 1 else 0.6)
    figure = Figure(figsize=(width, height * rows))
    grid = figure.subplots(rows, columns, sharex=False, sharey=True, squeeze=False).ravel().tolist()
    for ax in grid[n:]:
        ax.remove()
    return figure, grid[:n]


def _plot(ax: Axes, x: Any, y: Any, look: Look) -> None:
    ax.plot(
        x,
        y,
        color=look.colour,
        linestyle=look.linestyle,
        linewidth=look.width,
        marker=look.marker,
        markersize=4.5,
        markeredgewidth=0.8,
        markeredgecolor=PAPER,
        clip_on=False,
        zorder=2 if look.colour == GREY else 3,
    )


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
    _label_axis(ax, summary)


def _forest(ax: Axes, rows: Sequence[tuple[str, Estimate | None]], look: dict[str, Look], summary: Summary) -> None:
    ax.axvline(0, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    for row, (label, estimate) in enumerate(rows):
        if estimate is None:
            continue
        colour = look[label].colour
        mean, low, high = (value * summary.scale for value in (estimate.mean, estimate.low, estimate.high))
        if math.isfinite(low):
            ax.plot([low, high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
        filled = colour if estimate.sign else PAPER
        ax.plot(mean, row, marker=look[label].marker, color=colour, markerfacecolor=filled, markersize=6.5)
    _rows(ax, [label for label, _ in rows], look)


def _rows(ax: Axes, labels: Sequence[str], look: dict[str, Look]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    for text, label in zip(ax.get_yticklabels(), labels, strict=True):
        text.set_color(look[label].colour if label in look and label != RANDOM else MUTED)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")


def _stack(ax: Axes, counts: Any, colour: str) -> None:
    bottom = np.zeros(counts.shape[1])
    shades = np.linspace(*SHADES, len(counts)) if len(counts) > 1 else [0.8]
    for row, shade in zip(counts, shades, strict=True):
        ax.bar(np.arange(len(row)), row, bottom=bottom, color=colour, alpha=shade, width=0.8, linewidth=0)
        bottom += row


def _class_axis(ax: Axes, classes: Sequence[str], named: bool) -> None:
    ax.tick_params(axis="x", length=0, pad=1)
    if not named:
        ax.set_xticks([])
        return
    if len(classes) > MOST_NAMED_CLASSES:
        ax.set_xticks([0, len(classes) - 1], ["class 0", f"{len(classes) - 1}"])
        return
    short = [name if len(name) <= 10 else name[:9] + "…" for name in classes]
    plain = all(len(name) <= 2 for name in short)
    ax.set_xticks(
        range(len(classes)), short, rotation=0 if plain else 55, ha="center" if plain else "right", fontsize=7.5
    )


def _label_axis(ax: Axes, summary: Summary) -> None:
    counts = summary.n_labeled
    step = math.ceil(len(counts) / 6)
    ax.set_xticks(counts[::step])
    ax.xaxis.set_major_formatter(FuncFormatter(_thousands))


def _thousands(value: float, _: object = None) -> str:
    return f"{value:,.0f}"


def _direct_labels(figure: Figure, ax: Axes, ends: Sequence[tuple[float, float, str]], look: dict[str, Look]) -> None:
    """Writes each line's name at its right end, moved apart so that none covers another."""
    longest = max(len(label) for _, _, label in ends)
    width = figure.get_size_inches()[0]
    margin = (0.082 * longest + 0.18) / width
    figure.tight_layout(pad=0.6, rect=(0, 0, 1 - margin, 1))
    height_points = ax.get_position().height * figure.get_size_inches()[1] * 72
    low, high = ax.get_ylim()
    right = max(x for x, _, _ in ends)
    order = sorted(ends, key=lambda end: end[1])
    wanted = np.array([(y - low) / (high - low) * height_points for _, y, _ in order])
    for (x, y, label), at in zip(order, spread(wanted, 11.0, 0.0, height_points), strict=True):
        there = low + at / height_points * (high - low)
        colour = look[label].colour
        ax.annotate(
            label,
            (x if x < right else right, y),
            xytext=(1.0, there),
            textcoords=_outside(ax),
            va="center",
            color=colour if label != RANDOM else MUTED,
            fontsize=8.5,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.5, "shrinkA": 1, "shrinkB": 3},
        )


def _outside(ax: Axes) -> Any:
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    beside = blended_transform_factory(ax.transAxes, ax.transData)
    return beside + ScaledTranslation(8 / 72, 0, ax.figure.dpi_scale_trans)


def spread(wanted: Any, gap: float, low: float, high: float) -> Any:
    """Returns ascending positions near the ascending `wanted` ones, `gap` apart, inside [low, high] if they fit.

    Those that would touch are merged into blocks, each centred on the mean of what its members wanted.

    >>> spread(np.array([10.0, 11.0, 50.0]), 10.0, 0.0, 100.0)
    array([ 5.5, 15.5, 50. ])
    """
    blocks: list[list[float]] = []
    for value in wanted:
        blocks.append([value])
        while len(blocks) > 1 and _top(blocks[-2], gap) + gap > _bottom(blocks[-1], gap):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    places = [_bottom(block, gap) + gap * i for block in blocks for i in range(len(block))]
    for i in range(len(places)):
        places[i] = max(places[i], low if i == 0 else places[i - 1] + gap)
    over = places[-1] - high if places else 0.0
    for i in reversed(range(len(places))):
        if over <= 0:
            break
        places[i] = min(places[i], high if i == len(places) - 1 else places[i + 1] - gap)
    return np.array(places)


def _bottom(block: list[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2


def _top(block: list[float], gap: float) -> float:
    return _bottom(block, gap) + gap * (len(block) - 1)


def _number(estimate: Estimate | None) -> float:
    return estimate.mean if estimate is not None and math.isfinite(estimate.mean) else -math.inf


__all__ = ["DRAWINGS", "RULE", "Drawing", "Line", "png", "svg"]
