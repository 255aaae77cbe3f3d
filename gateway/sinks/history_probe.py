"""Whether results could be written, asked of a database that nobody has written to for a while."""

import logging
import time
from typing import TYPE_CHECKING

from gateway.core.errors import SinkError

if TYPE_CHECKING:
    from gateway.sinks.history_database import Database

log = logging.getLogger(__name__)

IDLE_S = 5.0
"""Without anything written for so long it is asked: one page of the database's log, which nobody waits for."""
AGAIN_S = 1.0
"""Before it is asked once more: a backup that holds the database for a moment between two parts is no fault."""


class Probe:
    """By the thread that writes."""

    def __init__(self) -> None:
        self._at = 0.0
        self._doubted = False

    def written(self) -> None:
        """Something was written: that is as good as an answer."""
        self._at, self._doubted = time.monotonic() + IDLE_S, False

    def failed(self) -> None:
        """Something could not be written: nothing can, until this says otherwise or something is."""
        self._at, self._doubted = 0.0, True

    def see_to(self, database: "Database") -> None:
        """Ask, if it is time. Raises SinkError where nothing can be written, twice in a row or after a failure."""
        if time.monotonic() < self._at:
            return
        try:
            database.probe()
        except SinkError as error:
            if self._doubted:
                raise
            log.info("history: cannot be written just now: %s", error)
            self._at, self._doubted = time.monotonic() + AGAIN_S, True
        else:
            self.written()
