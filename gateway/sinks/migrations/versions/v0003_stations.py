"""What a station goes on with after a restart: numbers, counters, what the PLC has not taken, what is in flight."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Before, everything began at 0."""
    op.create_table(
        "stations",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("next_id", _WHOLE, nullable=False),
        sa.Column("result_seq", _WHOLE, nullable=False),
        sa.Column("shown_seq", _WHOLE, nullable=False),
        sa.Column("trigger_seq", _WHOLE, nullable=False),
        sa.Column("error_count", _WHOLE, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("buffered", sa.Boolean, nullable=False),
        sa.Column("owed", sa.Text, nullable=False),
        sa.Column("flight", sa.Text, nullable=False),
    )
