"""Whose a PostgreSQL database is, and of which version: made, taken over, shared by schemas, or refused."""

import threading

import pytest
from sqlalchemy import create_engine, make_url

from gateway.core.errors import SinkError
from gateway.ports import ResultQuery
from gateway.sinks.history_database import Database
from gateway.sinks.history_place import Server
from gateway.sinks.history_postgres import engine_of
from gateway.sinks.history_schema import VERSION_TABLE, number_of, upgrade
from gateway.sinks.history_server_reader import ServerReader
from gateway.sinks.history_table import METADATA, RESULTS, VERSION, named, row_of
from tests.sinks.postgres import PASSWORD, Postgres, of
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_migrations import shape

pytestmark = pytest.mark.foreign


@pytest.fixture
def database(server: Postgres) -> Server:
    return server.new()


def test_two_gateways_make_the_tables_at_once(database: Server) -> None:
    made: list[Database] = []
    together = threading.Barrier(4)

    def make() -> None:
        together.wait(10)
        made.append(Database.made(database))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for each in made:
        each.close()
    assert len(made) == 4


def test_the_steps_lead_to_what_a_new_database_is_made_with(server: Postgres, database: Server) -> None:
    stepped, made = (
        create_engine(make_url(one.url).set(drivername="postgresql+psycopg")) for one in (database, server.new())
    )
    with stepped.begin() as connection:
        upgrade(connection)
    with made.begin() as connection:
        METADATA.create_all(connection)
    steps = shape(stepped)
    assert steps.pop(VERSION_TABLE)
    assert steps == shape(made)
    for engine in (stepped, made):
        engine.dispose()


def made_by(version: int, database: Server) -> None:
    """As a gateway of that version left it, with one result."""
    row = row_of(registrar().stored(recorded(1)))
    known = {one.name for one in RESULTS.c if one.info.get("since version", 1) <= version}
    assert known < {one.name for one in RESULTS.c}
    engine = engine_of(database)
    with engine.begin() as connection:
        upgrade(connection, number_of(version))
        connection.execute(RESULTS.insert(), [{name: value for name, value in named(row).items() if name in known}])
    engine.dispose()


@pytest.mark.parametrize("version", [1, 4])
def test_an_older_database_is_taken_over_with_its_rows(server: Postgres, database: Server, version: int) -> None:
    name = of(database)
    made_by(version, database)
    with ServerReader(database) as reader:  # who only reads leaves it so
        assert reader.count(ResultQuery()) == 1
        assert [one.result for page in reader.pages(ResultQuery()) for one in page] == [recorded(1).result]
    taken = Database.made(database)
    assert [one.result for one in taken.read(ResultQuery())] == [recorded(1).result]
    assert taken.station("s1") is None
    taken.close()
    assert server.run(f"SELECT version_num FROM {VERSION_TABLE}", name) == [(number_of(VERSION),)]


def test_a_newer_one_and_another_programs_are_refused_and_left_alone(server: Postgres, database: Server) -> None:
    name, other = of(database), server.new()
    Database.made(database).close()
    server.run(f"UPDATE {VERSION_TABLE} SET version_num = '{number_of(VERSION + 1)}'", name)
    server.run("CREATE TABLE results (words text)", of(other))
    for place, words in ((database, f"newer gateway .version {VERSION + 1}"), (other, "of another program")):
        with pytest.raises(SinkError, match=words):
            Database.made(place)
        with pytest.raises(SinkError, match=words), ServerReader(place):
            pass
    assert server.run(f"SELECT version_num FROM {VERSION_TABLE}", name) == [(number_of(VERSION + 1),)]
    assert server.run("SELECT * FROM results", of(other)) == []


def test_gateways_with_a_schema_each_share_a_database(server: Postgres, database: Server) -> None:
    places = [database]
    for schema in ("line1", "line2"):
        server.run(f"CREATE SCHEMA {schema}", of(database))
        places.append(Server(f"{database.url}?options=-csearch_path={schema}"))
    for number, place in enumerate(places, 1):
        made = Database.made(place)
        made.insert([row_of(registrar().stored(recorded(number)))])
        made.close()
    for number, place in enumerate(places, 1):
        with ServerReader(place) as reader:
            assert [one.result.inspection_id for page in reader.pages(ResultQuery()) for one in page] == [number]


def test_a_database_that_cannot_keep_every_character_is_refused(server: Postgres) -> None:
    server.run("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0", "postgres")
    with pytest.raises(SinkError, match="cannot keep every character") as told:
        Database.made(Server(server.url("latin")))
    assert "UTF8" in told.value.hint


def test_what_is_refused_is_said_without_the_password(server: Postgres, database: Server) -> None:
    away = Server(database.url.replace(f":{server.port}/", ":1/"))
    cases = (
        (Server(server.url(of(database), "wr0ng")), "password authentication failed", "wr0ng"),
        (Server(server.url("nowhere")), "does not exist", PASSWORD),
        (away, "refused", PASSWORD),
    )
    for place, words, secret in cases:
        with pytest.raises(SinkError, match=words) as told:
            Database.made(place)
        everything = f"{told.value} {told.value.hint} {place} {place!r}"
        assert told.value.hint
        assert secret not in everything
        assert "line:" not in everything


def test_who_only_reads_can_change_nothing_and_makes_nothing(server: Postgres, database: Server) -> None:
    with pytest.raises(SinkError, match="is empty"), ServerReader(database):
        pass
    assert server.run("SELECT * FROM pg_tables WHERE schemaname = 'public'", of(database)) == []
    Database.made(database).close()
    with ServerReader(database) as reader, pytest.raises(SinkError, match="read-only"):
        reader._ask(lambda connection: connection.exec_driver_sql("DELETE FROM results"))
