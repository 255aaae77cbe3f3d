"""A history's file, as a gateway would have made it, and the command line that reads it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.ports import Recorded, StoredResult
from gateway.sinks.history_database import Database
from gateway.sinks.history_table import row_of
from tests.sinks.results import registrar


def keep(file: Path, answers: Iterable[Recorded], *, stay_open: bool = False) -> tuple[list[StoredResult], Database]:
    """Write these answers; what was written, in that order. `stay_open`: as while a gateway runs."""
    made = registrar()
    stored = [made.stored(recorded) for recorded in answers]
    database = Database.made(file)
    if stored:
        database.insert([row_of(one) for one in stored])
    if not stay_open:
        database.close()
    return stored, database


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["results", *words])


def told(data: Path, words: Sequence[str], code: int = 0) -> str:
    """Standard output; with an exit code, what stands on standard error."""
    result = call(*words, "--data", str(data))
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr
