"""Stages, names of pictures and of their files in the archive, and which client asked. NULL: not known."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Results of before say nothing of it."""
    op.add_column("results", sa.Column("client", sa.Text))
    for name in ("pictured_us", "asked_us", "shown_us", "acknowledged_us"):
        op.add_column("results", sa.Column(name, _WHOLE))
    for name in ("pictures", "images"):
        op.add_column("results", sa.Column(name, sa.Text))
    op.add_column("results", sa.Column("images_kept", sa.Boolean))
