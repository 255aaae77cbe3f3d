"""How single values stand in the history: in its database, and in acceptance pages."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter

from gateway.core.counts import Counts
from gateway.records import EPOCH

_MICROSECOND = timedelta(microseconds=1)
_EXACT_AS_FLOAT = 1 << 52
listed_counts = attrgetter(*Counts.__slots__)
"""Fields in their order. dataclasses.astuple copies each value deeply, and takes many times as long."""


def microseconds(moment: datetime) -> int:
    """Since 1970 in UTC."""
    return (moment - EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The other way round."""
    if 0 <= value < _EXACT_AS_FLOAT:
        return datetime.fromtimestamp(value / 1e6, UTC)  # in half the time
    return EPOCH + timedelta(microseconds=value)  # a clock that is wrong by a century


def text(value: str) -> str:
    """As the database can keep it."""
    return value if value.isascii() else value.encode(errors="replace").decode()


def without_nul(value: str) -> str:
    """As `Words` has it where there is no zero character."""
    return value.replace("\0", "?") if "\0" in value else value
