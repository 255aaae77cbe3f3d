"""Who is told of what happens at a station, in the order in which they came."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Listeners(Generic[T]):
    """Callbacks; one may end itself or others while they are called."""

    def __init__(self) -> None:
        self._callbacks: dict[int, Callable[[T], None]] = {}
        self._next_key = 0

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call it from now on; returns what ends that."""
        key, self._next_key = self._next_key, self._next_key + 1
        self._callbacks[key] = callback

        def end() -> None:
            self._callbacks.pop(key, None)

        return end

    def tell_each(self, news: T, station: str) -> None:
        """Call all of them, also where one fails: none of them may cost a trigger its answer, or a PLC its response."""
        for callback in tuple(self._callbacks.values()):
            try:
                callback(news)
            except Exception:
                log.exception("%s: an observer failed", station)
