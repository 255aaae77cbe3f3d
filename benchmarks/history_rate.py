"""Answers into the journal at a steady rate, each waited for as the safe mode does."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.history_rows import stored
from benchmarks.progress import Progress
from gateway.ports import Recorded, ResultQuery
from gateway.records import Registrar
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention

RATE = 320
"""A little more than the 300 that are asked for."""
RATE_S, QUICK_RATE_S = 60, 3
KEPT = "an answer waits for the disk"
_LATEST_S = 10.0


@dataclass
class Kept:
    """Milliseconds from asking to hearing, and what came of it."""

    seconds: int
    waits: list[float] = field(default_factory=list)
    refused: int = 0
    rate: float = 0.0


def kept_at_a_rate(file: Path, seconds: int, progress: Progress) -> Kept:
    """RATE answers a second, one by one, into this file."""
    return asyncio.run(_keep(file, Kept(seconds), progress))


async def _keep(file: Path, kept: Kept, progress: Progress) -> Kept:
    count = kept.seconds * RATE
    async with History(Registrar(3, {}), file, Retention(0, 0), safe=True) as journal:
        await journal.recall(["station1"], offer_again=False)  # it is open
        began = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            _ask(journal, number, kept)
            progress.at(number, count)
        async with asyncio.timeout(_LATEST_S):
            await journal.read(ResultQuery(limit=1))  # answered once all before it is written
        kept.rate = count / (time.perf_counter() - began)
    return kept


def _ask(journal: History, number: int, kept: Kept) -> None:
    one, asked = stored(number), time.perf_counter()

    def heard(ok: bool) -> None:
        kept.waits.append((time.perf_counter() - asked) * 1000)
        kept.refused += not ok
        journal.put(recorded)

    recorded = Recorded(one.station, one.result, one.counts)
    journal.keep(recorded, heard)
