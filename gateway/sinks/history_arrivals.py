"""Where an answer is in SQLite until it is filed among the results: safe on the disk, and there sooner.

A row of the results changes a page of each of their indexes, ten pages in all, and the PLC would wait until they are on
the disk. A row of the arrivals changes one; what a restart has to know of the stations is in the same row. A moment
later, when nobody waits, the arrivals are filed, and from then on found by the indexes. Who reads looks into both.
"""

import sqlite3

from sqlalchemy import Column, MetaData, Table, insert
from sqlalchemy.dialects import sqlite

from gateway.sinks.history_backend import Written
from gateway.sinks.history_json import read_json
from gateway.sinks.history_notes import row_of_values
from gateway.sinks.history_stations import STATIONS
from gateway.sinks.history_table import COLUMNS, RESULTS, WHOLE, Words

ARRIVALS_SINCE = 9
"""Older databases file at once."""
ARRIVALS = Table(
    "arrivals",
    MetaData(),
    Column("number", WHOLE, primary_key=True),
    *(Column(one.name, one.type, nullable=one.nullable) for one in RESULTS.c if one.name in COLUMNS),
    Column("notes", Words),  # JSON: what is noted of stations
)
"""As the results, under the numbers that they are going to have there; without any index. SQLite alone has it."""

_DIALECT = sqlite.dialect(paramstyle="named")
NOTE = str(insert(STATIONS).prefix_with("OR REPLACE").compile(dialect=_DIALECT))
"""A station's row takes the place of the one before it."""
_COLUMNS = ", ".join(COLUMNS)
_ARRIVE = f"INSERT INTO arrivals (number, {_COLUMNS}, notes) VALUES (?, {'?, ' * len(COLUMNS)}?)"
"""Values by their places, and no question in it: looking names up, and the next number, cost an answer 0.15 ms.

Run by `executemany` also for a single answer: `execute` gives the interpreter away once more after the disk, to ask for
the last row's number, and may have to wait for it: 0.08 ms.
"""
_NO_NOTE = dict.fromkeys(one.name for one in STATIONS.c)
"""The first gateways that had arrivals noted a station's row by its columns there."""
_FILE = f"INSERT INTO results (number, {_COLUMNS}) SELECT number + ?, {_COLUMNS} FROM arrivals ORDER BY number"
_LAST = (
    "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'results'), "
    "(SELECT min(number) FROM arrivals), (SELECT max(number) FROM arrivals)"
)
_NOTES = "SELECT notes FROM arrivals WHERE notes IS NOT NULL ORDER BY number"


class Arrivals:
    """Of one connection: counts its numbers. Everything here is part of a transaction, or one by itself."""

    def __init__(self) -> None:
        self._next = 0

    def arrive(self, raw: sqlite3.Connection, written: Written) -> None:
        """Put these answers down, with what is noted of stations: one statement where there is one answer."""
        notes = f"[{b','.join(written.notes).decode()}]" if written.notes else None
        last = len(written.rows) - 1
        rows = [(self._next + place, *row, notes if place == last else None) for place, row in enumerate(written.rows)]
        raw.executemany(_ARRIVE, rows)
        self._next += len(rows)

    def count(self, raw: sqlite3.Connection) -> None:
        """Find out which number is the next one: somebody else may write too."""
        filed, _, arrived = raw.execute(_LAST).fetchone()
        self._next = 1 + max(filed, arrived or 0)


def file(raw: sqlite3.Connection) -> None:
    """Put all arrivals among the results.

    They keep their numbers, unless another gateway has filed some meanwhile: then they come after these.
    """
    filed, first, _ = raw.execute(_LAST).fetchone()
    if first is None:
        return
    notes = [note for (told,) in raw.execute(_NOTES).fetchall() for note in read_json(told)]
    raw.execute(_FILE, (max(0, filed + 1 - first),))
    raw.executemany(NOTE, [_NO_NOTE | note if isinstance(note, dict) else row_of_values(note) for note in notes])
    raw.execute("DELETE FROM arrivals")
