"""`Images` and `Dataset`: pictures with their classes, held in memory or left on disk as paths that stream."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, as_integers
from askew.errors import InputError

LONGEST_CLASS_NAME = 100
"""How many letters the name of a class may have."""


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures and their true classes, in one order: in memory (`pixels`) or on disk (`paths`), never both.

    Attributes:
        labels: (N,) int64 classes.
        pixels: (N, H, W, C) uint8, C = 1 (gray) or 3 (RGB); may be memory-mapped.
        paths: N files; whoever reads one makes it a `side_px` square with `pictures.read_square`.
        side_px: the side to which the files of `paths` are brought; None for pixels.

    >>> images = Images(np.array([1, 0]), np.zeros((2, 4, 4, 1), dtype=np.uint8))
    >>> len(images), images.shape, images.take([1]).labels
    (2, (4, 4, 1), array([0]))

    Raises:
        InputError: both or neither of pixels and paths, sizes that disagree, pixels that are no uint8 (N, H, W, C).
    """

    labels: NDArray[np.int64]
    pixels: NDArray[np.uint8] | None = None
    paths: tuple[Path, ...] | None = None
    side_px: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", as_integers("labels", self.labels))
        if (self.pixels is None) == (self.paths is None):
            raise InputError("images: give either pixels or paths")
        if self.pixels is not None:
            _check_pixels(self.pixels)
        elif self.side_px is None or self.side_px < 1:
            raise InputError(f"side_px: pictures on disk need the side they are brought to, got {self.side_px}")
        held = len(self.pixels) if self.pixels is not None else len(self.paths or ())
        if held != len(self.labels):
            raise InputError(f"images: {held} pictures but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every picture as a model sees it."""
        if self.pixels is not None:
            height, width, channels = self.pixels.shape[1:]
            return int(height), int(width), int(channels)
        side_px = int(self.side_px or 0)
        return side_px, side_px, 3

    def take(self, indices: Indices | list[int]) -> Images:
        """Returns the pictures at `indices`, in that order; pixels are copied, paths are not read."""
        chosen = np.asarray(indices, dtype=np.int64)
        if self.pixels is not None:
            return Images(self.labels[chosen], pixels=np.asarray(self.pixels[chosen]))
        paths = self.paths or ()
        return Images(self.labels[chosen], paths=tuple(paths[i] for i in chosen), side_px=self.side_px)

    def thumbnail(self, item: int, side_px: int = 64) -> NDArray[np.uint8]:
        """Returns one picture as (side_px, side_px, 3) uint8 RGB, for a contact sheet."""
        from askew.data import pictures

        if self.pixels is not None:
            return pictures.square(self.pixels[item], side_px)
        return pictures.read_square((self.paths or ())[item], side_px)


def check_class_names(name: str, classes: Sequence[str]) -> None:
    """Checks that every class has a name of its own which figures, tables and terminals can show.

    Letters of any script will do, signs too. Two classes of one name could not be told apart in a report.

    Raises:
        InputError: a name that is empty, a dot or two, longer than 100 letters, given twice, or holds control
            characters or bytes that are not UTF-8.
    """
    for c, called in enumerate(classes):
        long = f"{len(called)} letters; " if len(called) > LONGEST_CLASS_NAME else ""
        if (
            long
            or called.strip() in ("", ".", "..")
            or any(unicodedata.category(one) in ("Cc", "Cs") for one in called)
        ):
            raise InputError(
                f"{name}: class {c} is called {called[:40]!a}: {long}expected a name of 1 to {LONGEST_CLASS_NAME} "
                "letters in UTF-8, without line breaks and control characters: rename it"
            )
    twice = next((called for called, count in Counter(classes).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{name}: two classes are called {twice!r}: rename one")


def _check_pixels(pixels: NDArray[np.uint8]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] not in (1, 3) or 0 in pixels.shape[1:]:
        raise InputError(f"pixels: expected uint8 (N, H, W, 1 or 3), got {pixels.dtype} {pixels.shape}")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set for classification: what may be asked about (`train`) and what measures the answer (`test`).

    Attributes:
        name: how the user called it.
        classes: the classes' names; label c is `classes[c]`.
        train: the pictures that form the pool.
        test: the pictures that accuracy is measured on.
        unreadable: the picture files that were left out because they could not be decoded.

    Raises:
        InputError: a class without a proper name, a label outside the classes, an empty split, or splits whose pictures
            differ in shape.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
    unreadable: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        check_class_names(self.name, self.classes)
        for split, images in (("train", self.train), ("test", self.test)):
            if len(images) == 0:
                raise InputError(f"{self.name}: no pictures in the {split} split")
            outside = images.labels[(images.labels < 0) | (images.labels >= len(self.classes))]
            if len(outside):
                raise InputError(f"{self.name}: {split} label {outside[0]} is outside the {len(self.classes)} classes")
        if self.train.shape != self.test.shape:
            raise InputError(f"{self.name}: train pictures are {self.train.shape}, test pictures {self.test.shape}")

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return len(self.classes)
