"""Every figure of a report: what it shows, in which order, and as files.

A figure is a function from the summary to a matplotlib figure, or None without anything to draw. No figure needs a
display or pyplot: they are `matplotlib.figure.Figure` objects, drawn inside `style.style()`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from askew.report.balance_figures import class_counts, l1_scores, weight_curves
from askew.report.curve_figures import (
    banded,
    gain_of_pseudo_labels,
    gain_over_plain,
    gain_over_random,
    labels_saved,
    learning_curves,
    phase_seconds,
    two_models,
)
from askew.report.style import style
from askew.report.summary import Summary


@dataclass(frozen=True)
class Drawing:
    """A figure of the report: its file name, its heading, what it shows in a sentence or two, and how to draw it."""

    name: str
    title: str
    caption: Callable[[Summary], str]
    draw: Callable[[Summary, bool], Figure | None]


def _of_curves(summary: Summary) -> str:
    labels = [line.label for line in banded(summary)]
    if not labels:
        return "One seed: no error bar."
    return f"Means over seeds. The bands of {' and '.join(labels)} are one standard deviation to either side."


def _of_savings(summary: Summary) -> str:
    last = f"{summary.n_labeled[-1]:,}"
    return (
        "Labels needed for the highest level that a strategy and random both reach with at most "
        f"{last}: the bar is the strategy’s need, the gray one behind it is random’s. The thin line is the interval of "
        "the saving, laid off from random’s need. An empty bar: these seeds show neither a saving nor a waste."
    )


DRAWINGS = (
    Drawing("learning-curves", "What the labels bought", _of_curves, learning_curves),
    Drawing("labels-saved", "Labels saved", _of_savings, labels_saved),
    Drawing(
        "gain-over-random",
        "Gain over random",
        lambda _: (
            "Points above random, averaged over all label counts and paired by seed. Thick: the 95% interval. Thin: "
            "the interval widened for the number of strategies. A hollow marker: these seeds show no difference."
        ),
        gain_over_random,
    ),
    Drawing(
        "gain-over-plain",
        "What balance added",
        lambda _: "Points above the same strategy without balance, paired by seed, with 95% intervals.",
        gain_over_plain,
    ),
    Drawing(
        "gain-of-pseudo-labels",
        "What pseudo-labels added",
        lambda _: (
            "Points above the same strategy without pseudo-labels, paired by seed, with 95% intervals. Trainings with "
            "pseudo-labels start from the model before, and two models train twice: that is in it too."
        ),
        gain_of_pseudo_labels,
    ),
    Drawing(
        "two-models",
        "Models A and B",
        lambda _: (
            "Means over seeds. Dashed and gray: model A, which is trained on the labels alone and gives the "
            "pseudo-labels. In colour: model B, which is trained on both and asks."
        ),
        two_models,
    ),
    Drawing(
        "asked-classes",
        "Which classes were labeled",
        lambda _: (
            "Items of each class in the labeled set at the end, mean over seeds. Empty boxes are the initial set, "
            "then comes a shade a cycle, later ones stronger. The dotted line is an equal share."
        ),
        class_counts,
    ),
    Drawing(
        "l1-scores",
        "How balanced the labeled set was",
        lambda _: (
            "The L1 score of all labels so far: their distance to equal shares of the classes. 0 is equal shares, 1 is "
            "one class only (Eq. 4.10 of the thesis). Mean over seeds."
        ),
        l1_scores,
    ),
    Drawing(
        "weight-curves",
        "How the balance weight was chosen",
        lambda _: (
            "The larger the weight λ, the nearer the expected classes come to those demanded. The circle is the weight "
            "taken: more would bring them no nearer. From the first cycle of the first run."
        ),
        weight_curves,
    ),
    Drawing(
        "seconds",
        "Where the time went",
        lambda _: (
            "Seconds by the clock of a cycle, mean over cycles and seeds: fit trains the model, evaluate tests it, "
            "predict runs it on the pool, query chooses the items."
        ),
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
                found.append(Rendered(drawing, svg_of(wide), svg_of(narrow), png_of(wide)))
    return tuple(found)


def svg_of(figure: Figure) -> str:
    """Returns a figure as SVG; the same figure gives the same bytes."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "askew"})
    return buffer.getvalue()


def png_of(figure: Figure) -> bytes:
    """Returns a figure as PNG at twice a screen's resolution."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, metadata={"Software": "askew"})
    return buffer.getvalue()
