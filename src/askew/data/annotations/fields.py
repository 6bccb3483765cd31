"""What stands in a file of boxes, checked where it is read: text, whole numbers, boxes, the fields of JSON."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.errors import InputError

Id = int | float | str
"""What COCO files call images, categories and videos by."""

NUMBERS = frozenset((int, float))
"""The types of JSON's numbers; a truth value is none."""

WHOLE = float(1 << 53)
"""From here on a float no longer holds every whole number."""

LONGEST_TEXT = 4096
"""Letters of the longest name; a path of Linux has no more."""

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ends lines, moves cursors or is no character."""


def text_of(path: Path) -> str:
    """Returns the text of a file in UTF-8, without the byte order mark that some programs put before it.

    Raises:
        InputError: the file is not UTF-8, or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def files_of(folder: Path, suffix: str) -> list[Path]:
    """Returns the files, and nothing else, of a folder whose names end so; none if there is no folder."""
    return [path for path in folder.glob(f"*{suffix}") if path.is_file()] if folder.is_dir() else []


def whole_numbers(where: Path, lines: Sequence[int] | Indices, values: NDArray[np.float64], what: str) -> Indices:
    """Returns a column of numbers as integers.

    Args:
        lines: the line of the file that each number stands in.

    Raises:
        InputError: one is not whole, or too large to tell.
    """
    bad = np.flatnonzero(~((values == np.floor(values)) & (np.abs(values) < WHOLE)))
    if len(bad):
        raise InputError(
            f"{where}: line {lines[bad[0]]}: {what} that is not whole: {values[bad[0]]} ({len(bad)} lines)"
        )
    return values.astype(np.int64)


def _is_name(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and not CONTROL.search(text)


def check_name(where: str | Path, what: str, name: str) -> None:
    """Checks that a name is short and of one line.

    Raises:
        InputError: it is not.
    """
    if not _is_name(name):
        raise InputError(f"{where}: expected a short text of one line as the name of {what}, got {reprlib.repr(name)}")


def box_sides(where: str | Path, what: str, values: Sequence[Any]) -> list[float]:
    """Returns the four sides of a box as floats; numbers may be written as text.

    Raises:
        InputError: one is no number, or not finite.
    """
    try:
        sides = [float(value) for value in values]
    except (ValueError, TypeError, OverflowError):
        sides = []
    if len(sides) != 4 or not all(map(math.isfinite, sides)):
        raise InputError(f"{where}: {what}: expected four finite numbers, got {reprlib.repr(list(values))}")
    return sides


class Record(NamedTuple):
    """A mapping that a JSON file lists, whose fields are checked when they are asked for."""

    where: Path
    what: str
    number: int
    values: dict[str, Any]

    def refuse(self, key: str, expected: str) -> InputError:
        """Returns the error that says what a field is and what it must be."""
        got = f"got {reprlib.repr(self.values[key])}" if key in self.values else "which is missing"
        return InputError(f"{self.where}: {self.what} {self.number}: expected {expected} as {key}, {got}")

    def identity(self, key: str) -> Id:
        """Returns an id: a number or a text."""
        value = self.values.get(key)
        if type(value) is int or (type(value) is float and math.isfinite(value)):
            return value
        if type(value) is str and _is_name(value):
            return value
        raise self.refuse(key, "a number or a short text")

    def text(self, key: str) -> str:
        """Returns a text of one line."""
        value = self.values.get(key)
        if type(value) is not str or not _is_name(value):
            raise self.refuse(key, "a short text of one line")
        return value

    def whole(self, key: str) -> int:
        """Returns a whole number."""
        (value,) = self._floats(key, [self.values.get(key)], "a whole number")
        if not value.is_integer() or abs(value) >= WHOLE:
            raise self.refuse(key, "a whole number")
        return int(value)

    def finite(self, key: str) -> float:
        """Returns a number."""
        return self._floats(key, [self.values.get(key)], "a finite number")[0]

    def finites(self, key: str, count: int | None = None) -> list[float]:
        """Returns a list of numbers, so many if it is said."""
        many = "finite numbers" if count is None else f"{count} finite numbers"
        value = self.values.get(key)
        if type(value) is not list or (count is not None and len(value) != count):
            raise self.refuse(key, many)
        return self._floats(key, value, many)

    def _floats(self, key: str, values: list[Any], expected: str) -> list[float]:
        if not NUMBERS.issuperset(map(type, values)):
            raise self.refuse(key, expected)
        try:
            out = list(map(float, values))
        except OverflowError:
            raise self.refuse(key, expected) from None
        if not all(map(math.isfinite, out)):
            raise self.refuse(key, expected)
        return out


def records(where: Path, document: dict[str, Any], key: str, what: str) -> Iterator[Record]:
    """Yields what a document lists under a key; nothing if the key is not there.

    Raises:
        InputError: it is no list, or something in it is no mapping.
    """
    listed = document.get(key, [])
    if type(listed) is not list:
        raise InputError(f"{where}: expected a list as {key}, got {reprlib.repr(listed)}")
    for number, values in enumerate(listed):
        if type(values) is not dict:
            raise InputError(f"{where}: {what} {number}: expected a mapping, got {reprlib.repr(values)}")
        yield Record(where, what, number, values)
