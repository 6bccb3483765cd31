"""How figures look: one colour a strategy, the same in every figure; grey dashes for random; text beside its line.

Colours are Okabe and Ito's, darkened where they were too pale for lines, then Paul Tol's; a marker tells strategies
apart too, so nothing rests on colour alone. On the page every colour is a CSS variable (`CSS_NAMES`) with a value for
light and one for dark; files on disk have the light ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from askew.report.ledgers import RANDOM
from askew.report.summary import Line

PAPER, INK, MUTED, RULE = "#fffffe", "#1c2330", "#5b6472", "#dfe3e9"
GREY = "#7b818c"
SERIES = ("#0072b2", "#d55e00", "#00906a", "#b0478f", "#c28500", "#3f9fdb", "#7a4fb5", "#8a6d3b", "#44807f", "#9c2a4b")
DARK_SERIES = (
    "#5cb8f2",
    "#ff8a47",
    "#3fcf9f",
    "#ee8fcd",
    "#f2b632",
    "#8fd0ff",
    "#b79bf0",
    "#d3b583",
    "#86c9c6",
    "#f08aa6",
)
PHASES = ("#3b5b8c", "#7f9cc5", "#c9872e", "#b9c0ca", "#6d7683", "#dcc9a3")
DARK_PHASES = ("#6f97d6", "#a9c3ea", "#e0a44e", "#5c6573", "#98a2b1", "#8c7a55")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")

OWN = ("entropy", "margin", "kcenter", "bald", "dispersion", "least_confidence", "oracle")
"""The strategies with a colour of their own, in the order of `SERIES`; any other gets one by its name."""

CSS_NAMES = {
    PAPER: "paper",
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    GREY: "grey",
    **{colour: f"series-{i}" for i, colour in enumerate(SERIES)},
    **{colour: f"phase-{i}" for i, colour in enumerate(PHASES)},
}
"""The light colours and the CSS variables that stand for them on the page."""

WIDE_INCHES, NARROW_INCHES = 10.0, 4.2
"""Widths of a figure on a desk's screen or paper, and on a phone."""


@dataclass(frozen=True)
class Look:
    """How one strategy is drawn."""

    colour: str
    marker: str
    dashes: tuple[float, ...]
    width: float

    @property
    def linestyle(self) -> Any:
        """Matplotlib's line style."""
        return (0, self.dashes) if self.dashes else "-"


def looks(lines: Iterable[Line]) -> dict[str, Look]:
    """Returns the look of every strategy, whatever else is shown beside it.

    A strategy's colour and marker are its own, in every figure of every experiment, as long as no other of the
    experiment has the same. A balanced one has the colour of its plain one, with another line and marker: the plain
    one is dashed then. Random is grey and dashed; a second balanced variant has dots in its line.
    """
    lines = list(lines)
    families = {line.plain or line.label: line.strategy for line in lines}
    places = _places({family: strategy for family, strategy in families.items() if family != RANDOM})
    found: dict[str, Look] = {RANDOM: Look(GREY, "o", (4, 2), 1.6)}
    for family, place in places.items():
        variants = [line.label for line in lines if line.plain == family]
        colour = SERIES[place % len(SERIES)]
        found[family] = Look(colour, MARKERS[place % len(MARKERS)], (4, 2) if variants else (), 1.6)
        for number, label in enumerate(variants):
            marker = MARKERS[(place + 5 + 2 * number) % len(MARKERS)]
            dashes = () if number == 0 else (6, 1.5, *(1, 1.5) * number)
            found[label] = Look(colour, marker, dashes, 2.2 if number == 0 else 1.6)
    for number, line in enumerate(line for line in lines if line.plain == RANDOM):
        found[line.label] = Look(GREY, MARKERS[5 + number % 5], (), 2.2)
    return {line.label: found[line.label] for line in lines}


def _places(families: Mapping[str, str]) -> dict[str, int]:
    """Returns a place in the palette for each family: its strategy's own, or the next that is free."""
    taken: dict[str, int] = {}
    known = sorted(families, key=lambda family: (families[family] not in OWN, families[family] != family, family))
    for family in known:
        strategy = families[family]
        own = OWN.index(strategy) if strategy in OWN else zlib.crc32(strategy.encode()) % len(SERIES)
        free = [p for p in range(len(SERIES)) if p not in taken.values()]
        taken[family] = min(free, key=lambda place: (place - own) % len(SERIES)) if free else own
    return taken


def style() -> AbstractContextManager[None]:
    """Returns the matplotlib context that every figure is drawn and saved in; SVG keeps text as text."""
    import matplotlib as mpl

    return mpl.rc_context(
        {
            "text.parse_math": False,
            "svg.fonttype": "none",
            "svg.hashsalt": "askew",
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "text.color": INK,
            "figure.facecolor": PAPER,
            "axes.facecolor": "none",
            "axes.edgecolor": MUTED,
            "axes.labelcolor": MUTED,
            "axes.titlecolor": INK,
            "axes.titlesize": 9.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 9,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.spines.left": False,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "axes.axisbelow": True,
            "grid.color": RULE,
            "grid.linewidth": 0.8,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
            "ytick.major.size": 0,
            "legend.frameon": False,
            "legend.fontsize": 8.5,
        }
    )
