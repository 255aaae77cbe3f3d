"""What a restart has to know of a station, in a page that outlives a kill: it is there before the PLC sees anything.

The database learns the same a moment later, and may be full or locked just then. What is in the page: what
is noted of the station (numbers, counters, accepted triggers, what the PLC has not taken), and the answers that the
database does not have yet, the newest first as far as there is space. Then, as far as that goes, those that the PLC has
not taken though the database has them: at the next start it may not be readable.
"""

import json
import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from gateway.ports import StoredResult
from gateway.sinks.history_json import json_bytes
from gateway.sinks.history_notes import Remembered, remembered
from gateway.sinks.history_table import VERSION, Row, result_of, row_of
from gateway.sinks.page_file import CAPACITY, PageFile

log = logging.getLogger(__name__)

_FORMAT = 3
_KNOWN_FORMATS = (2, 3)
"""In the one before, the station's lists were JSON once more; who reads a note takes both."""
_SPARE = 64
"""For the counters: of what is left out, and of what is owed."""
_NO_ANSWERS = b"\n0 0"


@dataclass(frozen=True, slots=True)
class Paged:
    """What a page says. `identity` is the database's that it belongs to; "" where none was ever opened.

    `answers` are those that the database may not have, the oldest first; `left_out` of them had no space. `owed` are
    others that the PLC has not taken.
    """

    identity: str
    noted: Remembered
    answers: tuple[StoredResult, ...] = ()
    left_out: int = 0
    owed: tuple[StoredResult, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    stored: StoredResult
    row: bytes


class Acceptance:
    """The page of one station, written by the event loop. `written` comes from the thread that writes the database."""

    def __init__(self, station: str, file: PageFile, identity: str) -> None:
        self._station, self._file = station, file
        self._identity, self._begin = identity, _beginning(identity)
        self._unwritten: dict[str, _Answer] = {}
        self._owed: dict[str, _Answer] = {}
        """What the PLC has not taken, and the database has."""
        self._done: deque[StoredResult] = deque()
        self._told = False

    def answer(self, stored: StoredResult) -> None:
        """This is about to be shown, and the database has it not, or with other words."""
        self._unwritten[stored.result_id] = _encoded(stored)

    def owe(self, stored: StoredResult, row: Row | None = None) -> None:
        """The PLC has not taken this, which the database has, as `row`: the page has it too until `note` says so."""
        if stored.result_id not in self._unwritten:  # there it is until the database is known to have it
            self._owed[stored.result_id] = _encoded(stored, row)

    def written(self, stored: StoredResult) -> None:
        """The database has this answer."""
        self._done.append(stored)

    def note(self, identity: str, note: bytes, owed: Collection[str]) -> None:
        """Keep this note of the station instead of the one before it: by a copy in memory, nobody waits.

        `owed` are the ids of what the PLC has not taken. `identity` is "" while no database is open: then it is still
        the one that it was. Raises ValueError for what does not fit, with the answers left out.
        """
        if identity and identity != self._identity:
            self._identity, self._begin = identity, _beginning(identity)
        while self._done:
            self._strike(self._done.popleft())
        if self._owed:
            self._owed = {result_id: one for result_id, one in self._owed.items() if result_id in owed}
        head = b"%b%b]" % (self._begin, note)
        if self._unwritten or self._owed:
            self._file.store(self._filled(head))
        else:
            self._told = False
            self._file.store(head + _NO_ANSWERS)

    def close(self) -> None:
        """Idempotent; the page keeps what it has."""
        self._file.close()

    def _strike(self, done: StoredResult) -> None:
        known = self._unwritten.get(done.result_id)
        if known is not None and known.stored.says_the_same(done):
            self._owed[done.result_id] = self._unwritten.pop(done.result_id)

    def _filled(self, head: bytes) -> bytes:
        """With as many answers as there is space for, and how many have none."""
        space = CAPACITY - len(head) - _SPARE
        rows = _newest(self._unwritten, space)
        left_out = len(self._unwritten) - len(rows)
        owed = _newest(self._owed, space - sum(map(len, rows)) - len(rows)) if self._owed and not left_out else []
        if left_out and not self._told:
            text = "%s: %d answers wait for the database: a kill of the gateway would lose the oldest of them"
            log.error(text, self._station, len(self._unwritten))
        self._told = left_out > 0
        return b"\n".join([head, b"%d %d" % (left_out, len(owed)), *owed, *rows])


def _beginning(identity: str) -> bytes:
    """What stands before each note, all but its end."""
    return json_bytes([_FORMAT, VERSION, identity])[:-1] + b","


def _encoded(stored: StoredResult, row: Row | None = None) -> _Answer:
    return _Answer(stored, json_bytes(row or row_of(stored)))


def _newest(answers: dict[str, _Answer], space: int) -> list[bytes]:
    """As many as fit into so many bytes with their line ends, the newest first."""
    rows: list[bytes] = []
    for one in reversed(answers.values()):
        space -= len(one.row) + 1
        if space < 0:
            break
        rows.append(one.row)
    return rows


def paged(file: PageFile) -> Paged | None:
    """What the page said when it was opened; None where it says nothing that this gateway can use."""
    if file.newest is None:
        return None
    try:
        head, counted, *rows = file.newest.decode().split("\n")
        form, version, identity, row = json.loads(head)
        if form not in _KNOWN_FORMATS or version != VERSION:
            log.warning("%s was written by another version of the gateway: it is ignored, and begins anew", file.file)
            return None
        left_out, owed = map(int, counted.split())
        answers = [result_of([0, *json.loads(one)]) for one in rows]
        unwritten = tuple(reversed(answers[owed:]))
        return Paged(str(identity), remembered(row), unwritten, left_out, tuple(reversed(answers[:owed])))
    except (ValueError, TypeError, LookupError) as error:
        log.warning("%s is damaged: it is ignored, and begins anew: %s", file.file, error)
        return None
