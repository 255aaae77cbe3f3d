"""Moments of the wall clock (UTC): as numbers, in which they are kept and compared, and as times for people."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT_AS_FLOAT = 1 << 52


def microseconds(moment: datetime) -> int:
    """Since 1970 in UTC."""
    return (moment - EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The other way round."""
    if 0 <= value < _EXACT_AS_FLOAT:
        return datetime.fromtimestamp(value / 1e6, UTC)  # in half the time
    return EPOCH + timedelta(microseconds=value)  # a clock that is wrong by a century
