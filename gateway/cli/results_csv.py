"""Results as CSV: RFC 4180, UTF-8, one header line."""

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from gateway.cli.results_columns import COLUMNS, as_text
from gateway.ports import StoredResult

STANDARD_OUTPUT = Path("-")


def write_csv(pages: Iterable[Sequence[StoredResult]], out: TextIO) -> None:
    """The header, then each page as it comes. `out` must leave line ends as they are. Raises OSError."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for page in pages:
        writer.writerows([as_text(column(stored)) for column in COLUMNS.values()] for stored in page)
    out.flush()


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """The file, which is there as a whole or not at all; `-` is standard output. Raises OSError."""
    if file == STANDARD_OUTPUT:
        out = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
        try:
            yield out
        finally:
            out.detach()
        return
    with whole(file) as place, place.open("w", encoding="utf-8", newline="") as out:
        yield out


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Where to write what becomes `file` when all of it is written. What is no plain file is written directly."""
    if file.exists() and not file.is_file():
        yield file
        return
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
