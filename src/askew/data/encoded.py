"""The encoded pictures of an `.npz` file: bytes in a row, with the offsets at which each begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.data import folder, pictures, places
from askew.data.reading import check_memory
from askew.errors import InputError


@dataclass(frozen=True, eq=False)
class Encoded:
    """N encoded pictures; picture i is `data[ends[i]:ends[i + 1]]`."""

    path: Path
    data: bytes
    ends: tuple[int, ...]

    @classmethod
    def of(cls, path: Path, arrays: Mapping[str, NDArray[Any]]) -> Encoded:
        """Returns those of the arrays `jpeg` and `offsets`.

        Raises:
            InputError: they are no bytes and no rising offsets into them.
        """
        jpeg, offsets = arrays["jpeg"], arrays["offsets"]
        if (
            jpeg.dtype != np.uint8
            or jpeg.ndim != 1
            or offsets.ndim != 1
            or len(offsets) < 2
            or offsets.dtype.kind not in "iu"
        ):
            raise InputError(f"{path}: jpeg must be (bytes,) uint8 and offsets (N + 1,) whole numbers")
        if offsets[0] < 0 or offsets[-1] > len(jpeg) or (offsets[1:] <= offsets[:-1]).any():
            raise InputError(f"{path}: offsets must rise from 0 or more to at most the {len(jpeg)} bytes of jpeg")
        return cls(path, jpeg.tobytes(), tuple(offsets.tolist()))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def called(self, item: int) -> str:
        """Returns what a picture is called in messages."""
        return f"{self.path}: picture {item}"

    def picture(self, item: int, side_px: int | None) -> NDArray[np.uint8]:
        """Returns a picture as (H, W, 3), or as a square.

        Raises:
            InputError: it cannot be decoded.
        """
        try:
            return pictures.decode_bytes(self._bytes(item), side_px)
        except InputError as error:
            raise InputError(f"{self.called(item)}: {error}") from error

    def readable(self) -> Indices:
        """Returns which pictures can be decoded; each is, once for it.

        Raises:
            InputError: none can.
        """

        def good(item: int) -> bool:
            try:
                self.picture(item, 8)
            except InputError:
                return False
            return True

        def everything() -> NDArray[np.uint8]:
            return np.fromiter(pictures.in_threads(good, range(len(self))), np.uint8)

        kept = np.flatnonzero(places.cached(places.fingerprint([self.path], "jpeg readable"), everything))
        if not len(kept):
            self.picture(0, 8)
        return kept

    def pixels(self, items: Indices, side_px: int | None) -> NDArray[np.uint8]:
        """Returns pictures as they are if all have one small size, else, or if a side is asked for, as squares.

        Squares are those of a folder: of `side_px`, or of the median shorter side, 224 px at most.

        Raises:
            InputError: one of them cannot be decoded, or they do not fit into memory.
        """

        def everything() -> NDArray[np.uint8]:
            side = side_px
            sizes = list(pictures.in_threads(self._size, items.tolist())) if side is None else []
            if len(set(sizes)) > 1 or (sizes and min(sizes[0]) > folder.LARGEST_DEFAULT_PX):
                side = folder.side_for([min(one) for one in sizes])
            shape = (*sizes[0], 3) if side is None else (side, side, 3)
            check_memory(str(self.path), (len(items), *shape), 1)
            decoded = pictures.in_threads(lambda item: self.picture(item, side), items.tolist())
            return pictures.stack(decoded, len(items), shape)

        of = ("jpeg small", *(["readable"] if len(items) < len(self) else []), *([] if side_px is None else [side_px]))
        return places.cached(places.fingerprint([self.path], *of), everything)

    def _bytes(self, item: int) -> bytes:
        return self.data[self.ends[item] : self.ends[item + 1]]

    def _size(self, item: int) -> tuple[int, int]:
        found = pictures.size_of(self._bytes(item))
        return found if found is not None else self.picture(item, None).shape[:2]
