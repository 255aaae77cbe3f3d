"""Results on their way into the history: put by the event loop, taken by the thread that writes."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

from gateway.ports import StoredResult

Told = Callable[[bool], None]


class Place(Enum):
    """Where a result is: to be written, written, or neither: whether the database has it is not known."""

    QUEUED = 1
    WRITTEN = 2
    DOUBTFUL = 3


class Known(Enum):
    """What the queue knows of a result that is put."""

    NO = 1
    AS_IT_IS = 2
    OTHERWISE = 3
    """It was queued once more."""


@dataclass(slots=True, eq=False)
class Entry:
    """A result. `told` is who waits for it; `amends` one that the database may have already, with other words."""

    stored: StoredResult
    told: Told | None = None
    amends: bool = False
    place: Place = Place.QUEUED
    row: tuple[Any, ...] | None = None
    """As it was written."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry as it was when the thread took it: the loop may change its words meanwhile."""

    entry: Entry
    stored: StoredResult


@dataclass(slots=True, eq=False)
class Noted:
    """What is to be remembered of a station, see history_notes."""

    station: str
    note: Callable[[], bytes]
    """Makes it. Called by the writing thread: where no page has it, nobody else needs it."""
    urgent: bool = True
    """It is nowhere else."""


class Queue:
    """Bounded by its writer. The event loop's methods never wait for the writing thread to get anything done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """For words and places of entries that somebody waits for, and for notes; held for some lines only."""
        self._incoming: deque[Entry] = deque()
        self._entries: deque[Entry] = deque()
        """The thread's own: the oldest."""
        self._asked: dict[tuple[str, str], Entry] = {}
        """The loop's own: what was to be kept and is not shown yet."""
        self._notes: dict[str, Noted] = {}

    def __len__(self) -> int:
        return len(self._entries) + len(self._incoming)

    @property
    def idle(self) -> bool:
        """Nothing is to be written."""
        return not self._entries and not self._incoming and not self._notes

    @property
    def urgent(self) -> bool:
        """Something is noted that is nowhere else."""
        with self._lock:
            return any(noted.urgent for noted in self._notes.values())

    # ---- the event loop ------------------------------------------------------------------------------------

    def keep(self, stored: StoredResult, told: Told) -> None:
        """Append a result that somebody waits for."""
        entry = self._asked[_key(stored)] = Entry(stored, told)
        self._incoming.append(entry)

    def known(self, stored: StoredResult) -> Known:
        """Whether this result was to be kept already; what it says now counts, and nobody waits for it any more.

        Where the database has it otherwise, or may have it, it is queued again.
        """
        entry = self._asked.pop(_key(stored), None) if self._asked else None
        if entry is None:
            return Known.NO
        with self._lock:
            entry.told = None
            otherwise = entry.stored is not stored and entry.stored != stored
            again = entry.place is Place.DOUBTFUL or (entry.place is Place.WRITTEN and otherwise)
            if otherwise:
                entry.stored = stored
        if again:
            self._incoming.append(Entry(stored, amends=True))
        return Known.OTHERWISE if again else Known.AS_IT_IS

    def append(self, stored: StoredResult, *, amends: bool = False) -> None:
        self._incoming.append(Entry(stored, amends=amends))

    def written_row(self, stored: StoredResult) -> tuple[Any, ...] | None:
        """Its row, where this was to be kept and the same answer is in the database."""
        entry = self._asked.get(_key(stored))
        if entry is None or entry.place is not Place.WRITTEN or not entry.stored.says_the_same(stored):
            return None
        return entry.row

    def note(self, noted: Noted) -> None:
        with self._lock:
            self._notes[noted.station] = noted

    # ---- the writing thread --------------------------------------------------------------------------------

    def take(self, most: int) -> tuple[list[Taken], list[Noted]]:
        """What is to be written next; it stays here until it is `written`."""
        self._gather()
        with self._lock:
            notes = list(self._notes.values())
        return [Taken(one, one.stored) for one in islice(self._entries, most)], notes

    def written(self, taken: Sequence[Taken], notes: Sequence[Noted]) -> tuple[int, list[Told]]:
        """These, the oldest of all, are in the database: how many, and who is to be told.

        What was changed meanwhile stays, to be written once more.
        """
        told: list[Told] = []
        done = 0
        for one in taken:
            entry = self._entries.popleft()
            with self._lock:
                if entry.stored is not one.stored:
                    entry.amends = True
                    self._entries.append(entry)
                    continue
                entry.place = Place.WRITTEN
                told += self._through(entry)
            done += 1
        with self._lock:
            for noted in notes:
                if self._notes.get(noted.station) is noted:
                    del self._notes[noted.station]
        return done, told

    def refuse(self, taken: Taken) -> list[Told]:
        """This one, the oldest of all, can never be written."""
        self._entries.popleft()
        with self._lock:
            taken.entry.place = Place.DOUBTFUL
            return self._through(taken.entry)

    def give_up_waiting(self) -> list[Told]:
        """Nothing can be written now: those that somebody waits for leave, they come back as they are shown then."""
        self._gather()
        told: list[Told] = []
        for _ in range(len(self._entries)):
            entry = self._entries.popleft()
            with self._lock:
                waited = self._through(entry)
                if waited:
                    entry.place = Place.DOUBTFUL
                    told += waited
                    continue
            self._entries.append(entry)
        return told

    def _gather(self) -> None:
        while self._incoming:
            self._entries.append(self._incoming.popleft())

    @staticmethod
    def _through(entry: Entry) -> list[Told]:
        told, entry.told = entry.told, None
        return [told] if told is not None else []


def _key(stored: StoredResult) -> tuple[str, str]:
    return stored.station, stored.result_id
