"""The parts that the figures share: canvases, curves, axes, and names written beside what they name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import ScaledTranslation, Transform, blended_transform_factory
from numpy.typing import NDArray

from askew.errors import one_line
from askew.report.ledgers import RANDOM
from askew.report.measures import Floats
from askew.report.style import GREY, MUTED, NARROW_INCHES, PAPER, WIDE_INCHES, Look
from askew.report.summary import Summary


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
    width = NARROW_INCHES if narrow else WIDE_INCHES * (1 if columns > 1 else 0.6)
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


def draw_curve(ax: Axes, x: NDArray[Any], y: NDArray[Any], look: Look) -> None:
    """Draws one strategy's means over label counts or cycles."""
    ax.plot(
        x,
        y,
        color=look.colour,
        linestyle=look.linestyle,
        linewidth=look.width,
        marker=look.marker,
        markersize=4.2,
        markeredgewidth=0.6,
        markeredgecolor=PAPER,
        clip_on=False,
        zorder=2 if look.colour == GREY else 3,
    )


def name_rows(ax: Axes, labels: Sequence[str], look: dict[str, Look]) -> None:
    """Writes the strategies' names beside horizontal rows, the first on top, each in its colour."""
    ax.set_yticks(range(len(labels)), [shortened(label, ax.figure) for label in labels])
    for text, label in zip(ax.get_yticklabels(), labels, strict=True):
        text.set_color(look[label].colour if label in look and label != RANDOM else MUTED)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")


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
    """Writes each line's name at its right end, moved apart so that none covers another."""
    longest = max(len(shortened(label, figure)) for _, _, label in ends)
    width = figure.get_size_inches()[0]
    margin = (0.07 * longest + 0.2) / width
    figure.tight_layout(pad=0.6, rect=(0, 0, 1 - margin, 1))
    height_points = ax.get_position().height * figure.get_size_inches()[1] * 72
    low, high = ax.get_ylim()
    order = sorted(ends, key=lambda end: end[1])
    wanted = np.array([(y - low) / (high - low) * height_points for _, y, _ in order])
    for (x, y, label), at in zip(order, spread(wanted, 11.0, 0.0, height_points), strict=True):
        there = low + at / height_points * (high - low)
        colour = look[label].colour
        ax.annotate(
            shortened(label, figure),
            (x, y),
            xytext=(1.0, there),
            textcoords=_outside(ax, figure),
            va="center",
            color=colour if label != RANDOM else MUTED,
            fontsize=8.5,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.5, "shrinkA": 1, "shrinkB": 3},
            zorder=1,
        )


def _outside(ax: Axes, figure: Figure) -> Transform:
    beside = blended_transform_factory(ax.transAxes, ax.transData)
    return beside + ScaledTranslation(8 / 72, 0, figure.dpi_scale_trans)


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
