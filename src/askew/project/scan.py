"""Looking through folders of pictures: what is new, moved, there twice, gone, or cannot be read. Nothing is changed."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from askew.data import pictures
from askew.data.reading import plain_file, reading
from askew.errors import DataNotFound, InputError, one_line
from askew.project import schema
from askew.project.store import Store, present

BATCH = 64
"""How many pictures are written at a time: what was looked at before an interruption is not looked at again."""

MOST_BYTES = 2_000_000_000
"""A larger file is not read: no picture has so many."""


@dataclass
class Scan:
    """What was found in the folders.

    Attributes:
        added: files with pictures that are new.
        moved: (old, new) of pictures whose file is now somewhere else.
        duplicates: (file, the file with the same bytes that was there before).
        back: files that were gone.
        gone: files that are no longer there, of pictures that are nowhere else.
        unreadable: (file, why).
        unchanged: how many files were known already.
        test: how many of `added` are kept for measuring accuracy.
    """

    added: list[Path] = field(default_factory=list)
    moved: list[tuple[Path, Path]] = field(default_factory=list)
    duplicates: list[tuple[Path, Path]] = field(default_factory=list)
    back: list[Path] = field(default_factory=list)
    gone: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    unchanged: int = 0
    test: int = 0


@dataclass(frozen=True)
class _Seen:
    """A file that was looked at: a picture, or why it is none.

    Size and time of change are None of a file that has to be looked at again, whether it changes or not.
    """

    path: str
    size: int | None = None
    mtime_ns: int | None = None
    hash: str = ""
    width_px: int = 0
    height_px: int = 0
    reason: str = ""


def scan(
    store: Store,
    folders: Sequence[Path],
    *,
    test_share: float,
    test_most: int | None = None,
    without: Collection[Path] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Scan:
    """Looks through folders and writes what is there to the store.

    A file is read when its path, size or time of change is new, one that holds no picture too. Whether a picture is
    kept for the test is told by its hash: it is so if the hash, taken for a number from 0 to 1, is below the
    share. So the part is uniform, and the same wherever the picture lies. An item keeps its part for ever.

    Args:
        store: of the project.
        folders: where pictures are; files elsewhere stay as they are known.
        test_share: the share of new pictures that is kept for measuring accuracy, 0 to 1.
        test_most: the share is made smaller where it would give more of all pictures than this.
        without: folders below them that are passed over.
        progress: is called with the files that were read and those to read.

    Raises:
        DataNotFound: one of the folders is not there; nothing was written then.
        InputError: a folder cannot be listed, or a share that is none.
    """
    if not 0 <= test_share < 1:
        raise InputError(f"test_share: must be at least 0 and below 1, got {test_share}")
    paths = listed(folders, without)
    found = Scan()
    with store.read() as connection:
        known = _known(connection, [os.path.abspath(folder) for folder in folders])
        bad = _unreadable(connection)
    states = {path: _state(path) for path in paths}
    found.unreadable = [(Path(path), bad[path][0]) for path in paths if path in bad and bad[path][1] == states[path]]
    still_bad = {str(path) for path, _ in found.unreadable}
    new = [path for path in paths if path not in still_bad and (path not in known or known[path] != states[path])]
    found.unchanged = len(paths) - len(new) - len(still_bad)
    share = test_share if test_most is None else min(test_share, test_most / max(1, len(paths)))
    there = set(paths)
    done = 0
    seen = pictures.in_threads(_look, new)
    while batch := list(itertools.islice(seen, BATCH)):
        with store.write() as connection:
            for one in batch:
                _keep(connection, one, there, share, found)
        done += len(batch)
        progress(done, len(new))
    found.unreadable.sort()
    lost = [path for path, state in known.items() if path not in there and state is not None]
    with store.write() as connection:
        _set_gone(connection, lost)
        found.gone = [Path(path) for path in _alone(connection, set(lost))]
        _forget_mended(connection, found, [os.path.abspath(folder) for folder in folders])
    return found


def listed(folders: Iterable[Path], without: Collection[Path]) -> list[str]:
    """Returns the paths of all files below folders that count as pictures, each once, sorted.

    Args:
        folders: where to look.
        without: folders below them that are passed over.

    Raises:
        DataNotFound: one of the folders is not there.
        InputError: a folder cannot be listed.
    """
    out = [f"{os.path.abspath(one)}{os.sep}" for one in without]
    found: set[str] = set()
    for folder in folders:
        with reading(folder):
            if not os.path.isdir(folder):
                raise DataNotFound(f"{one_line(folder)}: no such folder")
        found.update(str(path) for path in pictures.find(Path(os.path.abspath(folder))))
    return sorted(path for path in found if not any(path.startswith(one) for one in out))


def _known(connection: Connection, folders: Sequence[str]) -> dict[str, tuple[int, int] | None]:
    """Returns size and time of change of each known file below the folders, None if it was gone."""
    table = schema.places
    rows = connection.execute(sa.select(table.c.path, table.c.size, table.c.mtime_ns, table.c.gone))
    return {path: None if gone else (size, mtime) for path, size, mtime, gone in rows if _below(path, folders)}


def _unreadable(connection: Connection) -> dict[str, tuple[str, tuple[int, int] | None]]:
    """Returns of each file that could not be read why, and its size and time of change, None if they are not known."""
    table = schema.unreadable
    rows = connection.execute(sa.select(table.c.path, table.c.reason, table.c.size, table.c.mtime_ns))
    return {path: (reason, None if size is None else (size, mtime)) for path, reason, size, mtime in rows}


def _below(path: str, folders: Sequence[str]) -> bool:
    return any(path.startswith(f"{folder.rstrip(os.sep)}{os.sep}") for folder in folders)


def _state(path: str) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns


def _look(path: str) -> _Seen:
    """Reads one file: its picture is decoded in small, so that a damaged one is found out, and its bytes are hashed."""
    name = one_line(path)
    try:
        path.encode()
    except UnicodeEncodeError:
        return _Seen(name, reason=f"{name}: its name is not UTF-8: rename it")
    try:
        state = plain_file(Path(path))
        of_file = (path, state.st_size, state.st_mtime_ns)
        if state.st_size > MOST_BYTES:
            return _Seen(*of_file, reason=f"{name}: has {state.st_size / 1e9:.1f} GB: no picture has so many")
        digest = _digest(path)
    except InputError as error:  # nothing that is in the file: a folder of its name, no right to read it, a bad disk
        return _Seen(path, reason=str(error))
    try:
        pictures.read_square(Path(path), 8)
        height, width = pictures.size_of_file(Path(path))
    except InputError as error:
        return _Seen(*of_file, reason=str(error))
    return _Seen(*of_file, digest, width, height)


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with reading(path), open(path, "rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _keep(connection: Connection, one: _Seen, there: Collection[str], share: float, found: Scan) -> None:
    """Writes what was seen of one file, and adds it to what was found."""
    connection.execute(schema.unreadable.delete().where(schema.unreadable.c.path == one.path))
    if one.reason:
        row = {"path": one.path, "reason": one.reason, "seen": present(), "size": one.size, "mtime_ns": one.mtime_ns}
        connection.execute(schema.unreadable.insert(), row)
        _set_gone(connection, [one.path])
        found.unreadable.append((Path(one.path), one.reason))
        return
    items = schema.items
    number = connection.execute(sa.select(items.c.id).where(items.c.hash == one.hash)).scalar()
    if number is None:
        part = "test" if int(one.hash[:13], 16) < share * 16**13 else "pool"
        size = {"width_px": one.width_px, "height_px": one.height_px}
        new = {"hash": one.hash, "part": part, "added": present(), **size}
        number = connection.execute(items.insert().returning(items.c.id), new).scalar_one()
        found.added.append(Path(one.path))
        found.test += part == "test"
    else:
        _tell_again(connection, number, one.path, there, found)
    _place(connection, number, one)


def _tell_again(connection: Connection, number: int, path: str, there: Collection[str], found: Scan) -> None:
    """Tells of a file whose picture is known whether it was moved here, lies here too, is back, or was only touched."""
    table = schema.places
    rows = connection.execute(
        sa.select(table.c.path, table.c.gone).where(table.c.item_id == number).order_by(table.c.gone.desc(), table.c.id)
    ).all()
    others = [place for place, _ in rows if place != path]
    left = [place for place, gone in rows if place != path and not gone and _is_there(place, there)]
    here = {gone for place, gone in rows if place == path}
    if here == {False}:
        found.unchanged += 1
    elif left:
        found.duplicates.append((Path(path), Path(left[0])))
    elif here:
        found.back.append(Path(path))
    elif others:
        found.moved.append((Path(others[-1]), Path(path)))
    else:
        found.added.append(Path(path))
    if not left:
        _set_gone(connection, others)


def _is_there(place: str, there: Collection[str]) -> bool:
    return place in there or os.path.lexists(place)


def _place(connection: Connection, number: int, one: _Seen) -> None:
    table = schema.places
    row = {"item_id": number, "size": one.size, "mtime_ns": one.mtime_ns, "seen": present(), "gone": False}
    changed = connection.execute(table.update().where(table.c.path == one.path).values(row))
    if changed.rowcount == 0:
        connection.execute(table.insert(), {"path": one.path, **row})


def _set_gone(connection: Connection, paths: Sequence[str]) -> None:
    table = schema.places
    if paths:
        statement = table.update().where(table.c.path == sa.bindparam("which")).values(gone=True)
        connection.execute(statement, [{"which": path} for path in paths])


def _alone(connection: Connection, paths: Collection[str]) -> list[str]:
    """Returns those of some files that are gone whose pictures are nowhere else."""
    table, other = schema.places, schema.places.alias()
    still = sa.exists().where(other.c.item_id == table.c.item_id, ~other.c.gone)
    rows = connection.execute(sa.select(table.c.path).where(table.c.gone, ~still).order_by(table.c.path))
    return [path for (path,) in rows if path in paths]


def _forget_mended(connection: Connection, found: Scan, folders: Sequence[str]) -> None:
    """Takes files that are no longer there, or are pictures now, off the list of those that cannot be read."""
    table = schema.unreadable
    bad = {str(path) for path, _ in found.unreadable}
    rows = connection.execute(sa.select(table.c.path)).all()
    old = [path for (path,) in rows if path not in bad and _below(path, folders)]
    if old:
        connection.execute(table.delete().where(table.c.path == sa.bindparam("which")), [{"which": p} for p in old])
