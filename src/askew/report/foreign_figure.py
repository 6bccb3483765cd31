"""The figure of an out-of-distribution analysis: a row a split, a mark a score, the AUROC along the row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from askew.report.analysis_figures import Shown
from askew.report.budget_figures import key_below
from askew.report.figures import png_of, svg_of
from askew.report.foreign import Split
from askew.report.plotting import figure_of, name_rows
from askew.report.style import MUTED, looks, style


def drawn(found: Sequence[Split]) -> dict[str, bytes]:
    """Returns the figure as SVG and as PNG."""
    with style():
        figure = areas(found)
        name = "out-of-distribution"
        return {f"{name}.svg": svg_of(figure).encode(), f"{name}.png": png_of(figure)}


def areas(found: Sequence[Split]) -> Figure:
    """Draws the AUROC of every score in every split, with the interval over seeds."""
    scores = list(found[0].areas)
    look = looks(Shown(score, score, None) for score in scores)
    figure, ax = figure_of(False, 0.9 + 0.62 * len(found))
    ax.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    for row, one in enumerate(found):
        for place, score in enumerate(scores):
            mean, mine = one.areas[score], look[score]
            y = row + 0.17 * (place - (len(scores) - 1) / 2)
            if np.isfinite(mean.low[0]):
                low, high = np.clip([mean.low[0], mean.high[0]], 0, 1)
                ax.hlines(y, low, high, color=mine.colour, linewidth=1.4, alpha=0.55)
            ax.plot(
                mean.mean[0],
                y,
                marker=mine.marker,
                color=mine.colour,
                markersize=6.5,
                linewidth=0,
            )
    name_rows(ax, [one.name for one in found])
    ax.set_xlabel("AUROC: how likely a foreign item scores above an own one")
    figure.tight_layout(pad=0.6)
    key_below(figure, [(score, look[score].colour, "-", 2.2) for score in scores])
    return figure
