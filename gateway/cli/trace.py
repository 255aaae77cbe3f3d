"""`pekat-gateway trace`: where the time of the last inspections went, by the black box of the running gateway."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway.blackbox import BlackBox
from gateway.blackbox.perfetto import trace as perfetto_trace
from gateway.blackbox.spans import SPANS, Shown, row, shown
from gateway.cli.config_file import ANY, console, settings_or_exit
from gateway.cli.runner import fail
from gateway.control.client import ask
from gateway.control.place import JsonTable, Place, place_of
from gateway.control.server import Command
from gateway.core.errors import ControlError

TRACE = "trace"
PAGE = 200
"""Inspections in one answer: made in less than a millisecond, which a trigger meanwhile may have to wait."""


# ---- the gateway's end --------------------------------------------------------------------------------------------


def answers(box: BlackBox) -> Command:
    """Pages of what the black box has: `first` is the number to begin with, -1 for the oldest one."""

    async def answer(question: JsonTable) -> JsonTable:
        first = question.get("first", -1)
        if not isinstance(first, int):
            raise ControlError("first is no whole number")
        return {
            "oldest": box.ring.oldest,
            "noted": box.ring.noted,
            "stations": list(box.stations),
            "wall_offset_us": (time.time_ns() - time.monotonic_ns()) // 1000,
            "rows": [row(flight) for flight in box.ring.read(first, PAGE)],
        }

    return answer


# ---- the command line's end ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the inspections, the oldest first, and the stations by their numbers."""

    shown: list[Shown]
    stations: list[str]


Asking = Callable[[int], dict[str, Any]]


def read_from(place: Place) -> Asking:
    """Asks the gateway there for the page that begins with a number. Blocks; raises ControlError."""
    return lambda first: ask(place, TRACE, {"first": first})


def read_all(asking: Asking) -> Read:
    """Everything that the black box has now; what is noted meanwhile is left out."""
    page = asking(-1)
    until, rows, stations = page["noted"], list(page["rows"]), page["stations"]
    while page["rows"] and rows[-1][0] + 1 < until:
        page = asking(rows[-1][0] + 1)
        rows += page["rows"]
    return Read([shown(one, page["wall_offset_us"]) for one in rows if one[0] < until], stations)


def chosen(read: Read, station: str, slowest: int, latest: int) -> list[Shown]:
    """The slowest, the worst first, or the latest, the newest first; of one station or of all."""
    ours = [one for one in read.shown if station in ("", read.stations[one.station])]
    if slowest:
        return sorted(ours, key=lambda one: one.total_ms, reverse=True)[:slowest]
    return list(reversed(ours[-latest:]))


def trace(
    config: Annotated[Path, typer.Argument(help="The gateway.toml.", metavar="CONFIG")] = ANY,
    station: Annotated[str, typer.Option(help="Only this station's [default: all].")] = "",
    latest: Annotated[int, typer.Option(min=1, max=10_000, help="So many of the latest.")] = 20,
    slowest: Annotated[int, typer.Option(min=0, max=10_000, help="Instead: so many of the slowest.")] = 0,
    perfetto: Annotated[
        Path | None, typer.Option(help="Write all of them to this file, for https://ui.perfetto.dev.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Where the time of the last inspections went: image, PEKAT, journal, tags, PLC. The running gateway knows it."""
    settings = settings_or_exit(config)
    if station and station not in [one.name for one in settings.stations]:
        raise fail(f"there is no station {station}", f"write one of {', '.join(one.name for one in settings.stations)}")
    try:
        read = read_all(read_from(place_of(settings.data_folder, config)))
    except ControlError as error:
        raise fail(str(error), error.hint) from error
    if perfetto is not None:
        _write(perfetto, Read(chosen(read, station, 0, len(read.shown) or 1), read.stations))
        return
    wanted = chosen(read, station, slowest, latest)
    if as_json:
        typer.echo(json.dumps([as_table(one, read.stations) for one in wanted], indent=2, ensure_ascii=False))
    else:
        console().print(table(wanted, read.stations))


def _write(file: Path, read: Read) -> None:
    try:
        file.write_text(json.dumps(perfetto_trace(read.shown, read.stations), ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise fail(f"{file} cannot be written: {error.strerror}", "name another file") from error
    typer.echo(
        f"{len(read.shown)} inspections in {file}: open it at https://ui.perfetto.dev or chrome://tracing", err=True
    )


def as_table(one: Shown, stations: Sequence[str]) -> dict[str, object]:
    """An inspection for programs: times in milliseconds."""
    told = {key: value for key, value in asdict(one).items() if key not in ("spans", "begin", "end", "answered")}
    spans = {f"{span.name}_ms": span.ms for span in one.spans}
    exposed = (one.exposed - one.begin) / 1000 if one.exposed else None
    return {**told, "station": stations[one.station], "exposed": exposed, "total_ms": one.total_ms, **spans}


def table(wanted: Sequence[Shown], stations: Sequence[str]) -> Table:
    """One line for each inspection, milliseconds; a stage that was not, or is not known, stays empty."""
    made = Table(title=f"{len(wanted)} inspections, milliseconds", title_justify="left")
    for title in ("time (UTC)", "station", "part", "verdict", "total", *SPANS):
        made.add_column(title, justify="right" if title in ("total", *SPANS) else "left", overflow="fold")
    for one in wanted:
        made.add_row(*_cells(one, stations))
    return made


def _cells(one: Shown, stations: Sequence[str]) -> Iterator[str]:
    yield from (one.wall, stations[one.station], one.part_id)
    yield one.verdict if one.reason == "none" else f"{one.verdict}: {one.reason}"
    yield f"{one.total_ms:.2f}"
    for name in SPANS:
        took = one.span_ms(name)
        yield "" if took is None else f"{took:.2f}"
