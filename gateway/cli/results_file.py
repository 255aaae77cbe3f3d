"""A file that is there as a whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
