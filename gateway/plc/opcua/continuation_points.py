"""Continuation points: where a session's browses and history reads stand that are not at their end (Part 4, 7.9)."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MOST_POINTS = 100
"""For each session, of browses and of history reads. As many as nodes in one HistoryRead, so that each can go on."""

_Read = TypeVar("_Read")


@dataclass(slots=True)
class Points(Generic[_Read]):
    """Of one session; with it they end. A point is good for one use: what follows has a point of its own."""

    _open: OrderedDict[bytes, _Read] = field(default_factory=OrderedDict)

    def keep(self, read: _Read, request: set[bytes]) -> bytes | None:
        """A point for this read, added to those of this `request`; None where these alone are too many.

        A point of an earlier request gives way, the oldest first.
        """
        if len(request) >= MOST_POINTS:
            return None
        while len(self._open) >= MOST_POINTS:
            oldest = next(point for point in self._open if point not in request)
            del self._open[oldest]
        point = secrets.token_bytes(16)
        self._open[point] = read
        request.add(point)
        return point

    def take(self, point: bytes) -> _Read | None:
        """The read that stands there, and the point is none any more; None where it is unknown."""
        return self._open.pop(point, None)

    def put_back(self, point: bytes, read: _Read) -> None:
        """The read could not go on now; its point stays good, if there is still a place."""
        if len(self._open) < MOST_POINTS:
            self._open[point] = read

    def clear(self) -> None:
        """The session is over."""
        self._open.clear()
