"""What keeping the history costs a trigger, what reading it costs, and how fast both are with a million results."""

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.children import child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.history_rate import KEPT, QUICK_RATE_S, RATE, RATE_S, Kept, kept_at_a_rate
from benchmarks.history_rows import START, STATION, filled, moved, results, stored
from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import PlcStation
from benchmarks.progress import Progress
from benchmarks.remote import Remote
from benchmarks.served import Plan, Served, gateway, pekat_standin
from benchmarks.sides import interleaved, milliseconds
from benchmarks.trigger_modbus import triggered
from gateway.cli.ports import free_port
from gateway.core.result import Verdict
from gateway.ports import ResultQuery
from gateway.sinks.history_database import Database
from gateway.sinks.history_pace import GROUP
from gateway.sinks.history_table import row_of

TITLE = "History of results, with a million of them in it"
STARTS, QUICK_STARTS = 12, 1
"""Two starts of one and the same gateway differ by 0.1 ms, and sometimes by more."""
ROUNDS, QUICK_ROUNDS = 600, 60
"""In all starts together."""
ROWS, QUICK_ROWS = 1_000_000, 20_000
QUERIES, QUICK_QUERIES = 200, 20
WRITTEN, QUICK_WRITTEN = 20_000, 2_000
LAG_MS = 15.0
OFF, ON, READ, PAGE = "no history", "with history", "with history being read", "a page of 1000 values over OPC UA"
OFF_TOO, BASE = "no history, another gateway", "no history, both gateways"
SAFE, BARE = "with history in its safe mode", "with history in its fast mode, without a page"
DAY = timedelta(days=1)


def measure(options: Options, progress: Progress) -> Report:
    """The database first, then the gateways: one without a history, one with this database."""
    rows = options.rounds(ROWS, QUICK_ROWS)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pekat-bench-history-")))
        file = home / "history.db"
        progress.step(f"a history of {rows} results")
        filled(file, rows, progress)
        size = file.stat().st_size
        spreads, written = _database(file, rows, options, progress)
        samples, pages = _gateways(file, options, progress)
        progress.step(f"{RATE} answers a second, each waited for")
        kept = kept_at_a_rate(file, options.rounds(RATE_S, QUICK_RATE_S), progress)
    sides = {name: Spread.of(side) for name, side in samples.items()} | {PAGE: Spread.of(pages)} | spreads
    report = _report(sides | {KEPT: Spread.of(kept.waits)}, rows, size, written, kept)
    starts = f"{sides[ON].count} samples a side, of {_starts(options)} starts of each gateway; a part each 0.1 s or so"
    return replace(report, notes=[*report.notes, starts])


