"""What people answered. Rows are only added: a correction is a new row, and so is what takes an answer back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from askew.errors import InputError, one_line, unknown
from askew.project import schema
from askew.project.store import Store, checked_text, ids_of_classes, present

KINDS = ("class", "cannot_tell", "boxes", "withdrawn")

RETURNED_SECONDS = 120.0
"""For how long a question whose answer was taken back is left to who did so."""

MOST_DETAIL = 1_000_000
"""Characters of a label's detail."""

CHUNK = 500
"""How many answers go to the database at a time."""


@dataclass(frozen=True)
class Answer:
    """What somebody says of an item.

    Attributes:
        item_id: the item.
        kind: "class", "cannot_tell", "boxes", or "withdrawn", which takes back what `who` said before.
        class_name: of the kind "class".
        detail: JSON, such as the boxes.
        who: a name; empty if unknown.
        how: "page", "import", …
        question_id: the question that it answers.
        key: made by who sends it, new for every answer; the same answer sent twice is one label.
        at: when, in ISO 8601; now if left out.
    """

    item_id: int
    kind: str
    class_name: str | None = None
    detail: str | None = None
    who: str = ""
    how: str = "page"
    question_id: int | None = None
    key: str | None = None
    at: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        if (self.class_name is not None) != (self.kind == "class"):
            raise InputError(f"class_name: {self.class_name!r} with the kind {self.kind!r}: only 'class' has one")
        if self.kind == "boxes" and self.detail is None:
            raise InputError("detail: is missing: boxes are JSON")
        for name in ("who", "how", "key"):
            value = getattr(self, name)
            if value is not None and checked_text(name, value) != value:
                raise InputError(f"{name}: {one_line(repr(value), 60)} has space around it: take it out")
        for name in ("item_id", "question_id"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value < 2**31):
                raise InputError(f"{name}: expected a number of the store, got {one_line(repr(value), 40)}")
        _check_detail(self.detail)
        if self.at is not None:
            object.__setattr__(self, "at", _time(self.at))


def _check_detail(detail: str | None) -> None:
    if detail is None:
        return
    if len(detail) > MOST_DETAIL:
        raise InputError(f"detail: has {len(detail)} characters: at most {MOST_DETAIL}")
    try:
        json.loads(detail)
    except (ValueError, RecursionError) as error:
        raise InputError(f"detail: {one_line(detail, 60)!r} is no JSON: {one_line(error, 80)}") from error
    try:
        detail.encode()
    except UnicodeEncodeError as error:
        raise InputError("detail: has characters that are none of Unicode: write them as escapes") from error


def _time(text: str) -> str:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
        return present(at if at.tzinfo else at.replace(tzinfo=timezone.utc))
    except (ValueError, OverflowError) as error:
        raise InputError(f"at: {one_line(repr(text), 60)} is no time in ISO 8601") from error


@dataclass(frozen=True)
class Label:
    """A row of what was said; see `Answer`. `replaces` is the row of the same person on this item before it."""

    id: int
    item_id: int
    kind: str
    class_name: str | None
    detail: str | None
    who: str
    how: str
    at: str
    question_id: int | None
    key: str | None = None
    replaces: int | None = None


def record(store: Store, answers: Sequence[Answer]) -> list[Label]:
    """Adds labels in one transaction and returns their rows; they are on the disk when this returns.

    An answer whose key was seen before gives the row of then, and nothing is added.

    Raises:
        InputError: no such item, class or question, or a question about another item; nothing is added then.
    """
    with store.write() as connection:
        return _add(connection, answers)


def record_after(store: Store, look: Callable[[], Sequence[Answer]]) -> list[Label]:
    """Does what `record` does with the answers that `look` returns; nobody writes between what it reads and their rows.

    Raises:
        InputError: see `record`.
    """
    with store.write() as connection:
        return _add(connection, look())


