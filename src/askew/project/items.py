"""The pictures of a project: known by what is in them, found where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from askew.errors import InputError, one_line
from askew.project import schema
from askew.project.store import Store


@dataclass(frozen=True)
class Item:
    """One picture.

    Attributes:
        id: its number in the store.
        hash: SHA-256 of the file's bytes, in hexadecimal digits.
        path: a file with it that was there when the folders were looked through last; None if none was.
        part: "pool", or "test" where it is kept for measuring accuracy.
        width_px, height_px: of the upright picture.
    """

    id: int
    hash: str
    path: Path | None
    part: str
    width_px: int
    height_px: int


def all_items(store: Store) -> list[Item]:
    """Returns all items by their number: row i of every array is the i-th of them."""
    there = sa.select(schema.places.c.item_id, sa.func.min(schema.places.c.path).label("path")).where(
        ~schema.places.c.gone
    )
    with store.read() as connection:
        paths = {row.item_id: row.path for row in connection.execute(there.group_by(schema.places.c.item_id))}
        rows = connection.execute(sa.select(*_COLUMNS).order_by(schema.items.c.id)).all()
    return [_item(row, paths.get(row[0])) for row in rows]


def item(store: Store, item_id: int) -> Item:
    """Returns one item.

    Raises:
        InputError: there is none of that number.
    """
    with store.read() as connection:
        found = items_of(connection, [item_id])
    if not found:
        raise InputError(f"item_id: there is no item {one_line(item_id, 40)}")
    return found[item_id]


def items_of(connection: Connection, numbers: Sequence[int]) -> dict[int, Item]:
    """Returns those items of some numbers that there are, by their numbers, within a transaction."""
    rows = connection.execute(_OF_NUMBERS, {"items": list(numbers)})
    return {row[0]: _item(row[:-1], row[-1]) for row in rows}


def places(store: Store) -> dict[str, int]:
    """Returns the item of each file that is there, by its path."""
    table = schema.places
    with store.read() as connection:
        found = connection.execute(sa.select(table.c.path, table.c.item_id).where(~table.c.gone).order_by(table.c.path))
        return {row.path: row.item_id for row in found}


def _item(row: Any, path: str | None) -> Item:
    number, digest, part, width, height = row
    return Item(number, digest, None if path is None else Path(path), part, width, height)


_COLUMNS = (
    schema.items.c.id,
    schema.items.c.hash,
    schema.items.c.part,
    schema.items.c.width_px,
    schema.items.c.height_px,
)
_PATH = (
    sa.select(sa.func.min(schema.places.c.path))
    .where(schema.places.c.item_id == schema.items.c.id, ~schema.places.c.gone)
    .scalar_subquery()
)
_OF_NUMBERS = sa.select(*_COLUMNS, _PATH).where(schema.items.c.id.in_(sa.bindparam("items", expanding=True)))
