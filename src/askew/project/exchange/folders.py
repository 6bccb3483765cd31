"""Folders of pictures, one for each class: read with the pictures' hashes, written as links or copies."""

from __future__ import annotations

from pathlib import Path

from askew.data.folder import UNLABELED, pool
from askew.data.pictures import in_threads
from askew.data.reading import plain_file, reading
from askew.errors import InputError, one_line
from askew.files import size_and_digest
from askew.project.exchange.rows import Content, Holds, Row, about, check_inside

HOLDS = Holds(frozenset(("class",)), guesses=False, scores=False, who=False, size=False, hash=False, reason=False)


def write(content: Content) -> dict[str, str]:
    """Returns where the picture of each row goes in the folder, by the row's name.

    Raises:
        InputError: a class that no folder can be called, or two pictures in one place.
    """
    places: dict[str, str] = {}
    for row in content.rows:
        kind = str(row.class_name)
        check_inside(row.name)
        check_inside(kind)
        if "/" in kind or "\\" in kind or kind.startswith(".") or kind.lower() in UNLABELED:
            raise InputError(f"folders: no folder can be called {one_line(kind, 60)!r}: export to csv, coco or cvat")
        places[row.name] = f"{kind}/{row.name}"
    return places


def read(path: Path) -> Content:
    """Reads class folders, or the `metadata.csv` beside pictures; see `askew.data.folder.pool`.

    Pictures are told by their content: each file is read for its hash.

    Raises:
        InputError: no such folder, or a file that cannot be read.
    """
    classes, listing = pool(path)
    rows = []
    with about(path):
        for file, digest, label in zip(listing.paths, in_threads(_digest, listing.paths), listing.labels, strict=True):
            kind, said = ("class", classes[label]) if label >= 0 else ("none", None)
            rows.append(Row(file.absolute().as_posix(), kind, said, hash=digest))
    return Content(tuple(rows), classes)


def _digest(path: Path) -> str:
    plain_file(path)
    with reading(path):
        return size_and_digest(path)[1]
