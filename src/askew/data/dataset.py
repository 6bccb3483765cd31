"""`Images` and `Dataset`: pictures with their classes, held in memory or left on disk as paths that stream."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, as_integers, first_few
from askew.errors import InputError

LONGEST_CLASS_NAME = 100
"""How many letters the name of a class may have."""


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures and their classes, in one order: in memory (`pixels`) or on disk (`paths`), never both.

    `Images.of` makes them of whatever holds pictures.

    Attributes:
        labels: (N,) int64 classes; -1 is unlabeled.
        pixels: (N, H, W, C) uint8, C = 1 (gray) or 3 (RGB); may be memory-mapped.
        paths: N files; whoever reads one makes it a `side_px` square with `pictures.read_square`.
        side_px: the side to which the files of `paths` are brought; None for pixels.
        names: what people call the N pictures, such as file names; empty if nobody named them.
        classes: the classes' names, label c is `classes[c]`; empty if they are not known.

    >>> images = Images(np.array([1, 0]), np.zeros((2, 4, 4, 1), dtype=np.uint8))
    >>> len(images), images.shape, images.take([1]).labels
    (2, (4, 4, 1), array([0]))

    Raises:
        InputError: both or neither of pixels and paths, sizes that disagree, pixels that are no uint8 (N, H, W, C), a
            label outside the classes or a class without a proper name.
    """

    labels: NDArray[np.int64]
    pixels: NDArray[np.uint8] | None = None
    paths: tuple[Path, ...] | None = None
    side_px: int | None = None
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

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
        if self.names and len(self.names) != held:
            raise InputError(f"names: {len(self.names)} for {held} pictures")
        if self.classes:
            check_class_names("classes", self.classes)
            outside = np.flatnonzero(self.labels >= len(self.classes))
            if len(outside):
                raise InputError(
                    f"labels: {self.labels[outside[0]]} is outside the {len(self.classes)} classes; at picture "
                    f"{first_few(outside)}"
                )

    @classmethod
    def of(
        cls,
        pictures: Any,
        labels: Any = None,
        *,
        classes: Sequence[Any] | None = None,
        side_px: int | None = None,
        skip_unreadable: bool = False,
        label_column: str | None = None,
    ) -> Images:
        """Returns pictures of any kind as `Images`; whatever takes pictures calls it by itself.

        - **Arrays and tensors** (NumPy, torch on any device), or a list of them: (N, H, W), (N, H, W, C) or
          (N, C, H, W) with 1 or 3 channels. Integers go from 0 to 255, floats from 0 to 1. The type of number decides.
        - **A folder**: pictures in `CLASS/…` below it belong to that class. Those that lie directly in it, or in a
          folder called `unlabeled`, are unlabeled. A `metadata.csv` or `.jsonl` in it says the classes instead, as in
          a Hugging Face `imagefolder`; see `metadata.read`.
        - **Files**: a list or a column of paths, in that order. Pictures of Pillow's, too.
        - **An .npz or .npy file** with arrays such as these, or an .npz of encoded pictures; see `npz.pool`.
        - **A Parquet file**, a list of shards or a folder of them, with pictures as bytes; see `parquet.pool`.

        Files are read when they are needed. They become upright RGB squares of `side_px`: the shorter side is resized
        and the centre cut out.

        Args:
            pictures: what holds the pictures.
            labels: (N,) classes from 0, or their names; -1, None and NaN are unlabeled. Without them those of the
                folder or file count, and pictures that bring none are unlabeled.
            classes: the names of all classes, in order; without them the names that labels have, sorted.
            side_px: for files and encoded pictures; the median shorter side if left out, 224 at most.
            skip_unreadable: leave out files that cannot be decoded; each is read once for it.
            label_column: the column of labels in metadata or Parquet; else the one called label, labels or class. If
                another one's name is like those, say which it is, or "" for none.

        Raises:
            InputError: nothing that holds pictures, an array that can be read in two ways, numbers out of range, or
                labels that do not fit.
            DataNotFound: no such file or folder.

        >>> some = Images.of(np.zeros((2, 3, 8, 8), dtype=np.uint8), [1, None])
        >>> some.shape, some.labels
        ((8, 8, 3), array([ 1, -1]))
        """
        from askew.data.given import collect, labelled

        if side_px is not None and side_px < 4:
            raise InputError(f"side_px: at least 4, got {side_px}")
        images = collect(pictures, side_px=side_px, skip_unreadable=skip_unreadable, label_column=label_column)
        if side_px is not None and images.shape[:2] != (side_px, side_px):
            raise InputError(f"side_px: arrays keep their size, {images.shape[0]} × {images.shape[1]}: leave it out")
        return labelled(images, labels, classes)

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
        return replace(
            self,
            labels=self.labels[chosen],
            pixels=None if self.pixels is None else np.asarray(self.pixels[chosen]),
            paths=None if self.paths is None else tuple(self.paths[i] for i in chosen),
            names=tuple(self.names[i] for i in chosen) if self.names else (),
        )

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
            gaps = np.flatnonzero(images.labels == -1)
            if len(gaps):
                raise InputError(
                    f"{self.name}: {split} label -1 at picture {first_few(gaps)}: an experiment needs the label of "
                    "every picture, since its oracle answers with them; askew.Images.of reads an unlabeled pool"
                )
            outside = images.labels[(images.labels < 0) | (images.labels >= len(self.classes))]
            if len(outside):
                raise InputError(f"{self.name}: {split} label {outside[0]} is outside the {len(self.classes)} classes")
        if self.train.shape != self.test.shape:
            raise InputError(f"{self.name}: train pictures are {self.train.shape}, test pictures {self.test.shape}")

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return len(self.classes)
