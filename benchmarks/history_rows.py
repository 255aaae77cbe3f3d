"""A history as it is after months: that many results, one a second, two in a hundred of them NOK."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.progress import Progress
from gateway.core.counts import Counts
from gateway.core.result import Detection, Judgement, Result, Verdict
from gateway.ports import StoredResult, microseconds, result_id
from gateway.sinks.history_database import Database
from gateway.sinks.history_table import row_of

STATION = "station1"
START = datetime(2025, 1, 1, tzinfo=UTC)
NOK_EVERY = 50
_GROUP = 5_000
_SCRATCH = Detection("Scratch", 1, 0.93, 102.5, 40.0, 31.0, 12.0)


def filled(file: Path, count: int, progress: Progress) -> None:
    """Make such a history."""
    database = Database.made(file)
    for first in range(0, count, _GROUP):
        database.insert([row_of(one) for one in results(first, min(_GROUP, count - first))])
        progress.at(first, count)
    database.close()


def results(first: int, count: int) -> Iterator[StoredResult]:
    """`count` results from number `first` on, counted from 0."""
    for number in range(first, first + count):
        yield stored(number)


def stored(number: int) -> StoredResult:
    """One result; its id goes by its number."""
    nok = number % NOK_EVERY == 0
    verdict = Verdict.NOK if nok else Verdict.OK
    judgement = Judgement(verdict, detections=(_SCRATCH,) * (2 if nok else 0), score=0.97, inspector_us=12_000)
    accepted_at = number * 1_000_000
    result = Result(
        number + 1, number % 65535 + 1, number % 65535 + 1, f"part {number}", 1, judgement,
        accepted_at, accepted_at + 3_000, accepted_at + 20_000,
    )  # fmt: skip
    accepted = microseconds(START) + accepted_at
    counts = Counts(triggers=number + 1, ok=number + 1 - number // NOK_EVERY, nok=number // NOK_EVERY)
    named = result_id(START, 1, number + 1)
    return StoredResult(named, STATION, result, accepted, accepted + 3_000, accepted + 20_000, counts, "part")


def moved(one: StoredResult, number: int) -> StoredResult:
    """The same under another number, for what is written beside those that are there."""
    return replace(one, result_id=result_id(START, 2, number))
