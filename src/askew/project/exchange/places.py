"""Where a project's pictures lie, from its store."""

from __future__ import annotations

import sqlalchemy as sa

from askew.project import schema
from askew.project.exchange.matching import Place
from askew.project.store import Store


def places_of(store: Store) -> list[Place]:
    """Returns all files of all items, those that are gone too, by the items' numbers and the paths."""
    items, places = schema.items.c, schema.places.c
    columns = (items.id, items.hash, items.width_px, items.height_px, places.path, places.gone)
    joined = schema.places.join(schema.items, places.item_id == items.id)
    with store.read() as connection:
        rows = connection.execute(sa.select(*columns).select_from(joined).order_by(items.id, places.path))
        return [
            Place(number, digest, (width, height), path, gone) for number, digest, width, height, path, gone in rows
        ]
