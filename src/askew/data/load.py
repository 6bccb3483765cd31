"""The one way to a data set: by name, by folder or by file."""

from __future__ import annotations

from pathlib import Path

from askew.data import digits, fashion, places
from askew.data.dataset import Dataset
from askew.errors import unknown

NAMES = ("digits", "fashion-mnist")


def load(
    source: str,
    *,
    root: Path | None = None,
    download: bool = False,
    image_side_px: int | None = None,
    skip_unreadable: bool = False,
    test_fraction: float = 0.2,
) -> Dataset:
    """Returns the data set that `source` names."""
    if source == "digits":
        return digits.read(test_fraction)
    if source == "fashion-mnist":
        return fashion.read(places.roots(root), explicit_root=root is not None)
    raise unknown("data set", source, NAMES)
