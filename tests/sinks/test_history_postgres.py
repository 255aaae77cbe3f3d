"""What only a server can do to the history: it restarts, crashes, is locked, breaks off in a commit."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import SinkError
from gateway.core.resume import Memory
from gateway.ports import ResultQuery
from gateway.sinks import history_retries
from gateway.sinks.history import History
from gateway.sinks.history_database import Database
from gateway.sinks.history_place import Server
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_table import row_of
from tests.sinks.postgres import Postgres, of
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_faults import LONGEST_PUT_S, until
from tests.sinks.test_history_safe import Waiting, journal, rows, unkept

pytestmark = pytest.mark.foreign


@pytest.fixture
def database(server: Postgres) -> Iterator[Server]:
    """A new one; the server runs again afterwards."""
    yield server.new()
    if server.process is None:
        server.start()


def fast(place: Server) -> History:
    return History(registrar(), place, Retention(0, 0))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
async def test_who_waits_is_told_at_once_that_the_server_is_away_and_it_mends_itself(
    server: Postgres, database: Server, how: signal.Signals
) -> None:
    async with journal(database) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        assert await waiting.all(1) == {1: True}
        server.stop(how)
        for number in (2, 3):
            asked = time.monotonic()
            waiting.keep(recorded(number))
            assert not (await waiting.all(number))[number]
            assert time.monotonic() - asked < 2.0
            store.put(unkept(recorded(number)))
        await asyncio.to_thread(server.start)
        await until(lambda: not store.books.fault)
        waiting.keep(recorded(4))
        assert (await waiting.all(4))[4]
        assert store.books.lost == 0
        assert len(await store.read(ResultQuery())) == 4
    assert [one[0] for one in sorted(rows(database))] == [1, 2, 3, 4]


async def test_a_restart_that_nobody_was_there_for_costs_no_answer(server: Postgres, database: Server) -> None:
    async with journal(database) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        assert len(await store.read(ResultQuery())) == 1
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        assert len(await store.read(ResultQuery())) == 1
        waiting.keep(recorded(2))
        assert (await waiting.all(2))[2]


async def test_fast_nobody_waits_and_what_is_queued_is_written_later(server: Postgres, database: Server) -> None:
    async with fast(database) as store:
        store.put(recorded(1))
        assert len(await store.read(ResultQuery())) == 1
        await asyncio.to_thread(server.stop)
        for number in range(2, 1002):
            began = time.perf_counter()
            store.put(recorded(number))
            assert time.perf_counter() - began < LONGEST_PUT_S
        await until(lambda: store.books.fault)
        with pytest.raises(SinkError):
            await store.read(ResultQuery())
        await asyncio.to_thread(server.start)
        await until(lambda: not store.books.waiting)
        assert store.books.lost == 0
    assert [one[0] for one in rows(database)] == list(range(1, 1002))


async def test_a_gateway_waits_for_a_server_that_starts_with_it(server: Postgres, database: Server) -> None:
    memory = Memory(4, 3, 2, 77)
    async with journal(database) as store:
        store.note("s1", memory)
    server.stop()
    starting = threading.Timer(1.0, server.start)
    starting.start()
    try:
        async with journal(database, boot_id=18) as store:
            assert await store.recall(["s1"], offer_again=True) == {"s1": memory}
    finally:
        await asyncio.to_thread(starting.join)


async def test_somebody_who_holds_the_table_is_told_of_in_time(server: Postgres, database: Server) -> None:
    async with journal(database) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        held, done = threading.Event(), threading.Event()
        holder = threading.Thread(target=_hold, args=(database, held, done))
        holder.start()
        try:
            await until(held.is_set)
            waiting.keep(recorded(2))
            assert not (await waiting.all(2))[2]
            assert "lock timeout" in store.books.fault
        finally:
            done.set()
            await asyncio.to_thread(holder.join)
        await until(lambda: not store.books.fault)


def _hold(database: Server, held: threading.Event, done: threading.Event) -> None:
    import psycopg

    with psycopg.connect(database.url) as other:
        other.execute("LOCK TABLE results IN ACCESS EXCLUSIVE MODE")
        held.set()
        done.wait(20)


@pytest.mark.parametrize(("given", "kept"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_a_durable_commit_waits_for_the_disk_whatever_the_server_thinks(
    server: Postgres, database: Server, given: str, kept: str
) -> None:
    name = of(database)
    Database.made(database).close()
    server.run("CREATE TABLE seen (number serial, level text)", name)
    server.run(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN INSERT INTO seen (level) VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$",
        name,
    )
    server.run("CREATE TRIGGER see AFTER INSERT ON results EXECUTE FUNCTION see()", name)
    server.run(f"ALTER DATABASE {name} SET synchronous_commit = {given}", name)
    made = Database.made(database)
    for number, durable in enumerate((True, False, True), 1):
        made.write([row_of(registrar().stored(recorded(number)))], durable=durable)
    made.close()
    assert server.run("SELECT level FROM seen ORDER BY number", name) == [(kept,), ("off",), (kept,)]


@asynccontextmanager
async def cutting(server: Postgres, cut: Callable[[], bool], *, before: bool) -> AsyncIterator[int]:
    """A network that breaks around a commit, where `cut` says so: `before` the server gets it, or before its answer."""

    handlers: set[asyncio.Task[object]] = set()

    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.update({task} if (task := asyncio.current_task()) is not None else ())
        there, to_server = await asyncio.open_connection("127.0.0.1", server.port)
        losing, inserted = asyncio.Event(), False

        async def back() -> None:
            while data := await there.read(65536):
                if losing.is_set():
                    break
                writer.write(data)
            for one in (writer, to_server):
                one.close()
                await one.wait_closed()

        returning = asyncio.create_task(back())
        while data := await reader.read(65536):
            inserted = inserted or b"INSERT INTO results" in data
            if inserted and b"COMMIT" in data and cut():
                losing.set()
                if before:
                    break
            to_server.write(data)
        to_server.close()
        await returning

    proxy = await asyncio.start_server(passing, "127.0.0.1", 0)
    async with proxy:
        yield proxy.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            await asyncio.gather(*handlers, return_exceptions=True)


@pytest.mark.parametrize("before", [False, True], ids=["written", "not written"])
async def test_a_commit_whose_answer_was_lost_is_looked_up_before_it_is_written_again(
    server: Postgres, database: Server, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    monkeypatch.setattr(history_retries, "RETRY_S", (0.05,))
    cuts: list[int] = []

    def cut() -> bool:
        cuts.append(1)
        return len(cuts) == 1

    async with cutting(server, cut, before=before) as port:
        place = Server(database.url.replace(f":{server.port}/", f":{port}/"))
        async with fast(place) as store:
            await until(lambda: store._writer.database)
            for number in range(1, 21):
                store.put(recorded(number))
            await until(lambda: store.books.stored == 20)
            assert store.books.lost == 0
    assert cuts
    assert sorted(one[0] for one in rows(database)) == list(range(1, 21))
