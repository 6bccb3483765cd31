"""The checks of values from disk: what passes comes back as it is, what does not is one line that names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from askew.errors import InputError
from askew.experiment.records import checked, finite, finites, items, listed, mapping, numbers, text, whole, words


@dataclass(frozen=True)
class Thing:
    """A class with a field that must be given and two that need not."""

    size: int
    name: str = "a"
    parts: list[int] = field(default_factory=list)


PASS = [
    (text, "a", "a"),
    (finite, -1.5, -1.5),
    (finite, 2, 2),
    (finites, [1, 0.5], [1, 0.5]),
    (listed, (1, "a"), (1, "a")),
    (mapping, {"a": None}, {"a": None}),
    (words, {"a": 0.5}, {"a": 0.5}),
    (numbers, [0, 2, 2], (0, 2, 2)),
    (items, [2, 0], (2, 0)),
]


@pytest.mark.parametrize(("check", "value", "out"), PASS)
def test_what_passes_comes_back(check: Callable[[str, object], Any], value: object, out: object) -> None:
    assert check("x", value) == out


LONG = "b" * 100
FAIL = [
    (text, "", "x: expected a text, got ''"),
    (text, 3, "x: expected a text, got 3"),
    (finite, LONG, f"x: expected a finite number, got '{LONG[:59]}"),
    (finite, True, "x: expected a finite number, got True"),
    (finite, float("inf"), "x: expected a finite number, got inf"),
    (finites, [1.0, None], "x: expected a finite number, got None"),
    (finites, 1.0, "x: expected a list, got 1.0"),
    (listed, {"a": 1}, "x: expected a list, got {'a': 1}"),
    (mapping, [], "x: expected an object, got []"),
    (mapping, {1: 2}, "x: expected an object, got {1: 2}"),
    (words, {"a": "b"}, "x.a: expected a finite number, got 'b'"),
    (numbers, "12", "x: expected a list, got '12'"),
    (numbers, [1, -1], "x: expected a whole number from 0, got -1"),
    (items, [1, 1], "x: an item is listed twice"),
]


@pytest.mark.parametrize(("check", "value", "message"), FAIL)
def test_what_does_not_pass_is_named(check: Callable[[str, object], Any], value: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check("x", value)
    assert str(caught.value) == message


def test_a_whole_number_begins_where_it_is_told() -> None:
    assert whole("x", 3, 3) == 3
    for value in (2, 3.0, True, "3"):
        with pytest.raises(InputError) as caught:
            whole("x", value, 3)
        assert str(caught.value) == f"x: expected a whole number from 3, got {value!r}"


def test_an_object_is_made_of_its_own_keys_and_no_others() -> None:
    assert checked(Thing, {"size": 2}) == Thing(2)
    assert checked(Thing, {"size": 2, "name": "b", "parts": [1]}) == Thing(2, "b", [1])
    for record, message in (
        ([], "expected an object, got []"),
        ({"size": 2, "colour": 1}, "the key 'colour' is unknown"),
        ({"name": "b"}, "the key 'size' is missing"),
    ):
        with pytest.raises(InputError) as caught:
            checked(Thing, record)
        assert str(caught.value) == message
