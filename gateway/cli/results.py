"""`pekat-gateway results ...`: what was answered, read from the history, also while a gateway writes it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.archive_place import with_images
from gateway.cli.history_place import Config, Data, history_place
from gateway.cli.moments import moment
from gateway.cli.results_csv import STANDARD_OUTPUT, write_csv
from gateway.cli.results_tables import console, listed, one_result
from gateway.cli.runner import fail
from gateway.core.errors import SinkError
from gateway.core.result import Verdict
from gateway.ports import ResultQuery, StoredResult

if TYPE_CHECKING:
    from gateway.sinks.history_pages import Pages as Reader

results = typer.Typer(no_args_is_help=True)

Pages = Iterable[Sequence[StoredResult]]

VerdictWord = Literal["ok", "nok", "no_decision"]
Station = Annotated[str | None, typer.Option(help="Only those of this station.")]
Since = Annotated[
    str | None, typer.Option(help="Answered then or later: a time (UTC, unless it says its zone), or an age as 2h, 3d.")
]
Until = Annotated[str | None, typer.Option(help="Answered before then: a time or an age.")]
OneVerdict = Annotated[VerdictWord | None, typer.Option(help="Only those with this verdict.")]
Recipe = Annotated[int | None, typer.Option(help="Only those of this recipe.")]
PartId = Annotated[str | None, typer.Option(help="Only those of this part.")]

ResultSeq = Annotated[
    int | None,
    typer.Option(
        min=1, max=65_535, help="Only those with this result_seq, as the PLC has it; it comes again after 65,535."
    ),
]


@contextmanager
def _reader(config: Path | None, data: Path | None) -> Iterator["Reader"]:
    """The history; what is wrong with it is one line on the screen and exit code 2."""
    from gateway.sinks.history_reader import reader_of  # here: SQLAlchemy takes 0.3 s

    place = history_place(config, data)
    try:
        with reader_of(place) as reader:
            yield reader
    except SinkError as error:
        raise fail(str(error), error.hint) from error


@results.command("list")
def list_(
    station: Station = None,
    since: Since = None,
    until: Until = None,
    verdict: OneVerdict = None,
    recipe: Recipe = None,
    part_id: PartId = None,
    result_seq: ResultSeq = None,
    late: Annotated[bool, typer.Option("--late", help="Those that came after the PLC had its answer.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show results, the newest first."""
    asked = _query(station, since, until, verdict, recipe, part_id, result_seq, newest_first=True)
    query = replace(asked, late=late)
    with _reader(config, data) as reader:
        found = [stored for page in reader.pages(query, limit) for stored in page]
    if not found:
        typer.echo("no such results", err=True)
        return
    screen = console()
    screen.print(listed(found, screen.width))


@results.command()
def show(
    result_id: Annotated[str, typer.Argument(help="The id, as `results list` and OPC UA show it.")],
    station: Station = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show everything of one result; of each station's, where several gave the same id."""
    with _reader(config, data) as reader:
        found = reader.with_id(result_id, station)
    if not found:
        raise fail(f"there is no result {result_id}", "results list shows ids; what is older than keep_days is dropped")
    for stored in chain.from_iterable(with_images([found], config, data)):
        for table in one_result(stored):
            console().print(table)


@results.command()
def export(
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write CSV; - is standard output.")] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Parquet; needs pyarrow.")] = None,
    station: Station = None,
    since: Since = None,
    until: Until = None,
    verdict: OneVerdict = None,
    recipe: Recipe = None,
    part_id: PartId = None,
    result_seq: ResultSeq = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Write results to a file, the oldest first; all of them, unless told otherwise."""
    query = _query(station, since, until, verdict, recipe, part_id, result_seq)
    file = csv or parquet
    if file is None or (csv and parquet):
        raise fail("an export is one file", "give either --csv FILE or --parquet FILE")
    place = history_place(config, data)
    if isinstance(place, Path) and file.exists() and file.resolve() == place.resolve():
        raise fail(f"{file} is the history itself", "name another file")
    write = write_csv if csv else _parquet_writer()
    with _reader(config, data) as reader, _progress(reader, query, file) as pages:
        try:
            write(with_images(pages, config, data), file)
        except BrokenPipeError:  # who read along has seen enough
            raise
        except OSError as error:
            raise fail(f"{file} cannot be written: {error.strerror or error}", "name a file elsewhere") from error


def _parquet_writer() -> Callable[[Pages, Path], None]:
    try:
        from gateway.cli.results_parquet import write_parquet
    except ImportError as error:
        raise fail(f"Parquet needs pyarrow: {error}", "pip install 'pekat-plc-gateway[parquet]', or --csv") from error
    return write_parquet


@contextmanager
def _progress(reader: "Reader", query: ResultQuery, out: Path) -> Iterator[Pages]:
    """All pages; who waits at a terminal sees how far it is."""
    if not sys.stderr.isatty() or (out == STANDARD_OUTPUT and sys.stdout.isatty()):
        yield reader.pages(query)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("results", total=reader.count(query))
        yield _counted(reader.pages(query), lambda count: progress.advance(task, count))


def _counted(pages: Pages, tell: Callable[[int], None]) -> Iterator[Sequence[StoredResult]]:
    for page in pages:
        yield page
        tell(len(page))


def _query(
    station: str | None,
    since: str | None,
    until: str | None,
    verdict: VerdictWord | None,
    recipe: int | None,
    part_id: str | None,
    result_seq: int | None,
    *,
    newest_first: bool = False,
) -> ResultQuery:
    now = datetime.now(UTC)
    return ResultQuery(
        station=station,
        start=_moment(since, now),
        end=_moment(until, now),
        newest_first=newest_first,
        verdicts=frozenset({Verdict[verdict.upper()]}) if verdict is not None else frozenset(),
        recipe=recipe,
        part_id=part_id,
        result_seq=result_seq,
    )


def _moment(words: str | None, now: datetime) -> datetime | None:
    try:
        return moment(words, now) if words is not None else None
    except ValueError as error:
        raise fail(str(error)) from error
