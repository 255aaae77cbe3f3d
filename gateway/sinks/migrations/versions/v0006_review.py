"""Who was asked about a part in doubt, and decided what. NULL: nobody was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Results of before were answered at once."""
    op.add_column("results", sa.Column("review", sa.Text))
