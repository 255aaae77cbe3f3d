"""Several views of one part: the judgement of each, as JSON. NULL where there is only one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Results of before had one view."""
    op.add_column("results", sa.Column("views", sa.Text))
