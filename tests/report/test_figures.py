"""The figures: what their artists hold is what the summary says, and a figure never says more than is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from askew.experiment.ledger import Cycle
from askew.report.balance_figures import class_counts, l1_scores, weight_curves
from askew.report.curve_figures import (
    gain_over_plain,
    gain_over_random,
    labels_saved,
    learning_curves,
    phase_seconds,
)
from askew.report.figures import DRAWINGS
from askew.report.ledgers import read
from askew.report.style import GREY, PAPER, PHASES, looks, style
from askew.report.summary import Summary, summarize

LABELS = ("random", "entropy", "entropy+balance", "margin", "kcenter", "bald")
BOTH = pytest.mark.parametrize("narrow", [False, True])


@pytest.fixture(autouse=True)
def drawn() -> Iterator[None]:
    with style():
        yield


@pytest.fixture
def summary(experiment: Callable[..., Path]) -> Summary:
    return summarize(read(experiment(labels=LABELS, seeds=(0, 1, 2, 3), cycles=5, thumbnails=False)))


def captions(summary: Summary) -> dict[str, str]:
    return {drawing.name: drawing.caption(summary) for drawing in DRAWINGS}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts] + [text.get_text() for text in figure.texts]


def ticks(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_xticklabels() if text.get_visible()]


@BOTH
def test_bands_are_those_of_random_and_of_the_headline_and_the_caption_names_them(
    summary: Summary, narrow: bool
) -> None:
    figure = learning_curves(summary, narrow)
    assert figure is not None
    (ax,) = figure.axes
    assert summary.best is not None
    two = ["random", summary.best.label]
    look = looks(summary.lines)
    assert sorted(to_hex(band.get_facecolor()[0]) for band in ax.collections) == sorted(look[x].colour for x in two)
    assert captions(summary)["learning-curves"] == (
        f"Means over seeds. The bands of random and {two[1]} are one standard deviation to either side."
    )


def test_one_seed_has_no_band_and_the_caption_says_so(experiment: Callable[..., Path]) -> None:
    one = summarize(read(experiment(labels=("random", "entropy"), seeds=(0,), cycles=3, thumbnails=False)))
    figure = learning_curves(one)
    assert figure is not None
    assert len(figure.axes[0].collections) == 0
    assert captions(one)["learning-curves"] == "One seed: no error bar."


@BOTH
def test_every_line_has_its_name_beside_it_behind_a_piece_of_it(summary: Summary, narrow: bool) -> None:
    figure = learning_curves(summary, narrow)
    assert figure is not None
    (ax,) = figure.axes
    assert set(LABELS) <= set(texts(figure))
    for label, look in looks(summary.lines).items():
        alike = [
            line
            for line in ax.lines
            if (to_hex(line.get_color()), line.get_marker()) == (look.colour, look.marker)
            and line.get_linestyle() == ("--" if look.dashes else "-")
        ]
        curve, key = alike
        assert len(curve.get_xdata()) == 5, label
        assert min(np.asarray(key.get_xdata(), dtype=float)) > 1.0
    figure.draw_without_rendering()
    right = figure.bbox.width
    for text in ax.texts:
        assert text.get_window_extent().x1 <= right, text.get_text()


def test_long_names_stand_below_on_a_phone(
    experiment: Callable[..., Path], writer: Callable[..., Path], head: Callable[..., Any]
) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0,), cycles=3, thumbnails=False)
    name = "entropy with a temperature of two"
    writer(folder, head(name, 0, 3, 100, strategy="entropy"), read(folder).of("entropy")[0].cycles)
    figure = learning_curves(summarize(read(folder)), narrow=True)
    assert figure is not None
    figure.draw_without_rendering()
    places = {text.get_text(): text.get_window_extent() for text in figure.texts}
    assert set(places) == {"random", "entropy", name}
    lower_edge = figure.axes[0].xaxis.get_label().get_window_extent().y0
    assert all(at.y0 >= 0 and at.y1 <= lower_edge and at.x1 <= figure.bbox.width for at in places.values())
    rows = sorted(at.y0 for at in places.values())
    assert np.diff(rows).min() >= 10
    assert figure.axes[0].get_position().width > 0.8


def saving_rows(ax: Axes) -> list[tuple[float, float, Any]]:
    """Returns what random needs, what the strategy needs, and the colour of its bar, row by row."""
    bars = [(bar.get_y() + bar.get_height() / 2, bar) for bar in ax.patches]
    rows = sorted({round(middle) for middle, _ in bars})
    found = []
    for row in rows:
        behind, front = sorted((bar for at, bar in bars if round(at) == row), key=lambda bar: -bar.get_height())
        found.append((behind.get_width(), front.get_width(), front.get_facecolor()))
    return found


@BOTH
def test_labels_saved_shows_both_needs_from_zero_and_claims_by_the_rule(summary: Summary, narrow: bool) -> None:
    figure = labels_saved(summary, narrow)
    assert figure is not None
    (ax,) = figure.axes
    lines = sorted(
        (line for line in summary.lines if line.saving is not None),
        key=lambda line: -line.saving.saved if line.saving else 0,
    )
    assert ax.get_xlim() == (0, summary.n_labeled[-1])
    assert ax.get_xlabel() == "labels needed for the same result"
    said = [text.get_text() for text in ax.texts]
    claimed = 0
    for line, (random_needs, needs, colour), text in zip(lines, saving_rows(ax), said, strict=True):
        saving, over = line.saving, line.over_random
        assert saving is not None
        assert over is not None
        assert (random_needs, needs) == pytest.approx((saving.random_needs, saving.needs))
        shown = over.sign != 0 and saving.sign != 0
        claimed += shown
        assert to_hex(colour) == (looks(summary.lines)[line.label].colour if shown else PAPER)
        share = round(100 * (random_needs - needs) / random_needs)
        words = (f"{share}% fewer" if share >= 0 else f"{-share}% more") if shown else "none shown"
        assert text.endswith(words), line.label
        if not shown:
            assert text == "none shown"
        elif not narrow:
            assert text.startswith(f"{math.ceil(needs - 1e-9)} instead of {math.ceil(random_needs - 1e-9)}: ")
    assert 0 < claimed < len(lines), "the case has both kinds"


def test_a_gain_that_is_not_shown_has_no_number_and_a_hollow_marker(summary: Summary) -> None:
    figure = gain_over_random(summary)
    assert figure is not None
    (ax,) = figure.axes
    said = {text.get_text() for text in ax.texts}
    signs = {line.over_random.sign for line in summary.compared if line.over_random is not None}
    assert ("none shown" in said) == (0 in signs)
    assert sum(text.startswith("+") for text in said) > 0


@BOTH
@pytest.mark.parametrize("draw", [class_counts, gain_over_plain, weight_curves])
def test_every_panel_has_its_ticks_and_the_figure_one_vertical_label(
    draw: Callable[..., Figure | None], narrow: bool, summary: Summary
) -> None:
    figure = draw(summary, narrow)
    assert figure is not None
    assert len(figure.texts) == 1
    assert not any(ax.get_ylabel() for ax in figure.axes)
    figure.draw_without_rendering()
    for ax in figure.axes:
        low, high = ax.get_xlim()
        inside = [
            text for at, text in zip(ax.get_xticks(), ticks(ax), strict=True) if low <= at <= high and text.strip()
        ]
        assert len(inside) >= 2, ax.get_title("left")
        for text in ax.get_xticklabels():
            assert text.get_window_extent().y0 >= 0, "cut off at the lower edge"
    assert figure.texts[0].get_window_extent().y1 <= figure.bbox.height


def test_class_panels_hold_the_labeled_set_at_the_end(summary: Summary) -> None:
    figure = class_counts(summary)
    assert figure is not None
    for ax, line in zip(figure.axes, summary.lines, strict=True):
        assert ax.get_title("left") == line.label
        runs = summary.experiment.of(line.label)
        final = np.mean([run.cycles[-1].labeled_counts for run in runs], axis=0)
        tops = np.zeros(10)
        for bars in ax.collections:
            for c, bar in enumerate(bars.get_paths()):
                tops[c] = max(tops[c], bar.vertices[:, 1].max())
        np.testing.assert_allclose(tops, final)
        assert ax.get_ylim() == figure.axes[0].get_ylim()


def test_the_balance_figure_shows_all_labels_so_far(
    experiment: Callable[..., Path], writer: Callable[..., Path], head: Callable[..., Any]
) -> None:
    # margin+balance asks for the classes that the initial set lacks: its questions are uneven, its labels even
    folder = experiment(labels=("random",), seeds=(0,), cycles=2, full=False, thumbnails=False)
    classes = 10
    initial = (4,) * 5 + (0,) * 5
    missing = tuple(c for c in range(5, classes) for _ in range(4))
    cycles = [
        Cycle(0, 20, {"accuracy": 0.5}, initial, asked=tuple(range(100, 120)), asked_labels=missing),
        Cycle(1, 40, {"accuracy": 0.6}, (4,) * classes),
    ]
    writer(folder, head("margin+balance", 0, 2, 20), cycles)
    found = summarize(read(folder))
    figure = l1_scores(found)
    assert figure is not None
    (ax,) = figure.axes
    look = looks(found.lines)["margin+balance"]
    curve = next(line for line in ax.lines if line.get_marker() == look.marker and to_hex(line.get_color()) != GREY)
    # half of the classes empty: |4 - 2| · 10 over 2 · 20 · 9 / 10
    np.testing.assert_allclose(np.asarray(curve.get_xdata(), dtype=float), [20, 40])
    np.testing.assert_allclose(np.asarray(curve.get_ydata(), dtype=float), [20 / 36, 0.0])
    assert "all labels so far" in captions(found)["l1-scores"]


def test_all_figures_are_as_wide_as_the_page(summary: Summary) -> None:
    of_pseudo_labels = {"two-models", "gain-of-pseudo-labels"}  # see test_pseudo.py
    for drawing in (one for one in DRAWINGS if one.name not in of_pseudo_labels):
        for narrow in (False, True):
            figure = drawing.draw(summary, narrow)
            assert figure is not None
            assert figure.get_size_inches()[0] == (4.2 if narrow else 10.0), drawing.name


def test_a_phase_has_one_colour_whichever_came_first(
    experiment: Callable[..., Path], writer: Callable[..., Path], head: Callable[..., Any]
) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=2, full=False, thumbnails=False)
    seconds = {"tidy": 1.0, "query": 2.0, "fit": 4.0}
    writer(folder, head("margin", 0, 1, 10), [Cycle(0, 10, {"accuracy": 0.5}, (1,) * 10, seconds=seconds)])
    figure = phase_seconds(summarize(read(folder)))
    assert figure is not None
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["fit", "evaluate", "predict", "query", "tidy"]
    bars = [bar for bar in figure.axes[0].patches if round(bar.get_y() + bar.get_height() / 2) == 1]
    assert [(to_hex(bar.get_facecolor()), bar.get_width()) for bar in bars if bar.get_width()] == [
        (PHASES[0], 4.0),
        (PHASES[3], 2.0),
        (PHASES[4], 1.0),
    ]
