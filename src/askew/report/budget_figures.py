"""Figures of several experiments: the gain over random at each budget, and all their learning curves in one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from askew.report.budgets import Setting, budget_of
from askew.report.curve_figures import metric_name
from askew.report.plotting import n_columns, name_panels, panels, shortened, thousands
from askew.report.style import GREY, INK, MUTED, PAPER, Look, looks
from askew.report.summary import Line

DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)))
"""How the settings are told apart: the first one's lines are solid, the second's dashed."""

PLAIN_WIDTH = 1.6
"""How wide a line without balance is in a report (`style.looks`)."""

Key: TypeAlias = tuple[str, str, Any, float]
"""A line of the key: name, colour, dashes and width."""

KEY_ROW = 0.22
"""Inches for one row of the key below a figure."""


def budget_gains(found: Sequence[Setting]) -> Figure:
    """Draws a panel for each strategy: points above random at each budget, with the intervals that are claimed by.

    A filled marker: the budget's experiment shows a difference. Solid, dashed and dotted lines are the settings.
    """
    labels = list(dict.fromkeys(label for setting in found for label in setting.labels))
    look = _looks(found)
    budgets = sorted({budget_of(summary) for setting in found for summary in setting.summaries})
    scale = found[0].summaries[0].scale
    figure, axes = panels(False, len(labels), height=2.2)
    for number, (ax, label) in enumerate(zip(axes, labels, strict=True)):
        ax.axhline(0, color=MUTED, linewidth=1)
        for place, setting in enumerate(found):
            _gain_line(ax, setting, label, look[label], DASHES[place % len(DASHES)], scale, _shift(place, len(found)))
        _log_axis(ax, budgets)
        ax.set_title(shortened(label, figure))
        if number + n_columns(False, len(labels)) >= len(labels):
            ax.set_xlabel("labels a cycle")
    keys = [(setting.name, INK, dashes, 1.4) for setting, dashes in zip(found, cycle(DASHES), strict=False)]
    name_panels(figure, "points above random" if scale == 100 else "above random")
    key_below(figure, keys)
    return figure


def all_curves(found: Sequence[Setting]) -> Figure:
    """Draws every learning curve, one panel for each pool.

    Settings with the same pool share a panel: the first one's lines are solid, the second's dashed, and a balanced
    strategy's are thick.
    """
    look = _looks(found)
    pools = list(dict.fromkeys(setting.data for setting in found))
    same = [[setting for setting in found if setting.data == data] for data in pools]
    shared = max(map(len, same)) > 1
    figure, axes = panels(False, len(pools), height=4.2)
    keys: list[Key] = [
        (label, one.colour, "-" if shared else one.linestyle, _width(one, shared)) for label, one in look.items()
    ]
    for ax, members in zip(axes, same, strict=True):
        counts: set[int] = set()
        for setting, dashes in zip(members, cycle(DASHES), strict=False):
            for summary in setting.summaries:
                counts |= {summary.n_labeled[0], summary.n_labeled[-1]}
                for line in summary.lines:
                    one = look[line.label]
                    _curve(ax, line, one, dashes if shared else one.linestyle, _width(one, shared), summary.scale)
            if shared:
                keys.append((setting.name, INK, dashes, 1.4))
        _log_axis(ax, sorted(counts))
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        ax.set_title(shortened(members[0].name, figure) + more)
        ax.set_xlabel("labels")
    name_panels(figure, metric_name(found[0].summaries[0]))
    key_below(figure, keys)
    return figure


def _width(look: Look, shared: bool) -> float:
    """Returns a line's width; where dashes tell settings apart, balanced lines are thick and plain ones thin."""
    return look.width if not shared else 2.4 if look.width > PLAIN_WIDTH else 1.1


def _looks(found: Sequence[Setting]) -> dict[str, Look]:
    """Returns the look of every strategy of every experiment: that of a report that shows them all."""
    lines: dict[str, Line] = {}
    for setting in found:
        for summary in setting.summaries:
            for line in summary.lines:
                lines.setdefault(line.label, line)
    return looks(lines.values())


def _gain_line(ax: Axes, setting: Setting, label: str, look: Look, dashes: Any, scale: float, shift: float) -> None:
    rows = [(budget_of(summary), one) for summary, one in setting.comparisons(label)]
    if not rows:
        return
    x = np.array([budget for budget, _ in rows]) * shift
    mean = np.array([one.gain.mean for _, one in rows]) * scale
    low, high = (np.array([getattr(one.widened, end) for _, one in rows]) * scale for end in ("low", "high"))
    ax.vlines(x, low, high, color=look.colour, linewidth=1.4, alpha=0.55)
    ax.plot(x, mean, color=look.colour, linestyle=dashes, linewidth=1.4)
    for at, value, (_, one) in zip(x, mean, rows, strict=True):
        face = look.colour if one.sign else PAPER
        ax.plot(at, value, marker=look.marker, color=look.colour, markerfacecolor=face, markersize=5.5)


def _curve(ax: Axes, line: Line, look: Look, dashes: Any, width: float, scale: float) -> None:
    known = np.isfinite(line.mean)
    ax.plot(
        line.curves.n_labeled[known],
        line.mean[known] * scale,
        color=look.colour,
        linestyle=dashes,
        linewidth=width,
        zorder=2 if look.colour == GREY else 3,
    )


def _shift(place: int, n: int) -> float:
    """Returns the factor that keeps the intervals of several settings beside each other on a logarithmic axis."""
    return float(1.06 ** (place - (n - 1) / 2))


def _log_axis(ax: Axes, counts: Sequence[int]) -> None:
    ax.set_xscale("log")
    kept: list[int] = []
    for count in counts:
        if not kept or count >= 1.7 * kept[-1]:
            kept.append(count)
    ax.set_xticks(kept)
    ax.xaxis.set_major_formatter(FuncFormatter(thousands))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def key_below(figure: Figure, keys: Sequence[Key]) -> None:
    """Makes room below the panels and names there what the lines are."""
    columns = 4 if max(len(name) for name, *_ in keys) < 26 else 2
    rows = -(-len(keys) // columns)
    inches, height = figure.get_size_inches()
    taller = height + KEY_ROW * rows + 0.1
    for ax in figure.axes:
        box = ax.get_position()
        bottom = (box.y0 * height + taller - height) / taller
        ax.set_position((box.x0, bottom, box.width, box.height * height / taller))
    for text in figure.texts:
        text.set_y((text.get_position()[1] * height + taller - height) / taller)
    figure.set_size_inches(inches, taller)
    handles = [Line2D([], [], color=colour, linestyle=dashes, linewidth=width) for _, colour, dashes, width in keys]
    names = [shortened(name, figure) for name, *_ in keys]
    figure.legend(handles, names, loc="lower left", ncols=columns, handlelength=2.6, bbox_to_anchor=(0.01, 0.0))
