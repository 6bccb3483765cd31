"""What was trained: each model's file and what it measured on the part that is kept for the test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from askew.errors import InputError
from askew.project import schema
from askew.project.store import Store, present


@dataclass(frozen=True)
class Training:
    """A model that was trained.

    Attributes:
        id: its number.
        at: when it was done.
        seconds: how long it took.
        n_labeled: how many labelled items of the pool it was trained on.
        n_test: how many labelled items it was measured on.
        file: of the model, relative to the project's folder.
        features: the source of its features.
        metrics: what was measured, such as accuracy; values that JSON can hold.
        last_label_id: the newest row of labels that it knew.
    """

    id: int
    at: str
    seconds: float
    n_labeled: int
    n_test: int
    file: str
    features: str
    metrics: Mapping[str, Any]
    last_label_id: int


def add(
    store: Store,
    *,
    seconds: float,
    n_labeled: int,
    n_test: int,
    file: str,
    features: str,
    metrics: Mapping[str, Any],
    last_label_id: int,
) -> Training:
    """Adds a training that is done.

    Raises:
        InputError: metrics that JSON cannot hold, such as a number that is not finite.
    """
    try:
        measured = json.dumps(metrics, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"metrics: {error}") from error
    row = {"at": present(), "seconds": seconds, "n_labeled": n_labeled, "n_test": n_test, "file": file}
    row |= {"features": features, "metrics": measured, "last_label_id": last_label_id}
    table = schema.trainings
    with store.write() as connection:
        return _training(connection.execute(table.insert().returning(table), row).one())


def trainings(store: Store) -> list[Training]:
    """Returns all trainings, the oldest first."""
    with store.read() as connection:
        return [_training(row) for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.id))]


def latest(store: Store) -> Training | None:
    """Returns the newest training, or None before the first one."""
    with store.read() as connection:
        row = connection.execute(sa.select(_TABLE).order_by(_TABLE.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _training(row)


def _training(row: sa.Row[Any]) -> Training:
    return Training(**{**row._mapping, "metrics": json.loads(row.metrics)})


_TABLE = schema.trainings
