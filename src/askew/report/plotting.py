"""The parts that the figures share: canvases, curves, axes, and names written beside what they name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Transform, blended_transform_factory
from numpy.typing import NDArray

from askew.errors import one_line
from askew.report.measures import Floats
from askew.report.style import GREY, INK, MUTED, NARROW_INCHES, PAPER, WIDE_INCHES, Look
from askew.report.summary import Summary

GAP, KEY = 8, 20
"""Points between the axes and the piece of a line beside its name, and its length."""

MOST_LETTERS_BESIDE = 16
"""How long a name may be that stands beside a line on a phone."""

ROW = 0.19
"""Inches from one name below the axes to the next."""


def shortened(label: str, figure: Figure | SubFigure | None) -> str:
    """Returns a strategy's name as a figure has room for it: a long one loses its middle."""
    return one_line(label, 34 if figure is None or figure.bbox.width / figure.dpi > NARROW_INCHES else 21)


def figure_of(narrow: bool, height: float) -> tuple[Figure, Axes]:
    """Returns an empty figure of `height` inches, as wide as a desk or a phone asks, and its axes."""
    figure = Figure(figsize=(NARROW_INCHES if narrow else WIDE_INCHES, height))
    return figure, figure.add_subplot()


def panels(narrow: bool, n: int, height: float) -> tuple[Figure, list[Axes]]:
    """Returns a figure of `n` panels that share their vertical axis, three in a row, or below each other on a phone."""
    columns = n_columns(narrow, n)
    rows = math.ceil(n / columns)
    width = NARROW_INCHES if narrow else WIDE_INCHES
    figure = Figure(figsize=(width, height * rows))
    grid = figure.subplots(rows, columns, sharex=False, sharey=True, squeeze=False).ravel().tolist()
    for ax in grid[n:]:
        ax.remove()
    return figure, grid[:n]


def n_columns(narrow: bool, n: int) -> int:
    """Returns how many of `n` panels stand in a row."""
    if narrow:
        return 2 if n > 2 else 1
    return min(3, n)


def draw_curve(
    ax: Axes,
    x: NDArray[Any],
    y: NDArray[Any],
    look: Look,
    transform: Transform | None = None,
    markevery: Sequence[int] | None = None,
) -> None:
    """Draws one strategy's means over label counts, or a piece of its line beside its name."""
    ax.plot(
        x,
        y,
        color=look.colour,
        linestyle=look.linestyle,
        linewidth=look.width,
        marker=look.marker,
        markersize=5.2,
        markeredgewidth=0.6,
        markeredgecolor=PAPER,
        markevery=markevery,
        transform=ax.transData if transform is None else transform,
        clip_on=False,
        zorder=2 if look.colour == GREY else 3,
    )


def name_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Writes the strategies' names beside horizontal rows, the first on top."""
    ax.set_yticks(range(len(labels)), [shortened(label, ax.figure) for label in labels], color=INK)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")


def beside_row(ax: Axes, row: int, text: str, strong: bool) -> None:
    """Writes what a row says in words at its right end."""
    ax.annotate(
        text,
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
        color=INK if strong else MUTED,
        annotation_clip=False,
    )


def name_panels(figure: Figure, name: str) -> None:
    """Lays out panels, and writes once above them what their vertical axis shows."""
    width, height = figure.get_size_inches()
    figure.tight_layout(pad=0.6, w_pad=1.6, h_pad=1.2, rect=(0, 0, 1, 1 - 0.24 / height))
    figure.text(0.08 / width, 1 - 0.05 / height, name, va="top", color=MUTED)


def name_axis(ax: Axes, name: str) -> None:
    """Writes what the vertical axis shows above it, where it reads without turning one's head."""
    ax.set_title(name, fontweight="normal", fontsize=9, color=MUTED)


def count_axis(ax: Axes, summary: Summary) -> None:
    """Marks label counts that were measured, at most six of them."""
    counts = summary.n_labeled
    step = math.ceil(len(counts) / 6)
    ax.set_xticks(counts[::step])
    ax.xaxis.set_major_formatter(FuncFormatter(thousands))


def thousands(value: float, _: object = None) -> str:
    """Writes a tick's number with a comma after the thousands."""
    return f"{value:,.0f}"


def direct_labels(figure: Figure, ax: Axes, ends: Sequence[tuple[float, float, str]], look: dict[str, Look]) -> None:
    """Writes each line's name at its right end behind a piece of the line, moved apart so that none covers another."""
    longest = max(len(shortened(label, figure)) for _, _, label in ends)
    width, height = figure.get_size_inches()
    if width <= NARROW_INCHES and longest > MOST_LETTERS_BESIDE:
        _labels_below(figure, ax, ends, look)
        return
    margin = (0.07 * longest + (GAP + KEY) / 72 + 0.2) / width
    figure.tight_layout(pad=0.6, rect=(0, 0, 1 - margin, 1))
    height_points, width_points = ax.get_position().height * height * 72, ax.get_position().width * width * 72
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    order = sorted(ends, key=lambda end: end[1])
    wanted = np.array([(y - low) / (high - low) * height_points for _, y, _ in order])
    beside = blended_transform_factory(ax.transAxes, ax.transData)
    for (x, y, label), at in zip(order, spread(wanted, 12.0, 0.0, height_points), strict=True):
        there = low + at / height_points * (high - low)
        ax.annotate(
            "",
            (x, y),
            xytext=(1 + GAP / width_points, there),
            textcoords=beside,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3},
            zorder=1,
        )
        key = np.array([GAP, GAP + KEY / 2, GAP + KEY]) / width_points + 1
        draw_curve(ax, key, np.full(3, there), look[label], transform=beside, markevery=[1])
        ax.text(
            1 + (GAP + KEY + 4) / width_points, there, shortened(label, figure), transform=beside, va="center", size=8.5
        )


def _labels_below(figure: Figure, ax: Axes, ends: Sequence[tuple[float, float, str]], look: dict[str, Look]) -> None:
    """Writes the lines' names in rows below the axes, the highest line first: beside them is no room."""
    width, height = figure.get_size_inches()
    height += ROW * len(ends)
    figure.set_size_inches(width, height)
    figure.tight_layout(pad=0.6, rect=(0, ROW * len(ends) / height, 1, 1))
    order = sorted(ends, key=lambda end: -end[1])
    for row, (_, _, label) in enumerate(order):
        y = (len(order) - row - 0.5) * ROW / height
        key = np.array([0.1, 0.1 + KEY / 144, 0.1 + KEY / 72]) / width
        draw_curve(ax, key, np.full(3, y), look[label], transform=figure.transFigure, markevery=[1])
        figure.text((0.2 + KEY / 72) / width, y, one_line(label, 50), va="center", size=8.5)


def spread(wanted: Floats, gap: float, low: float, high: float) -> Floats:
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
