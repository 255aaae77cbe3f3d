"""How single values stand in the history: in its database, and in acceptance pages."""

from operator import attrgetter

from gateway.core.counts import Counts

listed_counts = attrgetter(*Counts.__slots__)
"""Fields in their order. dataclasses.astuple copies each value deeply, and takes many times as long."""


def text(value: str) -> str:
    """As the database can keep it."""
    return value if value.isascii() else value.encode(errors="replace").decode()


def without_nul(value: str) -> str:
    """As `Words` has it where there is no zero character."""
    return value.replace("\0", "?") if "\0" in value else value
