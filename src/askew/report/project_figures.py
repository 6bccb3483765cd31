"""The figures of a project's report: its learning curve over labels and time, its calibration, its classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from askew.project.standing import Standing
from askew.report.plotting import figure_of, name_axis, name_panels, panels, shortened, thousands
from askew.report.style import GREY, INK, MUTED, PAPER, SERIES

COLOUR = SERIES[0]

LEAST_DAYS = 1 / 24
"""The axis of time is an hour long at least: of a single training, matplotlib would show years."""


@dataclass(frozen=True)
class ProjectDrawing:
    """A figure of the report: its file name, its heading, what it shows, and how to draw it; None without anything."""

    name: str
    title: str
    caption: Callable[[Standing], str]
    draw: Callable[[Standing, bool], Figure | None]


def curve(standing: Standing, narrow: bool = False) -> Figure | None:
    """Draws the accuracy of every training over its labels and over time, with its interval and what may come."""
    if not standing.curve:
        return None
    figure, (left, right) = panels(narrow, 2, 3.2 if not narrow else 2.8)
    values = np.array([[100 * one.metrics[name] for name in ("accuracy", "low", "high")] for one in standing.curve])
    counts = np.array([one.n_labeled for one in standing.curve])
    times = np.asarray(mdates.date2num([one.at for one in standing.curve]))  # type: ignore[no-untyped-call]
    for ax, x in ((left, counts), (right, times)):
        order = np.argsort(x, kind="stable")
        ax.fill_between(x[order], values[order, 1], values[order, 2], color=COLOUR, alpha=0.16, linewidth=0)
        if len(x) == 1:  # a band of one point has no width
            ax.vlines(x, values[:, 1], values[:, 2], color=COLOUR, alpha=0.16, linewidth=8)
        ax.plot(x[order], values[order, 0], color=COLOUR, marker="o", markersize=4, linewidth=1.8, clip_on=False)
    if standing.outlook is not None:
        _foretold(left, standing, int(counts[-1]), float(values[-1, 0]))
    low, high = float(values[:, 1].min()), float(values[:, 2].max())
    left.set_ylim(max(0.0, low - 3), min(100.0, high + 3))
    left.set_xlabel("labels of the pool")
    left.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    left.xaxis.set_major_formatter(FuncFormatter(thousands))
    right.set_xlabel("when, UTC")
    middle, half = (times.min() + times.max()) / 2, max(float(np.ptp(times)), LEAST_DAYS) / 2
    right.set_xlim(middle - 1.05 * half, middle + 1.05 * half)
    locator = mdates.AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
    right.xaxis.set_major_locator(locator)
    right.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    name_panels(figure, "accuracy on the labeled test pictures, %")
    return figure


def _foretold(ax: Axes, standing: Standing, n: int, value: float) -> None:
    found = standing.outlook
    assert found is not None
    at, middle = int(found.at[0]), 100 * float(found.median[0])
    ax.plot([n, at], [value, middle], color=GREY, linestyle=(0, (4, 2)), linewidth=1.4)
    ends = [[middle - 100 * float(found.low[0])], [100 * float(found.high[0]) - middle]]
    ax.errorbar([at], [middle], yerr=ends, color=GREY, marker="o", markersize=4, capsize=3, linewidth=1.4)


def calibration(standing: Standing, narrow: bool = False) -> Figure | None:
    """Draws how often the newest model was right against how sure it was."""
    if not standing.curve:
        return None
    bins = standing.curve[-1].metrics["bins"]
    figure, ax = figure_of(narrow, 3.6)
    x = np.array([one["confidence"] for one in bins])
    y = np.array([one["accuracy"] for one in bins])
    ends = np.array([[one["accuracy"] - one["low"], one["high"] - one["accuracy"]] for one in bins]).T
    ax.plot([0, 1], [0, 1], color=GREY, linestyle=(0, (4, 2)), linewidth=1.2)
    ax.errorbar(x, y, yerr=np.maximum(ends, 0), color=COLOUR, marker="o", markersize=4, capsize=3, linewidth=1.2)
    ax.set_xlim(0, 1.02)
    ax.set_ylim(0, 1.02)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    ax.set_xlabel("how sure the model was")
    name_axis(ax, "how often it was right")
    figure.tight_layout(pad=0.6)
    return figure


def classes(standing: Standing, narrow: bool = False) -> Figure | None:
    """Draws how many labels each class has, and how many of the unlabelled pictures are taken for it."""
    names, labels = standing.view.classes, np.array(standing.labels) + np.array(standing.test_labels)
    if not labels.any():
        return None
    n = 1 if standing.predicted is None else 2
    figure, found = panels(narrow, n, 0.9 + 0.3 * len(names))
    order = np.argsort(-labels, kind="stable")
    parts = [("labels", labels, COLOUR)]
    if standing.predicted is not None:
        parts.append(("unlabeled pictures taken for it", np.array(standing.predicted), GREY))
    for ax, (name, values, colour) in zip(found, parts, strict=True):
        ax.barh(range(len(names)), values[order], height=0.62, color=colour)
        for row, value in enumerate(values[order].tolist()):
            ax.annotate(f"{value:,}", (value, row), xytext=(4, 0), textcoords="offset points", va="center", color=MUTED)
        ax.set_yticks(range(len(names)), [shortened(names[c], figure) for c in order], color=INK)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlim(0, max(1, values.max()) * 1.14)
        ax.grid(visible=False, axis="y")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(thousands))
        ax.set_xlabel(name)
        ax.set_facecolor(PAPER)
    figure.tight_layout(pad=0.6, w_pad=1.6)
    return figure


def _of_curve(standing: Standing) -> str:
    n = standing.curve[-1].metrics["n_test"]
    said = (
        f"Every model is measured on the same {n:,} labeled test pictures, which were drawn at random and are never "
        "trained on. The band is Wilson’s interval of 95%."
    )
    if standing.outlook is not None:
        said += f" Gray: what is likely to be measured with {standing.n_next:,} more labels, an interval of 80%."
    return said


DRAWINGS = (
    ProjectDrawing("curve", "What the labels bought", _of_curve, curve),
    ProjectDrawing(
        "calibration",
        "Whether its confidence can be believed",
        lambda _: (
            "Test pictures in bins of how sure the newest model was. On the dashed line it is right as often as it is "
            "sure; below it is too sure. Thin lines are Wilson’s intervals of 95%."
        ),
        calibration,
    ),
    ProjectDrawing(
        "classes",
        "Which classes are labeled",
        lambda _: "Labels of each class, those of test pictures too, and what the newest model takes the others for.",
        classes,
    ),
)
"""The figures, in the order of the page."""
