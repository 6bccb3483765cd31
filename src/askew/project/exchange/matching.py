"""Which picture of the project a name in a file means: by hash, by path, by the end of a path, else by file name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from posixpath import splitext

from askew.project.exchange.rows import Row, Size


@dataclass(frozen=True)
class Place:
    """A file of an item.

    Attributes:
        item_id: the item.
        hash: SHA-256 of its bytes in hexadecimal digits.
        size: (width, height) in pixels.
        path: absolute.
        gone: whether the file was moved or removed since.
    """

    item_id: int
    hash: str
    size: Size
    path: str
    gone: bool = False


@dataclass(frozen=True)
class Names:
    """The items by what they may be called; files that are there before those that are gone."""

    folders: tuple[str, ...]
    hashes: dict[str, int] = field(default_factory=dict)
    paths: dict[str, set[int]] = field(default_factory=dict)
    relative: dict[str, set[int]] = field(default_factory=dict)
    last: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    """By the last part of a path: all such paths with their items."""


def names_of(places: Iterable[Place], folders: Sequence[str]) -> tuple[Names, Names]:
    """Returns the names of files that are there, and of those that are gone."""
    there, gone = Names(tuple(folders)), Names(tuple(folders))
    for place in places:
        names = gone if place.gone else there
        there.hashes[place.hash.lower()] = place.item_id
        for path in _called(place.path):
            names.paths.setdefault(path, set()).add(place.item_id)
            names.last.setdefault(path.rpartition("/")[2], {}).setdefault(path, set()).add(place.item_id)
            for one in relative_names(path, folders):
                names.relative.setdefault(one, set()).add(place.item_id)
    return there, gone


def relative_names(path: str, folders: Sequence[str]) -> list[str]:
    """Returns a path relative to each of the folders that it lies in, the deepest first.

    >>> relative_names("/p/a/b.jpg", ["/p", "/p/a", "/q"])
    ['b.jpg', 'a/b.jpg']
    """
    starts = [folder.rstrip("/") + "/" for folder in folders]
    return sorted((path[len(start) :] for start in starts if path.startswith(start)), key=len)


def matched(row: Row, names: tuple[Names, Names], *, by_name: bool = False) -> list[int]:
    """Returns the items that a row may be about: one if it is plain, none or several if it is not.

    A row with a hash is about the item with that hash and no other. Else its name may be the path of a file, or that
    path relative to a folder of the project; else one may be the end of the other, so that a tool's own folders before
    or after do no harm. A name without folders may be that of a file anywhere.

    Args:
        row: of a file.
        names: see `names_of`.
        by_name: let the name of the file alone tell, whatever folders the row names.
    """
    if row.hash:
        found = names[0].hashes.get(row.hash.lower())
        return [] if found is None else [found]
    spelled = dict.fromkeys(_spelled(one) for one in (row.name, row.name.replace("\\", "/")))
    for known in names:
        for name in spelled:
            ids = _by_name(name if row.ending else _bare(name), known, by_name)
            if ids:
                return sorted(ids)
    return []


def _by_name(name: str, names: Names, by_name: bool) -> set[int]:
    for exact in (names.paths, names.relative):
        if name in exact:
            return exact[name]
    there = names.last.get(name.rpartition("/")[2], {})
    if "/" not in name.strip("/") or by_name:
        return set().union(*there.values())
    found: dict[int, set[int]] = {}
    for path, ids in there.items():
        for one in relative_names(path, names.folders):
            if f"/{name}".endswith(f"/{one}"):
                found.setdefault(len(one), set()).update(ids)
        if path.endswith(f"/{name.lstrip('/')}"):
            found.setdefault(len(name), set()).update(ids)
    return found[max(found)] if found else set()


_BARE = "\0"
"""Ends a name without its ending, so that it is not taken for one that has it."""


def _called(path: str) -> list[str]:
    name = _spelled(path)
    return [name, _bare(splitext(name)[0])]


def _bare(name: str) -> str:
    return name + _BARE


def _spelled(path: str) -> str:
    """Returns a name as one sequence of letters, however its accents are written."""
    return unicodedata.normalize("NFC", os.fspath(path).removeprefix("./"))
