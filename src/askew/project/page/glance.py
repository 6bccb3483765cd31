"""How a project stands, for the page: what is labelled, by whom, and what the model makes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from askew.project import schema
from askew.project.questions import NEWEST
from askew.project.store import Store, ids_of_classes
from askew.project.trainings import Training, trainings

FRESH_SECONDS = 1.0
"""For how long what another process wrote may stay unseen, so that many pages cost hardly more than one."""

FEWEST_TEST = 10
"""An accuracy measured on fewer test pictures is not shown: it would say nothing."""


@dataclass(frozen=True)
class Standing:
    """How a project stands.

    Attributes:
        classes: their names in order.
        items: how many pictures there are; `labelled` of them have an answer that stands.
        by: of how many items each person's newest answer stands.
        open: how many questions can still be answered.
        unlabelled: how many pictures of the pool have no answer and are still there; counted only where none is open.
        round: of the newest round, how many questions it has and how many are answered; None before the first.
        trained: all trainings, the oldest first.
    """

    classes: tuple[str, ...]
    items: int
    labelled: int
    by: dict[str, int]
    open: int
    unlabelled: int | None
    round: dict[str, int] | None
    trained: tuple[Training, ...]

    def told(self, who: str) -> dict[str, Any]:
        """Returns it as JSON for one person."""
        measured = [
            (one, one.metrics) for one in self.trained if one.n_test >= FEWEST_TEST and "accuracy" in one.metrics
        ]
        return {
            "classes": self.classes,
            "items": self.items,
            "labelled": self.labelled,
            "by_you": self.by.get(who, 0),
            "unlabelled": self.unlabelled,
            "open": self.open,
            "round": self.round,
            "training": None if not measured else _told(*measured[-1]),
            "curve": [(one.n_labeled, metrics["accuracy"]) for one, metrics in measured],
        }


def _told(training: Training, metrics: Any) -> dict[str, Any]:
    return {
        "n_labeled": training.n_labeled,
        "n_test": training.n_test,
        **{name: metrics.get(name) for name in ("accuracy", "low", "high")},
    }


class Glance:
    """Looks at the store when this process has written, and once a second at most otherwise, whoever asks."""

    def __init__(self, store: Store, written: Callable[[], int]) -> None:
        self._store, self._written = store, written
        self._looking = asyncio.Lock()
        self._seen: tuple[float, int, Standing] | None = None

    async def standing(self) -> Standing:
        """Returns how the project stands, with every write of this process that is over."""
        async with self._looking:
            now, written = time.monotonic(), self._written()
            if self._seen is None or self._seen[1] != written or now - self._seen[0] > FRESH_SECONDS:
                self._seen = now, written, await run_in_threadpool(standing, self._store)
            return self._seen[2]


def standing(store: Store) -> Standing:
    """Reads how a project stands."""
    trained = tuple(trainings(store))
    with store.read() as connection:
        labelled, by = _labelled(connection)
        n_open = _count(
            connection,
            schema.questions,
            sa.and_(schema.questions.c.answers == 0, NEWEST, _there(schema.questions.c.item_id)),
        )
        return Standing(
            classes=tuple(ids_of_classes(connection)),
            items=_count(connection, schema.items, sa.true()),
            labelled=labelled,
            by=by,
            open=n_open,
            unlabelled=None if n_open else _unlabelled(connection),
            round=_round(connection),
            trained=trained,
        )


def _labelled(connection: Connection) -> tuple[int, dict[str, int]]:
    table = schema.labels
    newest = sa.select(sa.func.max(table.c.id).label("id")).group_by(table.c.item_id, table.c.who).subquery()
    stands = sa.select(table.c.item_id, table.c.who).join(newest, newest.c.id == table.c.id)
    rows = stands.where(table.c.kind != "withdrawn").subquery()
    total = connection.execute(sa.select(sa.func.count(rows.c.item_id.distinct()))).scalar_one()
    by = connection.execute(sa.select(rows.c.who, sa.func.count()).group_by(rows.c.who))
    return int(total), {who: int(n) for who, n in by}


def _unlabelled(connection: Connection) -> int:
    items, said, newer = schema.items, schema.labels.alias(), schema.labels.alias()
    later = sa.exists().where(newer.c.item_id == said.c.item_id, newer.c.who == said.c.who, newer.c.id > said.c.id)
    answered = sa.exists().where(said.c.item_id == items.c.id, said.c.kind != "withdrawn", ~later)
    return _count(connection, items, sa.and_(items.c.part == "pool", ~answered, _there(items.c.id)))


def _there(item_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Returns what tells the items of which a file is still there."""
    return sa.exists().where(schema.places.c.item_id == item_id, ~schema.places.c.gone)


def _round(connection: Connection) -> dict[str, int] | None:
    table = schema.questions
    newest = connection.execute(sa.select(sa.func.max(table.c.round_id))).scalar()
    if newest is None:
        return None
    mine = table.c.round_id == newest
    n = _count(connection, table, mine)
    return {"n": n, "answered": _count(connection, table, mine & (table.c.answers > 0))}


def _count(connection: Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one())
