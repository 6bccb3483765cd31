"""The tables of a project's store; `migrations/` makes them, and a test holds the two against each other."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "0002"
"""The newest migration: a store of another version is brought to it, or refused where it is newer."""

METADATA = MetaData()

classes = Table(
    "classes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("position", Integer, nullable=False),
)

items = Table(
    "items",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("part", Text, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("added", Text, nullable=False),
    CheckConstraint("part IN ('pool', 'test')", name="items_part"),
)

places = Table(
    "places",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("item_id", Integer, ForeignKey("items.id"), nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("seen", Text, nullable=False),
    Column("gone", Boolean, nullable=False),
    Index("places_of_item", "item_id"),
)

unreadable = Table(
    "unreadable",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("reason", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("size", BigInteger),
    Column("mtime_ns", BigInteger),
)

trainings = Table(
    "trainings",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("n_labeled", Integer, nullable=False),
    Column("n_test", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Column("features", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("last_label_id", Integer, nullable=False),
)

rounds = Table(
    "rounds",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("balance", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("n_labeled", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("training_id", Integer, ForeignKey("trainings.id")),
)

questions = Table(
    "questions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("round_id", Integer, ForeignKey("rounds.id"), nullable=False),
    Column("item_id", Integer, ForeignKey("items.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("score", Float),
    Column("reason", Text, nullable=False),
    Column("guess", Integer, ForeignKey("classes.id")),
    Column("confidence", Float),
    Column("detail", Text),
    Column("answers", Integer, nullable=False),
    UniqueConstraint("round_id", "item_id", name="questions_once_a_round"),
    Index("questions_of_item", "item_id"),
)
Index("questions_open", questions.c.answers, questions.c.round_id.desc(), questions.c.position)
"""`answers`: of how many people the item has a present label; `labels` keeps it with every row that it adds."""

leases = Table(
    "leases",
    METADATA,
    Column("question_id", Integer, ForeignKey("questions.id"), primary_key=True),
    Column("who", Text, primary_key=True),
    Column("until", Text, nullable=False),
)

skips = Table(
    "skips",
    METADATA,
    Column("question_id", Integer, ForeignKey("questions.id"), primary_key=True),
    Column("who", Text, primary_key=True),
    Column("at", Text, nullable=False),
)

labels = Table(
    "labels",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("item_id", Integer, ForeignKey("items.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("class_id", Integer, ForeignKey("classes.id")),
    Column("detail", Text),
    Column("who", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("question_id", Integer, ForeignKey("questions.id")),
    Column("key", Text, unique=True),
    Column("replaces", Integer, ForeignKey("labels.id")),
    CheckConstraint("kind IN ('class', 'cannot_tell', 'boxes', 'withdrawn')", name="labels_kind"),
    CheckConstraint("(kind = 'class') = (class_id IS NOT NULL)", name="labels_class"),
    Index("labels_of_item", "item_id", "who", "id"),
    Index("labels_of_person", "who", "id"),
)