def _gateways(file: Path, options: Options, progress: Progress) -> tuple[dict[str, list[float]], list[float]]:
    """Samples of each side, and times of pages, of all starts together."""
    samples: dict[str, list[float]] = {}
    pages: list[float] = []
    names = (SAFE, READ, BARE)
    files = {name: Path(shutil.copy(file, file.with_name(f"{number}.db"))) for number, name in enumerate(names)}
    starts = _starts(options)
    for start in range(starts):
        progress.step(f"without a history, with it, and while it is read, interleaved; start {start + 1} of {starts}")
        with ExitStack() as stack:
            sides = _sides(stack, files | {ON: file}, pages, start)
            for name, some in interleaved(sides, options.rounds(ROUNDS, QUICK_ROUNDS) // starts, progress).items():
                samples.setdefault(name, []).extend(some)
    return samples | {BASE: samples[OFF] + samples[OFF_TOO]}, pages


def _starts(options: Options) -> int:
    return QUICK_STARTS if options.quick else STARTS


def _sides(stack: ExitStack, files: dict[str, Path], pages: list[float], start: int) -> dict[str, Callable[[], float]]:
    """Each its own gateway, as one that is read differs for a while. What is started first is slower than the next, so
    each start begins with another one.
    """
    pekat = stack.enter_context(pekat_standin())
    modes = {SAFE: "safe", ON: "fast", READ: "fast", BARE: "fast"}
    tables = {OFF: "enabled = false", OFF_TOO: "enabled = false"} | {
        name: _table(files[name], mode, page=name != BARE) for name, mode in modes.items()
    }
    sides: dict[str, Callable[[], float]] = {}
    order = list(tables)
    first = start % len(order)
    for name in order[first:] + order[:first]:
        served = stack.enter_context(gateway(Plan(pekat, more=f"\n[history]\n{tables[name]}\n")))
        plc = stack.enter_context(PlcStation(served.modbus))
        plc.wait_ready()
        camera = Camera(served.folders[0])
        sides[name] = triggered(plc, camera) if name != READ else _read(stack, served, plc, camera, pages)
    return sides


def _read(stack: ExitStack, served: Served, plc: PlcStation, camera: Camera, pages: list[float]) -> Callable[[], float]:
    """A side: an inspection, and a page of the history that is read at some time of it."""
    port = free_port()
    stack.enter_context(child("-m", "benchmarks.opcua_past", str(served.opcua), str(port), ports=(port,)))
    remote, lags = stack.enter_context(Remote(port)), random.Random(3)

    def while_read() -> float:
        camera.drop(camera.expose())
        remote.tell(f"{lags.uniform(0, LAG_MS):.3f}")
        took = milliseconds(lambda: plc.inspect("part"))
        pages.append(remote.answer())
        return took

    return while_read


def _table(file: Path, mode: str, *, page: bool) -> str:
    paged = str(page).lower()
    return f"file = '{file}'\nmode = \"{mode}\"\npage = {paged}\nkeep_days = 0\nkeep_results = 0"


def _database(file: Path, rows: int, options: Options, progress: Progress) -> tuple[dict[str, Spread], float]:
    """Times of queries in milliseconds, and results written in a second, in groups as the writer makes them."""
    database = Database(file)
    lots, last = random.Random(5), START + timedelta(seconds=rows)
    questions: dict[str, Callable[[], ResultQuery]] = {
        "100 results from a time on": lambda: ResultQuery(
            STATION, START + timedelta(seconds=lots.randrange(rows)), limit=100
        ),
        "1000 results from a time on": lambda: ResultQuery(
            STATION, START + timedelta(seconds=lots.randrange(rows)), limit=1000
        ),
        "the newest 100": lambda: ResultQuery(STATION, newest_first=True, limit=100),
        "the last day's NOK": lambda: ResultQuery(STATION, last - DAY, verdicts=frozenset({Verdict.NOK}), limit=10_000),
        "one part's results": lambda: ResultQuery(STATION, part_id=f"part {lots.randrange(rows)}"),
    }
    progress.step("queries")
    count = options.rounds(QUERIES, QUICK_QUERIES)
    spreads: dict[str, Spread] = {}
    for name, ask in questions.items():
        database.read(ask())
        spreads[name] = Spread.of([_timed(database, ask()) for _ in range(count)])
    by_id = [lots.randrange(rows) for _ in range(count)]
    spreads["one by its id"] = Spread.of(
        [milliseconds(lambda one=one: database.find(STATION, stored(one).result_id)) for one in by_id]  # type: ignore[misc]
    )
    progress.step("writing")
    written = _written(database, rows, options.rounds(WRITTEN, QUICK_WRITTEN))
    database.close()
    return spreads, written


def _timed(database: Database, query: ResultQuery) -> float:
    return milliseconds(lambda: database.read(query))


def _written(database: Database, rows: int, count: int) -> float:
    """Results a second. The longest commit tells whether the disk kept up."""
    new = [moved(one, number) for number, one in enumerate(results(rows, count))]
    rates: list[float] = []
    for first in range(0, count, GROUP):
        group = new[first : first + GROUP]
        began = time.perf_counter()
        database.insert([row_of(one) for one in group])
        rates.append(len(group) / (time.perf_counter() - began))
    return statistics.median(rates)


def _report(sides: dict[str, Spread], rows: int, size: int, written: float, kept: Kept) -> Report:
    off, on, read, safe, bare = sides[BASE], sides[ON], sides[READ], sides[SAFE], sides[BARE]
    names = [name for name in sides if name not in (OFF, OFF_TOO, BASE, ON, READ, SAFE, BARE, KEPT, PAGE)]
    figures = [
        Figure("trigger to result, added by the safe mode, p50", safe.p50 - off.p50, "ms", 1.0),
        Figure("trigger to result, added by the safe mode, p99", safe.p99 - off.p99, "ms"),
        Figure(f"answers a second into the journal, safe, for {kept.seconds} s", kept.rate, "/s", 300.0, better="high"),
        Figure("of these not kept", kept.refused, "", 0.0),
        Figure("each waits for the disk, p50", sides[KEPT].p50, "ms"),
        Figure("each waits for the disk, p99", sides[KEPT].p99, "ms"),
        Figure("trigger to result, added by the fast mode, p50", on.p50 - off.p50, "ms", 0.1),
        Figure("trigger to result, added by the fast mode, p99", on.p99 - off.p99, "ms", 1.0),
        Figure("added by the fast mode without a page, p50", bare.p50 - off.p50, "ms", 0.1),
        Figure("added by the fast mode without a page, p99", bare.p99 - off.p99, "ms", 1.0),
        Figure("added while a client reads 1000 values of it, p50", read.p50 - off.p50, "ms"),
        Figure("added while a client reads 1000 values of it, p99", read.p99 - off.p99, "ms"),
        Figure("trigger to result without a history, p50", off.p50, "ms"),
        Figure("trigger to result without a history, p99", off.p99, "ms"),
        Figure("two gateways without a history differ by, p50", abs(sides[OFF].p50 - sides[OFF_TOO].p50), "ms"),
        Figure("HistoryRead of 1000 values, p50", sides[PAGE].p50, "ms"),
        Figure("results written a second, in groups of 500", written, "/s", 300.0, better="high"),
        *(
            Figure(f"query: {name}, p50", sides[name].p50, "ms", 50.0 if name == "the last day's NOK" else None)
            for name in names
        ),
    ]
    wal = "WAL, synchronous NORMAL (fast) or FULL (safe)"
    note = f"{rows} results in a file of {size / 1e6:.0f} MB, {wal}; queries on a warm cache"
    return Report("history", TITLE, figures, sides, notes=[note])
