"""Two scales of one file, a paper's protocol and what a desk computer can run, and the experiments of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from askew.errors import InputError, unknown

Scale = Literal["full", "desk"]

SCALES: tuple[Scale, ...] = ("full", "desk")
"""The whole protocol at the top of the file, and the same with what `[desk]` changes."""

DESK: Scale = "desk"

EXPERIMENTS = "experiments"

_PART = re.compile(r"[\w+\-.,=]{1,40}")


def scales_of(values: Mapping[str, Any]) -> tuple[Scale, ...]:
    """Returns the scales that a file has: both if there is a `[desk]` in it, otherwise none to choose from."""
    entries = values.get(EXPERIMENTS)
    inside = isinstance(entries, list) and any(isinstance(one, Mapping) and DESK in one for one in entries)
    return SCALES if DESK in values or inside else ()


def chosen_scale(values: Mapping[str, Any], wanted: str | None, origin: str) -> Scale | None:
    """Returns the scale to run: the wanted one, "desk" if none is, or None for a file without `[desk]`.

    Raises:
        InputError: a scale that there is not.
    """
    scales = scales_of(values)
    if wanted is None:
        return DESK if scales else None
    if not scales:
        raise InputError(f"--scale: {origin} has one scale only, since it has no [desk]: leave it out")
    for scale in scales:
        if wanted == scale:
            return scale
    raise unknown("scale", wanted, SCALES)


def experiments_at(values: Mapping[str, Any], scale: Scale | None) -> dict[str, dict[str, Any]]:
    """Returns what a file says at one scale: the name of each of its experiments to that one's settings, unchecked.

    `[desk]` is laid over the rest or left out, and the scale ends the name. Then each of `[[experiments]]`, with its
    own `[experiments.desk]`, is laid over that, and its name ends the experiment's. A file without them is one
    experiment, called "".

    >>> file = {"name": "t", "protocol": {"budget": 50, "cycles": 4}, "desk": {"protocol": {"budget": 5}}}
    >>> experiments_at(file, "desk")
    {'': {'name': 't-desk', 'protocol': {'budget': 5, 'cycles': 4}}}

    Raises:
        InputError: an entry or a `[desk]` that is no table, a name in `[desk]`, or experiments without distinct names.
    """
    shared = _laid_over(values, scale, "")
    if isinstance(shared.get("name"), str) and scale is not None:
        shared["name"] = f"{shared['name']}-{scale}"
    entries = shared.pop(EXPERIMENTS, [])
    if not entries:
        return {"": _with_scale(shared, scale)}
    found: dict[str, dict[str, Any]] = {}
    for part, entry in _named(entries).items():
        own = _laid_over(
            {key: value for key, value in entry.items() if key != "name"}, scale, f"{EXPERIMENTS} {part}: "
        )
        name = {"name": f"{shared['name']}-{part}"} if isinstance(shared.get("name"), str) else {}
        found[part] = _with_scale({**merged(shared, own), **name}, scale)
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `below` with what `above` says: tables are merged key by key, lists and values are replaced.

    >>> merged({"data": {"source": "cifar10", "pool_items": 9}, "seeds": [0, 1]}, {"data": {"pool_items": 5}})
    {'data': {'source': 'cifar10', 'pool_items': 5}, 'seeds': [0, 1]}
    """
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def _laid_over(values: Mapping[str, Any], scale: Scale | None, where: str) -> dict[str, Any]:
    """Returns a table with its own `[desk]` laid over it at desk scale, and without it at any other."""
    desk = values.get(DESK, {})
    plain = {key: value for key, value in values.items() if key != DESK}
    if not isinstance(desk, Mapping):
        raise InputError(f"{where}desk: expected a table, got {desk!r:.60}")
    if "name" in desk:
        raise InputError(f"{where}desk.name: the name at desk scale is made from the file's: leave it out")
    return merged(plain, desk) if scale == DESK else plain


def _named(entries: object) -> dict[str, Mapping[str, Any]]:
    """Returns the experiments of a study by name."""
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
        raise InputError(f"{EXPERIMENTS}: expected a list: write [[{EXPERIMENTS}]] with two brackets, once for each")
    found: dict[str, Mapping[str, Any]] = {}
    for number, one in enumerate(entries, 1):
        name = one.get("name")
        if not isinstance(name, str) or not _PART.fullmatch(name) or name.startswith("."):
            raise InputError(
                f"{EXPERIMENTS}, entry {number}: name: expected letters, digits, '+', '-', '_', '=', ',' and '.', at "
                f"most 40, got {name!r:.60}"
            )
        if name in found:
            raise InputError(f"{EXPERIMENTS}: two entries are called {name!r}: give one another name")
        found[name] = one
    return found


def _with_scale(values: dict[str, Any], scale: Scale | None) -> dict[str, Any]:
    """Says in `[paper]`, if there is one, whether the experiment is as large as the paper's."""
    paper = values.get("paper")
    if scale is None or not isinstance(paper, Mapping):
        return values
    return {**values, "paper": {**paper, "scale": scale}}
