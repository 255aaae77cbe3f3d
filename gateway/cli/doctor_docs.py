"""What doctor looks at, for the documentation."""

from gateway.cli.doctor.examination import CHECKS


def checks_table() -> str:
    """Every check, and what it asks."""
    rows = [f"| `{check.name}` | {check.asks} |" for check in CHECKS]
    return "\n".join(["| Check | Asks |", "|---|---|", *rows]) + "\n"
