"""What is wrong in a TOML file, in one line of the file's own words: the setting, what it takes, what stands there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from askew.errors import InputError, nearest, one_line, unknown

_Place = tuple[int | str, ...]

_EXPECTED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "string_type": lambda _: "a text",
    "bool_type": lambda _: "true or false",
    "list_type": lambda _: "a list",
    "dict_type": lambda _: "a table",
    "model_type": lambda _: "a table",
    "greater_than": lambda limits: f"more than {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"at least {limits['ge']:g}",
    "less_than": lambda limits: f"less than {limits['lt']:g}",
    "less_than_equal": lambda limits: f"at most {limits['le']:g}",
    "too_short": lambda limits: (
        f"at least {limits['min_length']} {'entry' if limits['min_length'] == 1 else 'entries'}"
    ),
    "string_too_short": lambda _: "a text that is not empty",
    "literal_error": lambda limits: str(limits["expected"]).replace("'", '"'),
}
"""The kind of a mistake to what the setting takes."""


def first_mistake(error: ValidationError, values: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Returns one line about the first mistake: the setting, what it takes, and what stands there.

    Args:
        error: what checking `values` as a `model` raised.
        values: what the TOML file holds.
        model: the whole configuration; its sections are models too.
    """
    found = error.errors(include_url=False)
    first = min(found, key=lambda one: one["type"] != "extra_forbidden")  # a misspelt key also leaves one missing
    loc = first["loc"]
    if first["type"] == "extra_forbidden":
        entry = any(isinstance(part, int) for part in loc)
        section = _written(loc[:-1]) + ":" if entry else f"[{_written(loc[:-1])}]"
        return str(unknown(f"key in {section}" if len(loc) > 1 else "key", loc[-1], _keys(model, loc[:-1])))
    if first["type"] == "missing":
        return f"{_written(loc)}: is missing"
    place = _place(loc, values)
    where = f"{_written(place)}: " if place else ""
    if first["type"] == "value_error":
        shown = "" if isinstance(first["input"], Mapping | list) else f" (got {_shown(first['input'])})"
        return f"{where}{first['msg'].removeprefix('Value error, ')}{shown}"
    if first["type"] == "list_type" and isinstance(first["input"], Mapping) and len(place) == 1:
        return f"{where}expected a list: write [[{place[0]}]] with two brackets, once for each"
    kinds = [one for one in found if _place(one["loc"], values) == place]
    expected = dict.fromkeys(_EXPECTED[one["type"]](one.get("ctx", {})) for one in kinds if one["type"] in _EXPECTED)
    if "a number" in expected:
        expected.pop("a whole number", None)
    takes = f"expected {_either(list(expected))}" if expected else "cannot be used"
    return f"{where}{takes}, got {_shown(first['input'])}{_hint(first['input'], kinds)}"


def _place(loc: _Place, values: object) -> _Place:
    """Returns where in the file a mistake is: pydantic's place without the types that it tried there."""
    for depth, part in enumerate(loc):
        inside = isinstance(values, Mapping) and part in values
        inside = inside or (isinstance(values, list) and isinstance(part, int) and part < len(values))
        if not inside:
            return loc[:depth]
        values = values[part]  # type: ignore[index]
    return loc


def _written(place: _Place) -> str:
    """Writes where a setting stands; entries count from 1.

    >>> _written(("protocol", "budget")), _written(("strategies", 1, "balance"))
    ('protocol.budget', 'strategies, entry 2: balance')
    """
    text, join = "", ""
    for part in place:
        text += f", entry {part + 1}" if isinstance(part, int) else join + one_line(part, 90)
        join = ": " if isinstance(part, int) else "."
    return text


def refuse_no_numbers(value: object, place: _Place = ()) -> None:
    """Refuses nan and inf, which TOML knows, wherever they stand.

    Raises:
        InputError: there is one.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{_written(place)}: expected a finite number, got {value}")
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, one in entries:
        refuse_no_numbers(one, (*place, key))


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(value: object) -> str:
    try:
        return f"{json.dumps(value, ensure_ascii=False, default=str):.60}"
    except (TypeError, ValueError):
        return f"{value!r:.60}"


def _hint(value: object, kinds: Sequence[Any]) -> str:
    """Suggests the nearest word, where words are expected."""
    words = [
        word
        for one in kinds
        if one["type"] == "literal_error"
        for word in one["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
    ]
    near = nearest(value, words)
    return "" if near is None else f": did you mean {json.dumps(near)}?"


def _keys(model: type[BaseModel], place: _Place) -> list[str]:
    """Lists the keys of the section at a place."""
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = _section(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    """Returns the model in a field's type, such as that of `list[StrategyConfig]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in getattr(annotation, "__args__", ()) if (found := _section(one))), None)
