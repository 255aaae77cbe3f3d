"""Where histories are kept in these tests: a file, memory, a PostgreSQL server."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from gateway.sinks.history_place import Place
from tests.sinks.postgres import Postgres

POSTGRES = pytest.param("postgres", marks=pytest.mark.foreign)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """One for all tests; they get a database each."""
    made = Postgres.made()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(params=["file", POSTGRES])
def new_place(request: pytest.FixtureRequest) -> Iterator[Callable[[], Place]]:
    """Makes empty places that outlive their history."""
    if request.param == "postgres":
        yield request.getfixturevalue("server").new
        return
    numbers = count(1)
    with tempfile.TemporaryDirectory() as folder:
        yield lambda: Path(folder) / f"{next(numbers)}.db"


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    return new_place()
