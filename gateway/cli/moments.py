"""Moments as a person types them: a time, or how long ago it was."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhdw])")


def moment(words: str, now: datetime) -> datetime:
    """`2026-01-31`, `2026-01-31T06:00+01:00`, or an age before `now`: `90s`, `15m`, `2h`, `3d`, `1w`.

    A time without a zone is UTC, as every time that the gateway shows. Raises ValueError.
    """
    age = _AGE.fullmatch(words.strip())
    try:
        if age is not None:
            return now - timedelta(**{_UNITS[age[2]]: float(age[1])})
        told = datetime.fromisoformat(words.strip())
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{words!r} is no time, as 2026-01-31T06:00, and no age, as 2h or 3d") from error


def shown(at: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond, as the history keeps it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
