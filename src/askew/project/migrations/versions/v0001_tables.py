"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes them, and lets labels be added only."""
    _things()
    _asked()
    _answered()
    _only_added()


def _things() -> None:
    op.create_table(
        "classes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("added", sa.Text, nullable=False),
        sa.CheckConstraint("part IN ('pool', 'test')", name="items_part"),
    )
    op.create_table(
        "places",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("item_id", sa.Integer, sa.ForeignKey("items.id"), nullable=False),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
    )
    op.create_index("places_of_item", "places", ["item_id"])
    op.create_table(
        "unreadable",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
    )


def _asked() -> None:
    op.create_table(
        "trainings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("n_labeled", sa.Integer, nullable=False),
        sa.Column("n_test", sa.Integer, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("last_label_id", sa.Integer, nullable=False),
    )
    op.create_table(
        "rounds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("balance", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("n_labeled", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("training_id", sa.Integer, sa.ForeignKey("trainings.id")),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("round_id", sa.Integer, sa.ForeignKey("rounds.id"), nullable=False),
        sa.Column("item_id", sa.Integer, sa.ForeignKey("items.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("guess", sa.Integer, sa.ForeignKey("classes.id")),
        sa.Column("confidence", sa.Float),
        sa.Column("detail", sa.Text),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.UniqueConstraint("round_id", "item_id", name="questions_once_a_round"),
    )
    op.create_index("questions_open", "questions", ["answers", sa.text("round_id DESC"), "position"])
    op.create_index("questions_of_item", "questions", ["item_id"])


def _answered() -> None:
    for name, last in (("leases", "until"), ("skips", "at")):
        op.create_table(
            name,
            sa.Column("question_id", sa.Integer, sa.ForeignKey("questions.id"), primary_key=True),
            sa.Column("who", sa.Text, primary_key=True),
            sa.Column(last, sa.Text, nullable=False),
        )
    op.create_table(
        "labels",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("item_id", sa.Integer, sa.ForeignKey("items.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("class_id", sa.Integer, sa.ForeignKey("classes.id")),
        sa.Column("detail", sa.Text),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("question_id", sa.Integer, sa.ForeignKey("questions.id")),
        sa.Column("key", sa.Text, unique=True),
        sa.Column("replaces", sa.Integer, sa.ForeignKey("labels.id")),
        sa.CheckConstraint("kind IN ('class', 'cannot_tell', 'boxes', 'withdrawn')", name="labels_kind"),
        sa.CheckConstraint("(kind = 'class') = (class_id IS NOT NULL)", name="labels_class"),
    )
    op.create_index("labels_of_item", "labels", ["item_id", "who", "id"])
    op.create_index("labels_of_person", "labels", ["who", "id"])


def _only_added() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER labels_no_{what.lower()} BEFORE {what} ON labels "
                "BEGIN SELECT RAISE(ABORT, 'labels are only added'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION labels_only_added() RETURNS trigger AS "
        "$$ BEGIN RAISE EXCEPTION 'labels are only added'; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        "CREATE TRIGGER labels_only_added BEFORE UPDATE OR DELETE ON labels "
        "FOR EACH STATEMENT EXECUTE FUNCTION labels_only_added()"
    )
