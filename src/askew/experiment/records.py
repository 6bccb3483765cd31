"""Checks of values that were read from disk: the type and range of each, or one line that says which is wrong."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from askew.errors import InputError

T = TypeVar("T")


def checked(kind: type[T], record: object) -> T:
    """Returns a dataclass made of the values of a JSON object, no more and no fewer.

    Raises:
        InputError: no object, a key too many, one missing, or a value that the dataclass refuses.
    """
    if not isinstance(record, dict):
        raise InputError(f"expected an object, got {record!r:.60}")
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    for key in record:
        if key not in {f.name for f in fields}:
            raise InputError(f"the key {key!r:.60} is unknown")
    for f in fields:
        if f.name not in record and f.default is f.default_factory is dataclasses.MISSING:
            raise InputError(f"the key {f.name!r} is missing")
    return kind(**record)


def text(name: str, value: object) -> str:
    """Returns a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{name}: expected a text, got {value!r:.60}")
    return value


def whole(name: str, value: object, least: int) -> int:
    """Returns a whole number from `least`; true and false are none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name}: expected a whole number from {least}, got {value!r:.60}")
    return value


def finite(name: str, value: object) -> float:
    """Returns a finite number; true and false are none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InputError(f"{name}: expected a finite number, got {value!r:.60}")
    return value


def finites(name: str, value: object) -> list[float] | tuple[float, ...]:
    """Returns a list of finite numbers."""
    values = listed(name, value)
    for one in values:
        finite(name, one)
    return values


def listed(name: str, value: object) -> list[Any] | tuple[Any, ...]:
    """Returns a list or a tuple."""
    if not isinstance(value, list | tuple):
        raise InputError(f"{name}: expected a list, got {value!r:.60}")
    return value


def mapping(name: str, value: object) -> Mapping[str, Any]:
    """Returns a mapping from texts."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{name}: expected an object, got {value!r:.60}")
    return value


def words(name: str, value: object) -> Mapping[str, float]:
    """Returns a mapping from texts to finite numbers."""
    for key, number in mapping(name, value).items():
        finite(f"{name}.{key:.60}", number)
    return mapping(name, value)


def numbers(name: str, value: object) -> tuple[int, ...]:
    """Returns whole numbers from 0 as a tuple."""
    return tuple(whole(name, one, 0) for one in listed(name, value))


def items(name: str, value: object) -> tuple[int, ...]:
    """Returns distinct whole numbers from 0 as a tuple."""
    found = numbers(name, value)
    if len(set(found)) < len(found):
        raise InputError(f"{name}: an item is listed twice")
    return found
