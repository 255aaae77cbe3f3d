"""Where an answer is in SQLite until it is filed among the results; a step that changes these changes it too."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A server files at once."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "arrivals",
        sa.Column("number", _WHOLE, primary_key=True),
        sa.Column("result_id", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("answered", _WHOLE, nullable=False),
        sa.Column("accepted", _WHOLE, nullable=False),
        sa.Column("exposed_us", _WHOLE),
        sa.Column("total_us", _WHOLE, nullable=False),
        sa.Column("accepted_at", _WHOLE, nullable=False),
        sa.Column("inspection_id", _WHOLE, nullable=False),
        sa.Column("result_seq", _WHOLE, nullable=False),
        sa.Column("trigger_seq", _WHOLE, nullable=False),
        sa.Column("part_id", sa.Text, nullable=False),
        sa.Column("recipe", _WHOLE, nullable=False),
        sa.Column("recipe_name", sa.Text, nullable=False),
        sa.Column("verdict", _WHOLE, nullable=False),
        sa.Column("reason", _WHOLE, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("inspector_us", _WHOLE, nullable=False),
        sa.Column("detections", sa.Text, nullable=False),
        sa.Column("user_values", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("presented", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("meas_id", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("views", sa.Text),
        sa.Column("late", sa.Boolean),
        sa.Column("client", sa.Text),
        sa.Column("pictured_us", _WHOLE),
        sa.Column("asked_us", _WHOLE),
        sa.Column("shown_us", _WHOLE),
        sa.Column("acknowledged_us", _WHOLE),
        sa.Column("pictures", sa.Text),
        sa.Column("images", sa.Text),
        sa.Column("images_kept", sa.Boolean),
        sa.Column("review", sa.Text),
        sa.Column("notes", sa.Text),
    )
