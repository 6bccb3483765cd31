"""Size and time of change of files that cannot be read, so that they are read again only once they have changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds both, unknown of the files that are there: those are read once more."""
    op.add_column("unreadable", sa.Column("size", sa.BigInteger))
    op.add_column("unreadable", sa.Column("mtime_ns", sa.BigInteger))
