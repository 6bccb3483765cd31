"""The contact sheet: the first items that each strategy asked, to be looked at by a person."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from askew.data.npy import open_npz
from askew.errors import InputError, one_line
from askew.report.ledgers import FULL, Experiment
from askew.report.style import MUTED, WIDE_INCHES, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ITEMS = 16
MOST_PIXELS = 96


@dataclass(frozen=True)
class Picture:
    """One item: its pool index, its true class, its (h, w, 3) uint8 pixels."""

    item: int
    caption: str
    pixels: NDArray[np.uint8]

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
    pixels = _read(path)
    found = []
    for label in experiment.labels:
        run = next((run for run in experiment.of(label) if run.seed == experiment.seeds[0]), None)
        if run is None or label == FULL or not run.cycles:
            continue
        cycle = run.cycles[0]
        pictures = []
        for item, truth in zip(cycle.asked[:first], cycle.asked_labels[:first], strict=False):
            if item in pixels:
                pictures.append(Picture(item, experiment.classes[truth], pixels[item]))
        if pictures:
            found.append(Strip(label, tuple(pictures)))
    return tuple(found)


def _read(path: Path) -> dict[int, NDArray[np.uint8]]:
    with open_npz(path) as file:
        missing = [name for name in ("items", "pixels") if name not in file]
        if missing:
            raise InputError(f"{path}: not the thumbnails of an experiment: {missing[0]!r} is missing")
        items, pixels = file["items"], file["pixels"]
    fits = pixels.ndim == 4 and pixels.shape[-1:] == (3,) and pixels.dtype == np.uint8 and pixels.size > 0
    if not fits or items.ndim != 1 or items.dtype.kind not in "iu" or len(items) != len(pixels):
        raise InputError(
            f"{path}: expected items (K,) and pixels (K, h, w, 3) uint8, got {items.shape} {items.dtype} and "
            f"{pixels.shape} {pixels.dtype}"
        )
    return dict(zip(items.tolist(), pixels, strict=True))


def contact_sheet(found: Sequence[Strip]) -> bytes:
    """Returns the strips as one PNG, a row a strategy, captions below the pictures."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(WIDE_INCHES, 0.92 * len(found) + 0.1))
        rows = figure.subplots(len(found), 1, squeeze=False).ravel()
        for ax, strip in zip(rows, found, strict=True):
            _draw_strip(ax, strip)
        figure.tight_layout(pad=0.4)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=200, metadata={"Software": "askew"})
    return buffer.getvalue()


def _draw_strip(ax: Axes, strip: Strip) -> None:
    ax.set_axis_off()
    ax.set_title(one_line(strip.label, 60), fontsize=8.5)
    for place, picture in enumerate(strip.pictures):
        high, wide = picture.pixels.shape[:2]
        half_x, half_y = 0.46 * wide / max(high, wide), 0.46 * high / max(high, wide)
        edges = (place - half_x, place + half_x, half_y, -half_y)
        ax.imshow(picture.pixels, extent=edges, interpolation="nearest" if picture.small else "antialiased")
        ax.text(place, 0.52, one_line(picture.caption, 11), ha="center", va="top", fontsize=6, color=MUTED)
    ax.set_xlim(-0.5, MOST_ITEMS - 0.5)
    ax.set_ylim(0.85, -0.5)
