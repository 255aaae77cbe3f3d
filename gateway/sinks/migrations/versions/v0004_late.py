"""Answers that came after the decision deadline. NULL: it is the answer that was given."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Before, they were dropped."""
    op.add_column("results", sa.Column("late", sa.Boolean))