def withdraw(store: Store, who: str, key: str | None = None) -> Label | None:
    """Takes back a person's newest label that stands, or the one of a key; returns the row that does so.

    The question is left to that person for two minutes. None if there is no such label, or it was changed since.
    """
    with store.write() as connection:
        row = connection.execute(_STANDING, {"whose": who, "wanted": key}).one_or_none()
        if row is None:
            return None
        answer = Answer(row.item_id, "withdrawn", who=who, how="undo", question_id=row.question_id)
        (made,) = _add(connection, [answer])
        if row.question_id is not None:
            until = present(datetime.now(timezone.utc) + timedelta(seconds=RETURNED_SECONDS))
            lease = {"question_id": row.question_id, "who": who, "until": until}
            connection.execute(schema.leases.insert(), lease)
        return made


def current(store: Store) -> dict[int, Label]:
    """Returns the present label of each item that has one, by the item's number.

    Of each person the newest row counts; one that was taken back uncovers nothing. Between people the newest counts.
    """
    with store.read() as connection:
        rows = [Label(*row) for row in connection.execute(_CURRENT)]
    return {row.item_id: row for row in rows}


def history(store: Store) -> list[Label]:
    """Returns all rows, the oldest first."""
    with store.read() as connection:
        return [Label(*row) for row in connection.execute(_ALL)]


def count_since(store: Store, label_id: int) -> int:
    """Returns how many rows were added after one (after 0: all)."""
    count = sa.select(sa.func.count()).where(schema.labels.c.id > label_id)
    with store.read() as connection:
        return int(connection.execute(count).scalar_one())


def newest_id(store: Store) -> int:
    """Returns the number of the newest row; 0 before the first one."""
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.max(schema.labels.c.id))).scalar() or 0)


def _add(connection: Connection, answers: Sequence[Answer]) -> list[Label]:
    """Adds what is new of some answers, and returns the rows of all.

    The numbers of rows are counted here, since nobody else writes; so rows that replace each other go in at once.
    """
    known = ids_of_classes(connection)
    last = connection.execute(_LAST).scalar_one()
    found: list[Label] = []
    for start in range(0, len(answers), CHUNK):
        part = answers[start : start + CHUNK]
        _check(connection, part, known)
        rows = _rows(connection, part, last)
        new = [row for row in {row.id: row for row in rows}.values() if row.id > last]
        if new:
            kept = [{name: getattr(row, name) for name in _KEPT} for row in new]
            numbers = [None if row.class_name is None else known[row.class_name] for row in new]
            connection.execute(
                schema.labels.insert(), [{**row, "class_id": one} for row, one in zip(kept, numbers, strict=True)]
            )
            connection.execute(_COUNT, {"items": list({row.item_id for row in new})})
            connection.execute(_END_LEASES, [{"about": row.item_id, "whose": row.who} for row in new])
            last = new[-1].id
        found += rows
    return found


def _check(connection: Connection, answers: Sequence[Answer], known: Mapping[str, int]) -> None:
    items = {one.item_id for one in answers}
    absent = items - set(connection.execute(_ITEMS, {"items": list(items)}).scalars())
    if absent:
        raise InputError(f"item_id: there is no item {min(absent)}")
    asked = [one.question_id for one in answers if one.question_id is not None]
    rows = connection.execute(_QUESTIONS, {"questions": asked}).all() if asked else []
    about = {row.id: row.item_id for row in rows}
    for one in answers:
        if one.class_name is not None and one.class_name not in known:
            raise unknown("class", one.class_name, known)
        if one.question_id is not None and about.get(one.question_id) != one.item_id:
            raise InputError(f"question_id: {one.question_id} is no question about item {one.item_id}")


def _rows(connection: Connection, answers: Sequence[Answer], last: int) -> list[Label]:
    """Returns the row of each answer: one that is there, by the key, or a new one, numbered after the last."""
    keys = [one.key for one in answers if one.key is not None]
    old = [Label(*row) for row in connection.execute(_OF_KEYS, {"keys": keys})] if keys else []
    seen = {row.key: row for row in old}
    newest = connection.execute(_NEWEST_OF_ITEMS, {"items": list({one.item_id for one in answers})})
    before = {(row.item_id, row.who): row.newest for row in newest}
    now, found = present(), []
    for one in answers:
        if one.key is not None and one.key in seen:
            found.append(seen[one.key])
            continue
        last += 1
        about = (one.item_id, one.who)
        said = (one.kind, one.class_name, one.detail, one.who, one.how)
        row = Label(last, one.item_id, *said, one.at or now, one.question_id, one.key, before.get(about))
        before[about] = last
        if one.key is not None:
            seen[one.key] = row
        found.append(row)
    return found


