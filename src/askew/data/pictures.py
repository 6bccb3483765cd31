"""Picture files to pixels: any mode, orientation and size becomes an upright RGB square of bytes."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from askew.data.reading import decoding, plain_file, reading
from askew.errors import InputError, MissingExtra
from askew.files import n_cores

try:
    from PIL import Image, ImageOps
except ImportError as error:
    raise MissingExtra("reading pictures", "vision") from error

HEIC = frozenset({".heic", ".heif"})
"""Endings of what phones of Apple's write, which Pillow reads with the help of pillow-heif alone."""

SUFFIXES = HEIC | {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
"""Endings (in any case) of the files that count as pictures."""

HEIC_HINT = " (for HEIC, convert it to JPEG, or call pillow_heif.register_heif_opener() first)"

FREE_PIXELS, PIXELS_A_BYTE = 10_000_000, 10_000
"""Pictures of more pixels than the first are refused if a byte of the file stands for more than the second.

The densest pictures of one colour only, PNG of one bit a pixel, have about 8,000."""

WINDOW = 1_024
"""How many pictures are in the hands of the threads at a time."""

ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)
"""The EXIF tag of a picture's orientation, and those of its values that swap height and width."""

A = TypeVar("A")
B = TypeVar("B")


def threads() -> int:
    """Returns how many threads read pictures: the cores this process may use, at most 16."""
    return min(16, n_cores())


def in_threads(function: Callable[[A], B], values: Iterable[A]) -> Iterator[B]:
    """Yields `function(value)` in the order of `values`, computed in threads (Pillow decodes outside the GIL).

    At most `WINDOW` results wait to be taken, however many values there are.
    """
    rest = iter(values)
    with ThreadPoolExecutor(threads()) as pool:
        while window := list(itertools.islice(rest, WINDOW)):
            yield from pool.map(function, window)


def read_square(path: Path, side_px: int) -> NDArray[np.uint8]:
    """Returns a picture file as (side_px, side_px, 3) uint8 RGB: its shorter side resized, its centre cut out.

    Orientation stored by cameras (EXIF) is applied, transparent parts turn white, 16-bit gray is brought to 8 bits,
    and of an animation the first frame counts. JPEG files are decoded at the nearest sufficient scale.

    Raises:
        InputError: the file cannot be read, is cut short, or is no picture.
    """
    size = plain_file(path).st_size
    with decoding(path, f"a picture{HEIC_HINT}" if path.suffix.lower() in HEIC else "a picture"):
        return _decode(path, size, side_px)


def check_heic(path: Path) -> None:
    """Refuses a HEIC picture where Pillow cannot read such; looks at no other file.

    Raises:
        InputError: the picture cannot be read.
    """
    if path.suffix.lower() in HEIC and shorter_side(path) is None:
        read_square(path, 8)


def decode_bytes(data: bytes, side_px: int | None = None) -> NDArray[np.uint8]:
    """Returns an encoded picture as (H, W, 3) uint8 RGB, or as a `side_px` square; see `read_square`.

    Raises:
        InputError: the bytes are no picture, or a damaged one.
    """
    with decoding(f"{len(data)} bytes", "a picture"):
        return _decode(io.BytesIO(data), len(data), side_px)


def decode_within(data: bytes, longest_px: int) -> NDArray[np.uint8]:
    """Returns an encoded picture as (H, W, 3) uint8 RGB, upright, made smaller if a side is longer than `longest_px`.

    Raises:
        InputError: the bytes are no picture, or a damaged one.
    """
    with decoding(f"{len(data)} bytes", "a picture"), Image.open(io.BytesIO(data)) as image:
        _check_size(image, len(data))
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            image.draft(image.mode, (longest_px, longest_px))
        image.load()
        upright = _rgb(ImageOps.exif_transpose(image))
        upright.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
        return np.asarray(upright)


