"""What the image archive adds to trigger-to-result, and what keeping and dropping an image costs among many."""

import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import PlcStation
from benchmarks.progress import Progress
from benchmarks.served import FAST, Plan, gateway, pekat_standin
from benchmarks.sides import interleaved, milliseconds
from benchmarks.trigger_modbus import triggered
from gateway.sinks.archive_names import hour_name, time_word
from gateway.sinks.archive_shelf import Amount, Shelf

TITLE = "Image archive"
ROUNDS, QUICK_ROUNDS = 500, 60
FILES, QUICK_FILES = 100_000, 2_000
HOURS = 24
DROPS = 500
OFF, ON = "no archive", "with every image archived"
KEEP_ALL = FAST + '\n[archive]\nkeep = ["ok", "nok", "no_decision"]\nkeep_images = 200\nmin_free_mb = 0\n'
"""After 200 images, each one that comes pushes out another."""
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def measure(options: Options, progress: Progress) -> Report:
    """Two gateways, interleaved; then a folder with many images, without a gateway."""
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        sides = {}
        for name, more in ((OFF, ""), (ON, KEEP_ALL)):
            served = stack.enter_context(gateway(Plan(pekat, more=more)))
            plc = stack.enter_context(PlcStation(served.modbus))
            plc.wait_ready()
            sides[name] = triggered(plc, Camera(served.folders[0]))
        progress.step("without an archive and with it, interleaved")
        samples = interleaved(sides, options.rounds(ROUNDS, QUICK_ROUNDS), progress)
        kept = len(list((served.folders[0].parent / "data" / "archive").rglob("*.png")))
    spreads = {name: Spread.of(side) for name, side in samples.items()}
    return _report(spreads, kept, *_many(options.rounds(FILES, QUICK_FILES), progress))


def _many(files: int, progress: Progress) -> tuple[int, Spread, float, float]:
    """How many files there were, dropping one of them, starting with the index, and counting all without it."""
    with tempfile.TemporaryDirectory(prefix="pekat-bench-archive-") as home:
        folder = Path(home)
        progress.step(f"a folder of {files} images")
        shelf = _filled(folder, files)
        known = milliseconds(Shelf(folder).open)
        drops = [milliseconds(shelf.drop_oldest) for _ in range(min(DROPS, files // 2))]
        (folder / ".archive.json").unlink()
        began = time.perf_counter()
        Shelf(folder).open()
        return files, Spread.of(drops), known, (time.perf_counter() - began) * 1000


def _filled(folder: Path, files: int) -> Shelf:
    shelf = Shelf(folder)
    shelf.open()
    each = files // HOURS
    for hour in range(HOURS):
        moment = BEGIN + timedelta(hours=hour)
        place = folder / hour_name(moment)
        place.mkdir(parents=True)
        for number in range(each):
            stem = f"{time_word(moment + timedelta(milliseconds=number))}_station1_part_nok_{number}"
            (place / f"{stem}.png").write_bytes(b"image")
            (place / f"{stem}.json").write_bytes(b"{}")
        shelf.add(hour_name(moment), Amount(each, 7 * each))
    shelf.save()
    return shelf


def _report(sides: dict[str, Spread], kept: int, files: int, drops: Spread, known: float, counted: float) -> Report:
    off, on = sides[OFF], sides[ON]
    figures = [
        Figure("trigger to result, added by the archive, p50", on.p50 - off.p50, "ms", 0.2),
        Figure("trigger to result, added by the archive, p99", on.p99 - off.p99, "ms", 1.0),
        Figure("trigger to result without it, p50", off.p50, "ms"),
        Figure("trigger to result without it, p99", off.p99, "ms"),
        Figure(f"dropping the oldest of {files} images, p50", drops.p50, "ms", 1.0),
        Figure("starting with them, as the gateway was stopped", known, "ms", 1000.0),
        Figure("starting without the index: all are counted", counted, "ms"),
    ]
    note = (
        f"{on.count} samples a side, image 1920x1200 mono PNG of 0.90 MB, each one archived, from the 200th on the "
        f"oldest dropped ({kept} were there at the end); {files} images with their side files in {HOURS} hours"
    )
    return Report("archive", TITLE, figures, sides | {"dropping the oldest": drops}, notes=[note])
