"""The contact sheet: the first items that each strategy asked, to be looked at by a person."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from askew.data.npy import open_npz
from askew.errors import InputError, one_line
from askew.experiment.ledger import Cycle
from askew.report.ledgers import FULL, Experiment, printable
from askew.report.style import INK, MUTED, WIDE_INCHES, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ITEMS = 16
IN_A_ROW = 8
ROW_HEIGHT = 1.43
"""Of the pictures' side: a picture, and its caption of three lines."""

MOST_PIXELS = 96


@dataclass(frozen=True)
class Picture:
    """One item that was asked.

    Attributes:
        item: its pool index.
        truth: the class that the oracle told.
        predicted: the class that the model held most probable before, or "" where the ledger does not say.
        name: of its file, or "" where it has none.
        pixels: (h, w, 3) uint8.
    """

    item: int
    truth: str
    predicted: str
    name: str
    pixels: NDArray[np.uint8]

    @property
    def wrong(self) -> bool:
        """Whether the model held another class most probable."""
        return self.predicted not in ("", self.truth)

    @property
    def called(self) -> str:
        """Its file name, or else its pool index."""
        return self.name or f"item {self.item}"

    @property
    def description(self) -> str:
        """What a picture's text alternative says of it."""
        said = f", predicted {self.predicted}" if self.predicted else ""
        return f"{self.called}: {self.truth}{said}"

    @property
    def small(self) -> bool:
        """Whether it has so few pixels that a browser should show them as squares and not blur them."""
        return bool(max(self.pixels.shape) <= 48)

    @property
    def address(self) -> str:
        """The picture as a PNG inside a data address."""
        from PIL import Image

        image = Image.fromarray(self.pixels)
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@dataclass(frozen=True)
class Strip:
    """The first items that one strategy asked."""

    label: str
    pictures: tuple[Picture, ...]


def strips(experiment: Experiment, first: int = MOST_ITEMS) -> tuple[Strip, ...]:
    """Returns what each strategy asked first, in the first cycle of the first seed; empty without `thumbnails.npz`.

    Raises:
        InputError: `thumbnails.npz` is not what an experiment writes.
    """
    path = experiment.folder / "thumbnails.npz"
    if not path.is_file() or not experiment.seeds:
        return ()
    shown = _read(path)
    found = []
    for label in experiment.labels:
        run = next((run for run in experiment.of(label) if run.seed == experiment.seeds[0]), None)
        if run is None or label == FULL or not run.cycles:
            continue
        pictures = _first_asked(run.cycles[0], experiment.classes, shown)[:first]
        if pictures:
            found.append(Strip(label, pictures))
    return tuple(found)


def _first_asked(
    cycle: Cycle, classes: Sequence[str], shown: dict[int, tuple[str, NDArray[np.uint8]]]
) -> tuple[Picture, ...]:
    predicted = cycle.predicted or (None,) * len(cycle.asked)
    return tuple(
        Picture(item, classes[truth], "" if said is None else classes[said], *shown[item])
        for item, truth, said in zip(cycle.asked, cycle.asked_labels, predicted, strict=False)
        if item in shown
    )


def _read(path: Path) -> dict[int, tuple[str, NDArray[np.uint8]]]:
    """Returns pool index to file name and pixels; files of earlier versions hold no names."""
    with open_npz(path) as file:
        missing = [name for name in ("items", "pixels") if name not in file]
        if missing:
            raise InputError(f"{path}: not the thumbnails of an experiment: {missing[0]!r} is missing")
        items, pixels = file["items"], file["pixels"]
        names = file["names"] if "names" in file else np.full(len(pixels) if pixels.ndim else 0, "")
    fits = pixels.ndim == 4 and pixels.shape[-1:] == (3,) and pixels.dtype == np.uint8 and pixels.size > 0
    if not fits or items.ndim != 1 or items.dtype.kind not in "iu" or len(items) != len(pixels):
        raise InputError(
            f"{path}: expected items (K,) and pixels (K, h, w, 3) uint8, got {items.shape} {items.dtype} and "
            f"{pixels.shape} {pixels.dtype}"
        )
    if names.shape != items.shape or names.dtype.kind != "U":
        raise InputError(f"{path}: expected names (K,) of texts, got {names.shape} {names.dtype}")
    return {
        item: (printable(name), picture)
        for item, name, picture in zip(items.tolist(), names.tolist(), pixels, strict=True)
    }


def contact_sheet(found: Sequence[Strip]) -> bytes:
    """Returns the strips as one PNG, eight pictures a row, captions below the pictures."""
    from matplotlib.figure import Figure

    with style():
        rows = [math.ceil(len(strip.pictures) / IN_A_ROW) for strip in found]
        heights = [0.3 + 1.75 * n for n in rows]
        figure = Figure(figsize=(WIDE_INCHES, sum(heights)))
        below = np.cumsum(heights)
        for strip, height, end in zip(found, heights, below.tolist(), strict=True):
            _draw_strip(figure.add_axes((0.01, 1 - end / below[-1], 0.98, (height - 0.3) / below[-1])), strip)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": "askew"})
    return buffer.getvalue()


def _draw_strip(ax: Axes, strip: Strip) -> None:
    ax.set_axis_off()
    ax.set_title(one_line(strip.label, 60))
    for place, picture in enumerate(strip.pictures):
        row, column = divmod(place, IN_A_ROW)
        high, wide = picture.pixels.shape[:2]
        half_x, half_y = 0.46 * wide / max(high, wide), 0.46 * high / max(high, wide)
        y = row * ROW_HEIGHT
        ax.imshow(
            picture.pixels,
            extent=(column - half_x, column + half_x, y + half_y, y - half_y),
            interpolation="nearest" if picture.small else "antialiased",
            aspect="auto",
        )
        said = f"predicted {picture.predicted}" if picture.predicted else ""
        for number, (text, colour) in enumerate(((picture.truth, INK), (said, MUTED), (picture.called, MUTED))):
            at = y + 0.52 + 0.13 * number
            ax.text(column - 0.46, at, one_line(text, 22), va="top", fontsize=7, color=colour)
    ax.set_xlim(-0.5, IN_A_ROW - 0.5)
    ax.set_ylim(math.ceil(len(strip.pictures) / IN_A_ROW) * ROW_HEIGHT - 0.5, -0.5)
