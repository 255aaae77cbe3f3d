"""Results as Parquet, for who reckons with them. Needs pyarrow, which the extra `[parquet]` brings."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from gateway.cli.results_columns import COLUMNS
from gateway.cli.results_file import whole
from gateway.ports import StoredResult

GROUP = 20_000
"""Rows that are held until they are written together: some 20 MB."""

_TYPES = {
    **dict.fromkeys(("result_seq", "trigger_seq", "recipe", "detection_count"), pa.int64()),
    **dict.fromkeys(("score", *(name for name in COLUMNS if name.endswith("_ms"))), pa.float64()),
    **dict.fromkeys(("simulated", "presented", "images_kept"), pa.bool_()),
    "time": pa.timestamp("us", tz="UTC"),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])


def write_parquet(pages: Iterable[Sequence[StoredResult]], file: Path) -> None:
    """The same columns as in CSV, with their types. The file is there as a whole or not at all. Raises OSError."""
    with whole(file) as place, ParquetWriter(place, SCHEMA, compression="zstd") as writer:
        for group in _groups(chain.from_iterable(pages)):
            writer.write_table(pa.table({name: [of(one) for one in group] for name, of in COLUMNS.items()}, SCHEMA))


def _groups(results: Iterator[StoredResult]) -> Iterator[list[StoredResult]]:
    while group := list(islice(results, GROUP)):
        yield group
