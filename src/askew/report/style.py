"""How figures look: one colour a strategy, the same in every figure; grey dashes for random; text beside its line.

The colours were searched so that any two differ for people who see no red, no green or no blue, and so that each has a
contrast of 3 to the paper (`tests/report/test_colours.py`). A marker tells strategies apart too, so nothing rests on
colour alone. On the page every colour is a CSS variable (`CSS_NAMES`) with a value for light and one for dark; files on
disk have the light ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from askew.report.ledgers import RANDOM

PAPER, INK, MUTED, RULE = "#fffffe", "#1c2330", "#5b6472", "#dfe3e9"
GREY = "#7b818c"
SERIES = (
    "#014a96",
    "#b44f1a",
    "#157e50",
    "#7d2c66",
    "#cb8401",
    "#059be1",
    "#8d07f3",
    "#7c6dfd",
    "#dc3f5c",
    "#5923b7",
    "#851600",
    "#9d61a5",
    "#411f22",
    "#360d64",
    "#58432b",
    "#689c7e",
    "#600000",
    "#0c2f40",
    "#ef46da",
    "#b18d46",
    "#0c0983",
)
DARK_SERIES = (
    "#86a5fd",
    "#e76e44",
    "#2ace78",
    "#fa3bd5",
    "#fbab18",
    "#9de8ff",
    "#ba4efc",
    "#6083c9",
    "#c46a75",
    "#b0c1ff",
    "#f25214",
    "#f0aed9",
    "#9f6849",
    "#8a6c98",
    "#f0f1cb",
    "#83cda5",
    "#c6fd67",
    "#3ffe8d",
    "#d9c45d",
    "#feec27",
    "#b1e6d4",
)
PHASES = ("#3b5b8c", "#6b8fc4", "#b8741f", "#868f9d", "#5a6270", "#9a8350")
DARK_PHASES = ("#6f97d6", "#a9c3ea", "#e0a44e", "#76808f", "#98a2b1", "#a8946c")
Marker = str | tuple[int, int, int]

MARKERS: tuple[Marker, ...] = (
    *("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h", "d", "8", "H"),
    *((4, 1, 0), (6, 1, 0), (3, 1, 0), (4, 1, 45), (8, 1, 0), (3, 1, 60)),
)
"""Matplotlib's markers, a place in `SERIES` each; a tuple is a star."""

OWN = {
    "entropy": 0,
    "margin": 1,
    "kcenter": 2,
    "bald": 3,
    "dispersion": 4,
    "least_confidence": 5,
    "oracle": 6,
    "svm_margin": 7,
    "maxherding": 8,
    "uherding": 9,
    "probcover": 10,
    "typiclust": 11,
    "badge": 12,
    "dropquery": 13,
    "bait": 14,
    "coreset": 15,
    "vaal": 16,
    "direct": 17,
    "frame_entropy": 0,
    "frame_margin": 1,
    "frame_coherence": 3,
    "temporal_coherence": 2,
    "frame_least_confidence": 5,
    "frame_least_confidence_sum": 4,
    "frame_expected_errors": 6,
}
"""The place in `SERIES` of each strategy of the catalogue; those of frames and of pictures are never run together."""

SPARE = tuple(place for place in range(len(SERIES)) if place not in OWN.values())
"""The places of everything else, by name."""

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
    marker: Marker
    dashes: tuple[float, ...]
    width: float

    @property
    def linestyle(self) -> Any:
        """Matplotlib's line style."""
        return (0, self.dashes) if self.dashes else "-"


class Named(Protocol):
    """What a figure calls a strategy: its label, its name in the catalogue, its plain variant's label, what it adds."""

    @property
    def label(self) -> str: ...

    @property
    def strategy(self) -> str: ...

    @property
    def plain(self) -> str | None: ...

    @property
    def added(self) -> str: ...


def looks(lines: Iterable[Named]) -> dict[str, Look]:
    """Returns the look of every strategy, whatever else is shown beside it.

    A strategy of the catalogue has a colour and a marker of its own in every figure of every experiment. Anything else
    has one of the others by its name; of two names that fall on the same one, the later takes the next. A balanced
    strategy has the colour of its plain one, with another line and marker: the plain one is dashed then. Random is grey
    and dashed; a second balanced variant has dots in its line. One with pseudo-labels has a colour of its own.
    """
    lines = list(lines)
    plain = {line.label: None if line.added == "pseudo-labels" else line.plain for line in lines}
    families = {plain[line.label] or line.label: line.strategy for line in lines}
    places = _places({family: strategy for family, strategy in families.items() if family != RANDOM})
    found: dict[str, Look] = {RANDOM: Look(GREY, "o", (4, 2), 1.6)}
    for family, place in places.items():
        variants = [label for label in plain if plain[label] == family]
        colour = SERIES[place % len(SERIES)]
        found[family] = Look(colour, MARKERS[place % len(MARKERS)], (4, 2) if variants else (), 1.6)
        for number, label in enumerate(variants):
            marker = MARKERS[(place + 5 + 2 * number) % len(MARKERS)]
            dashes = () if number == 0 else (6, 1.5, *(1, 1.5) * number)
            found[label] = Look(colour, marker, dashes, 2.2 if number == 0 else 1.6)
    for number, label in enumerate(label for label in plain if plain[label] == RANDOM):
        found[label] = Look(GREY, MARKERS[5 + number % 5], (), 2.2)
    return {line.label: found[line.label] for line in lines}


def _places(families: Mapping[str, str]) -> dict[str, int]:
    """Returns a place in the palette for each family: its strategy's own, or one by its name that is free."""
    taken: dict[str, int] = {}
    for family in sorted(families, key=lambda family: (families[family] != family, family)):
        own = OWN.get(families[family])
        if own is not None and own not in taken.values():
            taken[family] = own
    for family in sorted(set(families) - set(taken)):
        wanted = SPARE[zlib.crc32(family.encode()) % len(SPARE)]
        free = [place for place in range(len(SERIES)) if place not in taken.values()]
        taken[family] = min(
            free, key=lambda place: (place not in SPARE, (place - wanted) % len(SERIES)), default=wanted
        )
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
