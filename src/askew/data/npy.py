"""NumPy's own files, read without trust: sizes are checked before anything is reserved, and nothing is evaluated."""

from __future__ import annotations

import math
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from askew.data.reading import check_memory, decoding, plain_file
from askew.errors import InputError, one_line

MAGIC, LONGEST_HEADER, MOST_DIMENSIONS = b"\x93NUMPY", 10_000, 32
STEP_BYTES = 1 << 20
"""How much of a compressed array is unpacked at a time."""

_DTYPE = re.compile(r"""['"]descr['"]\s*:\s*['"]([<>|=]?(?:b1|[iu][1248]|f[248]|[US][1-9][0-9]{0,6}))['"]""")
_KIND = re.compile(r"""['"]descr['"]\s*:\s*(['"][^'"]{0,40}['"]|.{0,20})""")
_ORDER = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)\b""")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([0-9L,\s]*)\)""")


@dataclass(frozen=True)
class Layout:
    """What the header of an array says: its type, its shape, the order of its axes in memory, and where it begins."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    offset: int

    @property
    def n_bytes(self) -> int:
        """The bytes of its values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_layout(stream: IO[bytes], what: str) -> Layout:
    """Returns what the header of an array says, and leaves the stream at its first value.

    The header of a .npy file is the text of a Python dict. It is searched for the three entries that NumPy writes and
    never evaluated, so no odd text in it can do harm.

    Raises:
        InputError: no header of NumPy's, or one of anything but numbers, truth values and text.
    """
    start = stream.read(8)
    if start[:6] != MAGIC or len(start) < 8 or start[6] not in (1, 2, 3):
        raise InputError(f"{what}: does not begin as an array of NumPy's; is damaged, or of another format")
    width = 2 if start[6] == 1 else 4
    size = int.from_bytes(stream.read(width), "little")
    raw = stream.read(size) if size <= LONGEST_HEADER else b""
    if size > LONGEST_HEADER or len(raw) < size:
        raise InputError(f"{what}: its header is damaged or cut short")
    text = raw.decode("latin1")
    order, shape, dtype = _ORDER.search(text), _SHAPE.search(text), _DTYPE.search(text)
    if order is None or shape is None or dtype is None:
        kind = _KIND.search(text)
        has = f"; it says {one_line(kind[1])}" if kind and order and shape else ""
        raise InputError(f"{what}: expected an array of numbers or text{has}")
    parts = [part.strip().removesuffix("L") for part in shape[1].split(",")]
    parts = parts[:-1] if parts[-1] == "" else parts
    if len(parts) > MOST_DIMENSIONS or not all(part.isdecimal() and len(part) < 20 for part in parts):
        raise InputError(f"{what}: its header is damaged: shape ({one_line(shape[1], 60)})")
    offset = 8 + width + size
    return Layout(np.dtype(dtype[1]), tuple(int(part) for part in parts), order[1] == "True", offset)


def open_npy(path: Path, what: str | None = None) -> NDArray[Any]:
    """Returns the array of an .npy file, memory-mapped: its rows are read when they are used.

    Raises:
        DataNotFound: no such file.
        InputError: a file that is damaged, cut short, has more in it, or does not hold numbers or text.
    """
    name = one_line(path) if what is None else what
    size = plain_file(path, name).st_size
    with decoding(name, "an array of NumPy's"):
        with path.open("rb") as stream:
            layout = read_layout(stream, name)
        _check_size(name, layout, size)
        if layout.n_bytes == 0:
            return np.empty(layout.shape, layout.dtype)
        order = "F" if layout.fortran else "C"
        array = np.memmap(path, layout.dtype, "r", layout.offset, layout.shape, order)  # type: ignore[call-overload]
    return _checked(name, array)


class Arrays(Mapping[str, NDArray[Any]]):
    """The arrays of an open .npz file by name, each of them read when it is asked for."""

    def __init__(self, archive: zipfile.ZipFile, what: str) -> None:
        self._archive, self._what = archive, what
        self._members = {i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def layout(self, name: str) -> Layout:
        """Returns what the header of an array says; nothing else of it is unpacked.

        Raises:
            InputError: the file is damaged there, or declares another size in one place than in the other.
        """
        with self._member(name) as (layout, _):
            return layout

    def __getitem__(self, name: str) -> NDArray[Any]:
        with self._member(name) as (layout, stream):
            check_memory(self._name(name), layout.shape, layout.dtype.itemsize)
            flat = np.empty(layout.n_bytes, dtype=np.uint8)
            for start in range(0, layout.n_bytes, STEP_BYTES):
                block = stream.read(min(STEP_BYTES, layout.n_bytes - start))
                flat[start : start + len(block)] = np.frombuffer(block, np.uint8)
            stream.read(1)  # at the end of a member its checksum is compared
        array = flat.view(layout.dtype).reshape(layout.shape, order="F" if layout.fortran else "C")
        return _checked(self._name(name), array)

    def names(self) -> str:
        """Returns the names for a message."""
        return one_line(", ".join(self) or "nothing")

    def _name(self, name: str) -> str:
        return f"{self._what}: {one_line(name, 60)}"

    @contextmanager
    def _member(self, name: str) -> Iterator[tuple[Layout, IO[bytes]]]:
        info = self._members[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(
                f"{self._name(name)}: is compressed in another way than NumPy does: write it with np.savez"
            )
        with decoding(self._name(name), "an array of NumPy's"), self._archive.open(info) as stream:
            layout = read_layout(stream, self._name(name))
            _check_size(self._name(name), layout, info.file_size)
            yield layout, stream


@contextmanager
def open_npz(path: Path, what: str | None = None) -> Iterator[Arrays]:
    """Gives the arrays of an .npz file.

    Raises:
        DataNotFound: no such file.
        InputError: it is no such file, or a damaged one.
    """
    name = one_line(path) if what is None else what
    plain_file(path, name)
    with decoding(name, "an .npz file"):
        archive = zipfile.ZipFile(path)
    with archive:
        yield Arrays(archive, name)


def _check_size(what: str, layout: Layout, size: int) -> None:
    expected = layout.offset + layout.n_bytes
    if size != expected:
        wrong = "is cut short" if size < expected else "has more in it than its header says"
        raise InputError(f"{what}: {wrong}: {size:,} bytes, an array {layout.shape} of {layout.dtype} has {expected:,}")


def _checked(what: str, array: NDArray[Any]) -> NDArray[Any]:
    """Returns the array, whose text is text: NumPy takes any four bytes for a letter, Python does not."""
    if array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder.replace("|", "=") + "u4")
        if codes.max() > sys.maxunicode:
            raise InputError(f"{what}: is damaged: it holds letters that do not exist")
    return array
