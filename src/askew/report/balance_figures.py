"""The figures of the class balance: who was labeled, how even that was, and how the weight was chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from askew.errors import one_line
from askew.report.diagnostics import Curve, asked_by_class, initial_by_class, labeled_l1_scores, weight_curve
from askew.report.measures import Floats
from askew.report.plotting import (
    count_axis,
    direct_labels,
    draw_curve,
    figure_of,
    n_columns,
    name_axis,
    name_panels,
    panels,
    shortened,
)
from askew.report.style import GREY, INK, MUTED, Look, looks
from askew.report.summary import Summary

SHADES = (0.3, 1.0)
"""Opacity of the first and the last cycle in stacked bars."""

MOST_NAMED_CLASSES = 12


def class_counts(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws how many items of each class were labeled at the end, a shade a cycle, mean over seeds (Fig. 4.8–4.10)."""
    experiment = summary.experiment
    found = [
        (line.label, initial_by_class(experiment, line.label), asked)
        for line in summary.lines
        if (asked := asked_by_class(experiment, line.label)).size
    ]
    if not found:
        return None
    classes, rotated = experiment.classes, _rotated(experiment.classes, narrow)
    figure, axes = panels(narrow, len(found), height=2.5 if rotated else 2.1)
    look = looks(summary.lines)
    axes[0].set_ylim(0, 1.05 * max(float((first + asked.sum(axis=0)).max()) for _, first, asked in found))
    for ax, (label, first, asked) in zip(axes, found, strict=True):
        _stack(ax, first, asked, look[label].colour)
        ax.axhline((first.sum() + asked.sum()) / len(classes), color=INK, linewidth=1, linestyle=(0, (1, 2)))
        ax.set_title(shortened(label, figure))
        _class_axis(ax, classes, rotated)
    name_panels(figure, "items labeled")
    return figure


def l1_scores(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the L1 score of the labeled set at each label count: 0 is equal shares, 1 is one class only (Eq. 4.10)."""
    figure, ax = figure_of(narrow, 3.4)
    look = looks(summary.lines)
    ends = []
    for line in summary.lines:
        counts, scores = labeled_l1_scores(summary.experiment, line.label)
        draw_curve(ax, counts, scores, look[line.label])
        ends.append((float(counts[-1]), float(scores[-1]), line.label))
    ax.set_ylim(bottom=0)
    count_axis(ax, summary)
    ax.set_xlabel("labels")
    name_axis(ax, "L1 score of the labeled set; 0 is equal shares")
    direct_labels(figure, ax, ends, look)
    return figure


def weight_curves(summary: Summary, narrow: bool = False) -> Figure | None:
    """Draws the balance loss over the weight λ and the weight that was chosen (Fig. 4.4)."""
    found = [(line.label, curve) for line in summary.lines if (curve := weight_curve(summary.experiment, line.label))]
    if not found:
        return None
    figure, axes = panels(narrow, len(found), height=2.4)
    look = looks(summary.lines)
    columns = n_columns(narrow, len(found))
    for number, (ax, (label, curve)) in enumerate(zip(axes, found, strict=True)):
        _weight_curve(ax, curve, look[label])
        ax.set_title(shortened(label, figure))
        if number + columns >= len(found):
            ax.set_xlabel("weight λ")
    axes[0].set_ylim(bottom=0)
    name_panels(figure, "distance from the classes demanded, in items")
    return figure


def _weight_curve(ax: Axes, curve: Curve, look: Look) -> None:
    """Draws the positive weights on a logarithmic axis, and the distance without balance as a line across."""
    weights, losses, chosen = curve
    positive = [(w, loss) for w, loss in zip(weights, losses, strict=True) if w > 0]
    for without in (loss for w, loss in zip(weights, losses, strict=True) if w == 0):
        ax.axhline(without, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
        ax.annotate(
            "no balance",
            (1, without),
            xycoords=("axes fraction", "data"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            color=MUTED,
        )
    if positive:
        ax.set_xscale("log")
        ax.plot(*zip(*positive, strict=True), color=look.colour, marker=".", markersize=5, linewidth=1.6)
        ax.xaxis.set_major_locator(LogLocator(numticks=5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    if chosen > 0:
        at = float(np.interp(chosen, weights, losses))
        ax.plot(chosen, at, marker="o", markersize=8, markerfacecolor="none", color=INK)
        ax.annotate(f"λ = {chosen:.3g}", (chosen, at), xytext=(0, 9), textcoords="offset points", ha="center")


def _stack(ax: Axes, first: Floats, asked: Floats, colour: str) -> None:
    """Stacks one bar a class, a shade a cycle, with one artist a cycle: `ax.bar` takes minutes for 200 classes."""
    tops = np.vstack([first, first + np.cumsum(asked, axis=0)])
    shades = np.linspace(*SHADES, len(asked)) if len(asked) > 1 else [0.8]
    many = asked.shape[1] > MOST_NAMED_CLASSES
    edges = np.arange(asked.shape[1] + 1) - 0.5
    for low, high, shade in zip(tops[:-1], tops[1:], shades, strict=True):
        if many:
            ax.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=shade, linewidth=0)
        else:
            ax.add_collection(PolyCollection(_bars(low, high), facecolors=[colour], alpha=shade, linewidth=0))
    if many:
        ax.stairs(first, edges, color=MUTED, linewidth=0.8)
    else:
        ax.add_collection(
            PolyCollection(_bars(np.zeros_like(first), first), facecolors="none", edgecolors=MUTED, linewidth=0.8)
        )
    ax.set_xlim(-0.8, asked.shape[1] - 0.2)


def _bars(low: Floats, high: Floats) -> list[list[tuple[float, float]]]:
    return [
        [(c - 0.4, y0), (c - 0.4, y1), (c + 0.4, y1), (c + 0.4, y0)]
        for c, (y0, y1) in enumerate(zip(low.tolist(), high.tolist(), strict=True))
    ]


def _short_names(classes: Sequence[str]) -> list[str]:
    return [one_line(name, 12) for name in classes]


def _rotated(classes: Sequence[str], narrow: bool) -> bool:
    """Tells whether the names of the classes have no room side by side."""
    room = (24 if narrow else 34) / len(classes)
    return len(classes) <= MOST_NAMED_CLASSES and max(map(len, _short_names(classes))) > max(room, 1)


def _class_axis(ax: Axes, classes: Sequence[str], rotated: bool) -> None:
    ax.tick_params(axis="x", length=0, pad=1)
    if len(classes) > MOST_NAMED_CLASSES:
        ax.set_xticks([0, len(classes) - 1], ["class 0", f"{len(classes) - 1}"])
        first, last = ax.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
        return
    ax.set_xticks(range(len(classes)), _short_names(classes), fontsize=7.5)
    if rotated:
        for text in ax.get_xticklabels():
            text.set(rotation=55, ha="right", rotation_mode="anchor")
