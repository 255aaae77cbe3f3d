"""Whose an acceptance page is: the database's own name, and how new what was noted of a station is."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What was noted before is older than all that any page knows."""
    op.add_column("stations", sa.Column("revision", _WHOLE))
    identity = op.create_table("journal_identity", sa.Column("identity", sa.Text, primary_key=True))
    op.bulk_insert(identity, [{"identity": uuid.uuid4().hex}])
