"""The table of results, as the first gateways made it. Never changed again: what comes later has its own step."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make it in an empty database."""
    op.create_table(
        "results",
        sa.Column("number", _WHOLE, primary_key=True, autoincrement=True),
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
        sqlite_autoincrement=True,
    )
    op.create_index("results_by_time", "results", ["station", "answered"])
    op.create_index("results_by_age", "results", ["answered"])
    op.create_index("results_by_id", "results", ["station", "result_id"])
    op.create_index("results_by_part", "results", ["station", "part_id", "answered"])
    op.create_index("results_by_verdict", "results", ["station", "verdict", "answered"])
    with_job = sa.text("job_id != ''")
    op.create_index(
        "results_by_job",
        "results",
        ["station", "job_id", "answered"],
        sqlite_where=with_job,
        postgresql_where=with_job,
    )