def people(item_id: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    """Returns the query that counts the people of whom an item has a present label."""
    table, newer = schema.labels.alias(), schema.labels.alias()
    later = sa.exists().where(newer.c.item_id == table.c.item_id, newer.c.who == table.c.who, newer.c.id > table.c.id)
    counted = sa.select(sa.func.count()).where(table.c.item_id == item_id, table.c.kind != "withdrawn", ~later)
    return counted.scalar_subquery()


# Statements are built once: to build one takes longer than to run it.
_TABLE = schema.labels
_FIELDS = tuple(one.name for one in fields(Label))
_KEPT = tuple(name for name in _FIELDS if name != "class_name")
_ALL = (
    sa.select(*(schema.classes.c.name if name == "class_name" else _TABLE.c[name] for name in _FIELDS))
    .select_from(_TABLE.outerjoin(schema.classes, schema.classes.c.id == _TABLE.c.class_id))
    .order_by(_TABLE.c.id)
)
_OF_KEYS = _ALL.where(_TABLE.c.key.in_(sa.bindparam("keys", expanding=True)))
_NEWEST = sa.select(sa.func.max(_TABLE.c.id).label("id")).group_by(_TABLE.c.item_id, _TABLE.c.who).subquery()
_CURRENT = _ALL.where(
    _TABLE.c.id.in_(
        sa.select(sa.func.max(_TABLE.c.id))
        .join(_NEWEST, _NEWEST.c.id == _TABLE.c.id)
        .where(_TABLE.c.kind != "withdrawn")
        .group_by(_TABLE.c.item_id)
    )
)
_LATER = _TABLE.alias()
_STANDING = (
    sa.select(_TABLE.c.item_id, _TABLE.c.question_id)
    .where(
        _TABLE.c.who == sa.bindparam("whose"),
        _TABLE.c.kind != "withdrawn",
        sa.or_(sa.cast(sa.bindparam("wanted"), sa.Text).is_(None), _TABLE.c.key == sa.bindparam("wanted")),
        ~sa.exists().where(
            _LATER.c.item_id == _TABLE.c.item_id, _LATER.c.who == _TABLE.c.who, _LATER.c.id > _TABLE.c.id
        ),
    )
    .order_by(_TABLE.c.id.desc())
    .limit(1)
)
_LAST = sa.select(sa.func.coalesce(sa.func.max(_TABLE.c.id), 0))
_ITEMS = sa.select(schema.items.c.id).where(schema.items.c.id.in_(sa.bindparam("items", expanding=True)))
_QUESTIONS = sa.select(schema.questions.c.id, schema.questions.c.item_id).where(
    schema.questions.c.id.in_(sa.bindparam("questions", expanding=True))
)
_NEWEST_OF_ITEMS = (
    sa.select(_TABLE.c.item_id, _TABLE.c.who, sa.func.max(_TABLE.c.id).label("newest"))
    .where(_TABLE.c.item_id.in_(sa.bindparam("items", expanding=True)))
    .group_by(_TABLE.c.item_id, _TABLE.c.who)
)
_COUNT = (
    schema.questions.update()
    .where(schema.questions.c.item_id.in_(sa.bindparam("items", expanding=True)))
    .values(answers=people(schema.questions.c.item_id))
)
"""Writes to the questions about some items of how many people they have a present label."""
_ASKED = sa.select(schema.questions.c.id).where(schema.questions.c.item_id == sa.bindparam("about"))
_END_LEASES = schema.leases.delete().where(
    schema.leases.c.question_id.in_(_ASKED), schema.leases.c.who == sa.bindparam("whose")
)
"""Takes the questions about an item out of the hands of who has answered it."""
