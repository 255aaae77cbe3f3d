"""Results are found by the number that the PLC has of them."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Over 1,000,000 results this takes some seconds, once."""
    op.create_index("results_by_seq", "results", ["station", "result_seq", "answered"])
