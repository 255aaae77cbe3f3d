"""Results as CSV: RFC 4180, UTF-8, one header line."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from gateway.cli.results_columns import COLUMNS, as_text
from gateway.cli.results_file import whole
from gateway.ports import StoredResult

STANDARD_OUTPUT = Path("-")


def write_csv(pages: Iterable[Sequence[StoredResult]], file: Path) -> None:
    """To a file, which is there as a whole or not at all; `-` is standard output. Raises OSError."""
    with _opened(file) as out:
        write_rows(pages, out)


def write_rows(pages: Iterable[Sequence[StoredResult]], out: TextIO) -> None:
    """The header, then each page as it comes. `out` must leave line ends as they are. Raises OSError."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for page in pages:
        writer.writerows([as_text(column(stored)) for column in COLUMNS.values()] for stored in page)
    out.flush()


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if file == STANDARD_OUTPUT:
        out = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
        try:
            yield out
        finally:
            out.detach()
        return
    with whole(file) as place, place.open("w", encoding="utf-8", newline="") as out:
        yield out
