"""What is asked: rounds of questions, each with its reason, and who has which of them in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from askew.errors import InputError, unknown
from askew.project import labels, schema
from askew.project.store import Store, checked_text, ids_of_classes, present

IMPORTED = "import:"
"""The beginning of the strategy of a round that was made of a file; its format follows."""


@dataclass(frozen=True)
class NewQuestion:
    """What is to be asked of an item.

    Attributes:
        item_id: the item.
        score: the strategy's.
        reason: why this item, for people.
        guess: the class that the model thinks of.
        confidence: its probability.
        detail: JSON, such as suspected boxes.
    """

    item_id: int
    score: float | None = None
    reason: str = ""
    guess: str | None = None
    confidence: float | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Question:
    """A question of a round; see `NewQuestion`. `position` counts from 0, the most wanted first."""

    id: int
    round_id: int
    item_id: int
    position: int
    score: float | None
    reason: str
    guess: str | None
    confidence: float | None
    detail: str | None


@dataclass(frozen=True)
class Round:
    """Questions that were chosen together.

    Attributes:
        id: its number.
        at: when.
        strategy, balance, seed: with what they were chosen.
        why: why with that, for people.
        n: how many questions.
        n_labeled: how many items were labelled then.
        training_id: the model that was asked; None before the first one.
    """

    id: int
    at: str
    strategy: str
    balance: str
    why: str
    n: int
    n_labeled: int
    seed: int
    training_id: int | None


def put(
    store: Store,
    questions: Sequence[NewQuestion],
    *,
    strategy: str,
    balance: str = "none",
    why: str = "",
    n_labeled: int,
    seed: int,
    training_id: int | None = None,
) -> Round:
    """Adds a round of questions, the most wanted first.

    Raises:
        InputError: no question, no such item, class or training, or an item that is there twice.
    """
    if not questions:
        raise InputError("questions: there are none")
    of_items = [one.item_id for one in questions]
    if len(set(of_items)) != len(of_items):
        raise InputError("questions: an item is there twice")
    made = {"at": present(), "strategy": strategy, "balance": balance, "why": why, "n": len(questions)}
    made |= {"n_labeled": n_labeled, "seed": seed, "training_id": training_id}
    with store.write() as connection:
        _check(connection, of_items, training_id)
        known = ids_of_classes(connection)
        for one in questions:
            if one.guess is not None and one.guess not in known:
                raise unknown("class", one.guess, known)
        number = connection.execute(schema.rounds.insert().returning(schema.rounds.c.id), made).scalar_one()
        rows = [
            {
                **{name: getattr(one, name) for name in _ASKED},
                "guess": None if one.guess is None else known[one.guess],
                "round_id": number,
                "position": position,
                "answers": 0,
            }
            for position, one in enumerate(questions)
        ]
        connection.execute(schema.questions.insert(), rows)
        told = labels.people(schema.questions.c.item_id)
        connection.execute(schema.questions.update().where(schema.questions.c.round_id == number).values(answers=told))
        return _rounds(connection, schema.rounds.c.id == number)[0]


def hand_out(
    store: Store, who: str, n: int, *, overlap: int = 1, lease_s: float = 120.0, now: datetime | None = None
) -> list[Question]:
    """Leaves up to `n` questions to a person for a while, and returns them.

    What the person has in hand comes first and is left to them anew, then the questions of the newest round, then those
    of the rounds before; of an item that was asked in several rounds the newest question counts. Left out is what has
    answers of `overlap` people, or as many that have it in hand; what this person answered or skipped; and pictures
    that are gone.

    Args:
        store: of the project.
        who: the person.
        n: how many at most.
        overlap: how many people are asked the same.
        lease_s: for how long, in seconds; then the question is another's to answer.
        now: the time; that of the clock if left out.

    Raises:
        InputError: a name that nobody can have, or numbers below 1.
    """
    with store.write(durable=False) as connection:
        return give(connection, who, n, overlap=overlap, lease_s=lease_s, now=now)


def give(
    connection: Connection,
    who: str,
    n: int,
    *,
    overlap: int = 1,
    lease_s: float = 120.0,
    now: datetime | None = None,
) -> list[Question]:
    """Does what `hand_out` does, within a transaction that writes."""
    return give_all(connection, [(who, n)], overlap=overlap, lease_s=lease_s, now=now)[0]


def give_all(
    connection: Connection,
    asks: Sequence[tuple[str, int]],
    *,
    overlap: int = 1,
    lease_s: float = 120.0,
    now: datetime | None = None,
) -> list[list[Question]]:
    """Does what `give` does for several people, each with a number of questions, in their order."""
    if overlap < 1 or not lease_s > 0:
        raise InputError(f"overlap and lease_s: must be above 0, got {overlap} and {lease_s}")
    begun = now or datetime.now(timezone.utc)
    until = present(begun + timedelta(seconds=lease_s))
    connection.execute(_END_OLD, {"time": present(begun)})
    return [_give(connection, who, n, overlap, until) for who, n in asks]


def _give(connection: Connection, who: str, n: int, overlap: int, until: str) -> list[Question]:
    who = checked_text("who", who)
    if n < 1:
        raise InputError(f"n: must be above 0, got {n}")
    about = {"whose": who, "overlap": overlap}
    given = [Question(*row) for row in connection.execute(_HELD_BY, {**about, "most": n})]
    if len(given) < n:
        others = _OPEN if overlap == 1 else _WANTING
        given += [Question(*row) for row in connection.execute(others, {**about, "most": n - len(given)})]
    if given:
        connection.execute(_LEASE, [{"question_id": one.id, "who": who, "until": until} for one in given])
    return given


def skip(store: Store, question_id: int, who: str) -> None:
    """Leaves a question to others: this person is not asked it again.

    Raises:
        InputError: there is no such question.
    """
    who = checked_text("who", who)
    table, leases = schema.skips, schema.leases
    with store.write() as connection:
        if not connection.execute(sa.select(schema.questions.c.id).where(schema.questions.c.id == question_id)).all():
            raise InputError(f"question_id: there is no question {question_id}")
        there = (table.c.question_id == question_id) & (table.c.who == who)
        if not connection.execute(sa.select(table.c.at).where(there)).all():
            connection.execute(table.insert(), {"question_id": question_id, "who": who, "at": present()})
        connection.execute(leases.delete().where((leases.c.question_id == question_id) & (leases.c.who == who)))


def unskip(store: Store, question_id: int, who: str) -> None:
    """Takes back that a person skipped a question; nothing happens if they did not."""
    table = schema.skips
    with store.write() as connection:
        connection.execute(table.delete().where((table.c.question_id == question_id) & (table.c.who == who)))


def item_of(store: Store, question_id: int) -> int | None:
    """Returns the number of the item that a question is about, or None if there is no such question."""
    table = schema.questions
    with store.read() as connection:
        return connection.execute(sa.select(table.c.item_id).where(table.c.id == question_id)).scalar()


def detail_of(store: Store, question_id: int) -> str | None:
    """Returns the detail of a question; None if it has none, or there is no such question."""
    table = schema.questions
    with store.read() as connection:
        return connection.execute(sa.select(table.c.detail).where(table.c.id == question_id)).scalar()


def asks_for_boxes(store: Store) -> bool:
    """Tells whether the newest round asks for boxes, and not for classes."""
    table = schema.questions
    newest = sa.select(sa.func.max(table.c.round_id)).scalar_subquery()
    wanted = sa.select(table.c.id).where(table.c.round_id == newest, table.c.detail.is_not(None)).limit(1)
    with store.read() as connection:
        return connection.execute(wanted).first() is not None


def rounds(store: Store) -> list[Round]:
    """Returns all rounds, the oldest first."""
    with store.read() as connection:
        return _rounds(connection, sa.true())


def open_questions(store: Store) -> list[Question]:
    """Returns the questions whose items have no present label, the newest of each item, in the order of handing out."""
    with store.read() as connection:
        return [Question(*row) for row in connection.execute(_ALL.where(schema.questions.c.answers == 0, NEWEST))]


def all_questions(store: Store) -> list[Question]:
    """Returns all questions, the newest round first."""
    with store.read() as connection:
        return [Question(*row) for row in connection.execute(_ALL)]


def in_hand(store: Store, now: datetime | None = None) -> set[int]:
    """Returns the items of the questions that are left to somebody at a time (now)."""
    table, leases = schema.questions, schema.leases
    held = sa.select(table.c.item_id).join(leases, leases.c.question_id == table.c.id)
    with store.read() as connection:
        return set(connection.execute(held.where(leases.c.until > present(now))).scalars())


def skipped(store: Store) -> set[int]:
    """Returns the questions that somebody skipped."""
    with store.read() as connection:
        return set(connection.execute(sa.select(schema.skips.c.question_id)).scalars())


def n_skipped(store: Store) -> int:
    """Returns how many questions without an answer somebody skipped."""
    table = schema.questions
    skipped = sa.exists().where(schema.skips.c.question_id == table.c.id)
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(table.c.answers == 0, skipped)).scalar_one())


def _check(connection: Connection, items: Sequence[int], training_id: int | None) -> None:
    there: set[int] = set()
    for start in range(0, len(items), labels.CHUNK):
        part = items[start : start + labels.CHUNK]
        there |= set(connection.execute(sa.select(schema.items.c.id).where(schema.items.c.id.in_(part))).scalars())
    absent = [one for one in items if one not in there]
    if absent:
        raise InputError(f"item_id: there is no item {absent[0]}")
    table = schema.trainings
    if training_id is not None and not connection.execute(sa.select(table.c.id).where(table.c.id == training_id)).all():
        raise InputError(f"training_id: there is no training {training_id}")


def _rounds(connection: Connection, which: sa.ColumnElement[bool]) -> list[Round]:
    table = schema.rounds
    columns = [table.c[one.name] for one in fields(Round)]
    return [Round(*row) for row in connection.execute(sa.select(*columns).where(which).order_by(table.c.id))]


_ASKED = ("item_id", "score", "reason", "confidence", "detail")

# Statements are built once: to build one takes longer than to run it.
_TABLE, _LEASES = schema.questions, schema.leases
_ALL = (
    sa.select(*(schema.classes.c.name if one.name == "guess" else _TABLE.c[one.name] for one in fields(Question)))
    .select_from(_TABLE.outerjoin(schema.classes, schema.classes.c.id == _TABLE.c.guess))
    .order_by(_TABLE.c.round_id.desc(), _TABLE.c.position)
)
_WHO: sa.BindParameter[str] = sa.bindparam("whose")
_SAID, _LATER = schema.labels.alias(), schema.labels.alias()
_HELD, _LEFT, _NEWER = schema.questions.alias(), schema.questions.alias(), schema.questions.alias()
NEWEST = ~sa.exists().where(_NEWER.c.item_id == _TABLE.c.item_id, _NEWER.c.round_id > _TABLE.c.round_id)
"""What tells the newest question of each item: it takes the place of those before it."""
_OTHERS = sa.select(sa.func.count(_LEASES.c.who.distinct())).where(
    _HELD.c.item_id == _TABLE.c.item_id, _LEASES.c.question_id == _HELD.c.id, _LEASES.c.who != _WHO
)
_SKIPPED = sa.exists().where(
    _LEFT.c.item_id == _TABLE.c.item_id, schema.skips.c.question_id == _LEFT.c.id, schema.skips.c.who == _WHO
)
_ANSWERED = sa.exists().where(
    _SAID.c.item_id == _TABLE.c.item_id,
    _SAID.c.who == _WHO,
    _SAID.c.kind != "withdrawn",
    ~sa.exists().where(_LATER.c.item_id == _SAID.c.item_id, _LATER.c.who == _WHO, _LATER.c.id > _SAID.c.id),
)
_THERE = sa.exists().where(schema.places.c.item_id == _TABLE.c.item_id, ~schema.places.c.gone)
_IN_HAND = sa.exists().where(_LEASES.c.question_id == _TABLE.c.id, _LEASES.c.who == _WHO)
_FOR = _ALL.where(
    _TABLE.c.answers + _OTHERS.scalar_subquery() < sa.bindparam("overlap"), NEWEST, ~_SKIPPED, ~_ANSWERED, _THERE
).limit(sa.bindparam("most"))
_HELD_BY = _FOR.where(_TABLE.c.id.in_(sa.select(_LEASES.c.question_id).where(_LEASES.c.who == _WHO)))
"""The questions that a person has in hand."""
_WANTING = _FOR.where(_TABLE.c.answers < sa.bindparam("overlap"), ~_IN_HAND)
"""Those beside them that the person may be given."""
_OPEN = _FOR.where(_TABLE.c.answers == 0, ~_IN_HAND)
"""The same without overlap: the index has them in this order, so that no more are read than are given."""
_END_OLD = _LEASES.delete().where(_LEASES.c.until <= sa.bindparam("time"))
_LEASE = sa.text(
    "INSERT INTO leases (question_id, who, until) VALUES (:question_id, :who, :until) "
    "ON CONFLICT (question_id, who) DO UPDATE SET until = excluded.until"
)
"""Leaves questions to a person, anew if they are in hand already."""
