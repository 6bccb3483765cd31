"""Names as people give them, in every figure, table and page: signs, scripts, great length."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from askew.experiment.ledger import Cycle, Header
from askew.report.build import build
from askew.report.ledgers import read
from askew.report.style import DARK_SERIES, MARKERS, SERIES, looks
from askew.report.summary import summarize

AWKWARD = (
    "$x_",
    "$\\frac{1}{$",
    "two\nlines",
    "nul\0and\x1bescape",
    "<script>alert(1)</script>",
    "猫",
    "broken \udcff byte",
    "l" * 300,
    "=1+1",
    "a & b",
)


@pytest.fixture
def awkward(experiment: Callable[..., Path], writer: Any, head: Any) -> Path:
    folder = experiment(labels=("random", "entropy"), seeds=(0, 1, 2), cycles=3, full=False)
    path = folder / "experiment.json"
    about = json.loads(path.read_text()) | {"classes": list(AWKWARD), "name": "$a_{b\n" + "n" * 300}
    path.write_text(json.dumps(about))
    for seed in (0, 1, 2):
        for label in ("$x_ & <b>", "w" * 200):
            cycles = read(folder).of("entropy")[seed].cycles
            writer(folder, head(label, seed, 3, 100, strategy="entropy"), cycles)
    return folder


def test_awkward_names_are_shown_everywhere(awkward: Path) -> None:
    page = build(awkward)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "two\\nlines" in text
    assert "broken \\udcff byte" in (page.parent / "asked-classes.csv").read_text(encoding="utf-8")
    assert "$x_ &amp; &lt;b&gt;" in text
    for path in sorted(page.parent.glob("*.svg")):
        drawn = "".join(ET.parse(path).getroot().itertext())
        if path.stem in ("learning-curves", "gain-over-random", "labels-saved"):
            assert "$x_ & <b>" in drawn, path.name
            assert "wwwww…wwwww" in drawn
        if path.stem == "asked-classes":
            assert "$x_" in drawn
            assert "猫" in drawn


def test_a_long_name_leaves_room_for_the_curves(awkward: Path) -> None:
    from askew.report.figures import learning_curves
    from askew.report.style import style

    with style():
        figure = learning_curves(summarize(read(awkward)), narrow=True)
    assert figure is not None
    assert figure.axes[0].get_position().width > 0.35


def test_a_colour_belongs_to_a_strategy_and_not_to_its_place(
    experiment: Callable[..., Path], writer: Callable[..., Path], head: Callable[..., Header]
) -> None:
    few = looks(summarize(read(experiment("few", labels=("random", "margin"), seeds=(0,), cycles=2))).lines)
    many = ("kcenter", "bald", "entropy", "margin", "margin+balance", "random", "zebra", "apple")
    all_of = looks(summarize(read(experiment("many", labels=many, seeds=(0,), cycles=2))).lines)
    assert few["margin"].colour == all_of["margin"].colour == SERIES[1]
    assert few["margin"].marker == all_of["margin"].marker
    # of two variants of a strategy, the one that has its name has its colour
    twice = experiment("twice", labels=("random", "entropy"), seeds=(0,), cycles=2)
    writer(
        twice, head("a-first", 0, 2, 100, strategy="entropy", parameters={"a": 1}), read(twice).of("entropy")[0].cycles
    )
    assert looks(summarize(read(twice)).lines)["entropy"].colour == SERIES[0]
    plain = [all_of[label] for label in ("kcenter", "bald", "entropy", "margin", "zebra", "apple")]
    assert len({look.colour for look in plain}) == len({look.marker for look in plain}) == 6
    # a balanced strategy has the hue of its plain one, and another line and marker
    assert all_of["margin+balance"].colour == all_of["margin"].colour
    assert all_of["margin+balance"].marker != all_of["margin"].marker
    assert all_of["margin+balance"].dashes != all_of["margin"].dashes
    assert len(set(MARKERS)) == len(SERIES) == len(DARK_SERIES)


def test_bands_are_for_two_and_stay_below_all(
    experiment: Callable[..., Path], writer: Callable[..., Path], head: Callable[..., Header]
) -> None:
    from askew.report.figures import learning_curves
    from askew.report.style import style

    folder = experiment(labels=("random",), seeds=(0,), cycles=2, full=False)
    rmtree(folder / "runs")
    for label in ("random", "entropy", "margin"):
        for seed, end in enumerate((0.97, 1.0, 1.0)):
            cycles = [
                Cycle(0, 10, {"accuracy": 0.5}, (1,) * 10, asked=(1,), asked_labels=(0,)),
                Cycle(1, 11, {"accuracy": end - 0.1 * (label == "random")}, (1,) * 10),
            ]
            writer(folder, head(label, seed, 2, 1), cycles)
    with style():
        figure = learning_curves(summarize(read(folder)))
    assert figure is not None
    (ax,) = figure.axes
    assert len(ax.collections) == 2
    tops = [float(path.vertices[:, 1].max()) for band in ax.collections for path in band.get_paths()]
    # .99 + .0173 is cut at 100%; random's is .89 + .0173
    assert tops == pytest.approx([89 + 1.7321, 100.0], abs=1e-3)
    assert ax.get_ylim()[1] <= 100.0