def square(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Returns pixels (H, W, 1 or 3) as (side_px, side_px, 3) uint8, resized and cut as `read_square` does."""
    plain = np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return _fit(Image.fromarray(plain).convert("RGB"), side_px)


def is_pillow(value: object) -> bool:
    """Tells whether a value is a picture of Pillow's."""
    return isinstance(value, Image.Image)


def squared(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Returns a picture of Pillow's as (side_px, side_px, 3) uint8 RGB, brought there as `read_square` does.

    Raises:
        InputError: its file is damaged, or its pixels are floating-point numbers.
    """
    with decoding(f"a {image.mode} picture", "a picture"):
        return _fit(_rgb(ImageOps.exif_transpose(image)), side_px)


def shorter_side(path: Path) -> int | None:
    """Returns the shorter side in pixels from the file's header alone, or None if there is no readable header."""
    with contextlib.suppress(InputError):
        plain_file(path)
        with decoding(path, "a picture"), Image.open(path) as image:
            return int(min(image.size))
    return None


def shorter_side_of(data: bytes) -> int | None:
    """Returns the shorter side in pixels of an encoded picture, or None if it has no readable header."""
    with contextlib.suppress(InputError), decoding("bytes", "a picture"), Image.open(io.BytesIO(data)) as image:
        return int(min(image.size))
    return None


def size_of(data: bytes) -> tuple[int, int] | None:
    """Returns the height and width of an encoded picture that is held upright, or None without a readable header."""
    with contextlib.suppress(InputError), decoding("bytes", "a picture"), Image.open(io.BytesIO(data)) as image:
        return _upright(image)
    return None


def size_of_file(path: Path) -> tuple[int, int]:
    """Returns the height and width of a picture file that is held upright, from its header alone.

    Raises:
        InputError: it is no picture.
    """
    plain_file(path)
    with decoding(path, "a picture"), Image.open(path) as image:
        return _upright(image)


def _upright(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (width, height) if image.getexif().get(ORIENTATION) in LYING else (height, width)


def find(folder: Path) -> list[Path]:
    """Returns the picture files below `folder`, sorted; hidden files and folders and other kinds of file are passed.

    What has the ending of a picture and is none, such as a link that leads nowhere, is returned: reading it says so.

    Raises:
        InputError: a folder cannot be listed.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        found += [Path(parent, f) for f in files if not f.startswith(".") and Path(f).suffix.lower() in SUFFIXES]
    return sorted(found)


def _refuse(error: OSError) -> None:
    with reading(error.filename):
        raise error


def _decode(source: Path | io.BytesIO, n_bytes: int, side_px: int | None) -> NDArray[np.uint8]:
    with Image.open(source) as image:
        _check_size(image, n_bytes)
        if side_px is not None and image.format == "JPEG" and image.mode in ("RGB", "L"):
            image.draft(image.mode, (side_px, side_px))
        image.load()
        upright = _rgb(ImageOps.exif_transpose(image))
    return np.asarray(upright) if side_px is None else _fit(upright, side_px)


def _check_size(image: Image.Image, n_bytes: int) -> None:
    """Refuses more pixels than so few bytes can stand for, before they are decoded."""
    width, height = image.size
    if width * height > max(FREE_PIXELS, n_bytes * PIXELS_A_BYTE):
        raise ValueError(f"its {n_bytes} bytes declare {width} × {height} pixels")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((wide.clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range is unknown")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer).convert("RGB")
    return image.convert("RGB")


def _fit(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    if image.size != (side_px, side_px):
        image = ImageOps.fit(image, (side_px, side_px), Image.Resampling.BICUBIC)
    return np.asarray(image)


def stack(pictures: Iterable[NDArray[np.uint8]], count: int, shape: Sequence[int]) -> NDArray[np.uint8]:
    """Returns `count` pictures of one shape as (count, H, W, C) uint8, filled one by one.

    Raises:
        InputError: a picture has another shape; it is named by its position.
    """
    out = np.empty((count, *shape), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        if picture.shape != tuple(shape):
            raise InputError(f"picture {i} is {picture.shape}, the first one {tuple(shape)}: all must have one size")
        out[i] = picture
    return out
