"""The contact sheet: the first items that each strategy asked, to be looked at by a person."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.errors import InputError
from askew.report.ledgers import FULL, Experiment

MOST_ITEMS = 16
MOST_PIXELS = 96


@dataclass(frozen=True)
class Picture:
    """One item: its pool index, its true class, and the picture as a data address."""

    item: int
    caption: str
    address: str


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
    addresses: dict[int, str] = {}
    found = []
    for label in experiment.labels:
        run = next((run for run in experiment.of(label) if run.seed == experiment.seeds[0]), None)
        if run is None or label == FULL or not run.cycles:
            continue
        cycle = run.cycles[0]
        pictures = []
        for item, truth in zip(cycle.asked[:first], cycle.asked_labels[:first], strict=False):
            if item in pixels:
                addresses.setdefault(item, _address(pixels[item]))
                pictures.append(Picture(item, experiment.classes[truth], addresses[item]))
        if pictures:
            found.append(Strip(label, tuple(pictures)))
    return tuple(found)


def _read(path: Path) -> dict[int, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            items, pixels = file["items"], file["pixels"]
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path}: not the thumbnails of an experiment: {error}") from error
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or pixels.dtype != np.uint8 or len(items) != len(pixels):
        raise InputError(
            f"{path}: expected items (K,) and pixels (K, h, w, 3) uint8, got {items.shape} and {pixels.shape}"
        )
    return dict(zip(items.tolist(), pixels, strict=True))


def _address(pixels: Any) -> str:
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
