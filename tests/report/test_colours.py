"""Colours: one strategy, one colour; told apart by everybody, on light paper and on dark."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from askew.report.ledgers import read
from askew.report.measures import Curves, Floats
from askew.report.style import DARK_PHASES, DARK_SERIES, GREY, OWN, PAPER, PHASES, SERIES, SPARE, looks
from askew.report.summary import Line, summarize
from askew.strategies.registry import strategies

DARK_GREY, DARK_PAPER = "#98a0ad", "#14181f"

SIGHT = {
    "all colours": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""How linear RGB is seen without one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1)."""


def linear(colour: str) -> Floats:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: Floats) -> Floats:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    dark, light = sorted(float(linear(c) @ np.array([0.2126, 0.7152, 0.0722])) for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


def line(label: str, strategy: str | None = None, plain: str | None = None) -> Line:
    curves = Curves(np.array([10]), np.array([[0.5]]), np.array([0]))
    nothing = np.array([0.5])
    return Line(label, strategy or label.split("+")[0], plain, curves, nothing, nothing, np.array([1]))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [(*SERIES, GREY), (*DARK_SERIES, DARK_GREY)], ids=["light", "dark"])
def test_any_two_colours_differ_for_everybody(colours: tuple[str, ...], sight: str) -> None:
    seen = [lab(SIGHT[sight] @ linear(colour)) for colour in colours]
    for (i, a), (j, b) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(a - b) >= 12.5, (colours[i], colours[j])


@pytest.mark.parametrize(
    ("colours", "paper"),
    [((*SERIES, *PHASES, GREY), PAPER), ((*DARK_SERIES, *DARK_PHASES, DARK_GREY), DARK_PAPER)],
    ids=["light", "dark"],
)
def test_every_colour_stands_out_from_the_paper(colours: tuple[str, ...], paper: str) -> None:
    assert min(contrast(colour, paper) for colour in colours) >= 3.0  # WCAG 2.2, 1.4.11: graphics


def test_the_page_has_the_dark_colours_that_are_tested_here() -> None:
    css = (Path(__file__).parents[2] / "src/askew/report/templates/page.css.j2").read_text(encoding="utf-8")
    dark = css.split("prefers-color-scheme: dark")[1]
    assert f"--paper: {DARK_PAPER};" in dark
    assert f"--grey: {DARK_GREY};" in dark


def test_every_strategy_of_the_catalogue_has_a_colour_of_its_own() -> None:
    names = [name for name in strategies() if name != "random"]
    assert set(names) <= set(OWN), "a new strategy: give it a place in OWN"
    together = [name for name in names if not name.startswith("frame_") and name != "temporal_coherence"]
    found = looks([line("random"), *map(line, together)])
    assert len({look.colour for look in found.values()}) == len(found)
    for name in together:
        assert looks([line(name)])[name].colour == found[name].colour
        assert looks([line("random"), line("another"), line(name)])[name].colour == found[name].colour


def test_a_name_of_ones_own_has_a_colour_that_is_no_strategys() -> None:
    catalogue = {SERIES[place] for place in OWN.values()}
    for name in ("mine", "zebra", "apple", "new idea"):
        alone = looks([line(name)])[name]
        assert alone.colour not in catalogue
        assert looks([line("random"), line("entropy"), line("margin"), line(name)])[name] == alone
    many = [f"mine {i}" for i in range(len(SPARE))]
    assert len({look.colour for look in looks(map(line, many)).values()}) == len(SPARE)
    everything = [f"mine {i}" for i in range(len(SERIES) + 3)]
    assert len(looks(map(line, everything))) == len(everything)


def test_balanced_and_plain_share_a_hue_in_every_report(experiment: Callable[..., Path]) -> None:
    labels = ("random", "entropy", "entropy+balance", "kcenter", "kcenter+balance", "margin")
    look = looks(summarize(read(experiment(labels=labels, seeds=(0,), cycles=2, thumbnails=False))).lines)
    for plain in ("entropy", "kcenter"):
        balanced = look[f"{plain}+balance"]
        assert balanced.colour == look[plain].colour
        assert (balanced.marker, balanced.dashes) != (look[plain].marker, look[plain].dashes)
        assert balanced.marker != look[plain].marker
        assert bool(look[plain].dashes) != bool(balanced.dashes)
    assert look["margin"].colour == SERIES[OWN["margin"]]
