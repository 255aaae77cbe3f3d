"""Users in a file: argon2 hashes, certificates to log in by, changes while the server runs, and the command line."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError

from gateway.core.errors import ConfigError
from gateway.plc.opcua.security import user_book, users, watch
from gateway.plc.opcua.security.accounts_file import FileUser, read_users, write_users
from gateway.plc.opcua.security.rights import LEAST_ROLE, Role
from gateway.plc.opcua.security.user_book import UserBook, hash_password
from tests.opcua.desk import Bench, DeskStation, bench, bit, item, read, until, view, write

WORD = "Grüße an alle"


@pytest.fixture(autouse=True)
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PERIOD_S", 0.05)


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(WORD)


@pytest.fixture
def people(tmp_path: Path, hashed: str) -> Path:
    """A file with one user of each role and the same password; they are called as their role."""
    file = tmp_path / "users.toml"
    roles: list[Any] = ["viewer", "operator", "engineer"]
    write_users(file, [FileUser(name=role, role=role, password_hash=hashed) for role in roles])
    return file


@asynccontextmanager
async def served(file: Path, **settings: Any) -> AsyncIterator[Bench]:
    station = DeskStation()
    station.enable()
    async with bench(view(station), **{"users_file": file, "users": [], "anonymous": "none", **settings}) as made:
        yield made


async def status_of(trying: Any) -> str:
    try:
        await trying
    except UaError as error:
        return type(error).__name__
    return "Good"


# ---- logging in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_users_of_the_file_log_in_and_do_what_their_role_allows(role: Role, people: Path) -> None:
    async with served(people) as made:
        name = role.name.lower()
        assert await status_of(made.connect(name, WORD[:-1])) == "BadUserAccessDenied"
        client = await made.connect(name, WORD)
        items = {tag: item(f"control.{tag}", bit(False)) for tag in ("enable", "reset", "change_recipe", "set_offline")}
        expected = ["Good" if role >= LEAST_ROLE[tag] else "BadUserAccessDenied" for tag in items]
        assert await write(client, *items.values()) == expected


async def test_users_of_the_configuration_are_there_beside_those_of_the_file(people: Path, certificates: Path) -> None:
    pat = {"name": "pat", "role": "engineer", "password_file": certificates / "pat"}
    async with served(people, users=[pat]) as made:
        for name, password in (("pat", "correct horse"), ("viewer", WORD)):
            assert await read(await made.connect(name, password), "status.verdict") == [0]
        for name, password in (("pat", WORD), ("viewer", "correct horse"), ("nobody", WORD)):
            assert await status_of(made.connect(name, password)) == "BadUserAccessDenied"


async def test_passwords_are_checked_off_the_loop_and_as_long_for_names_that_are_not_there(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One argon2 check for each try, in one thread of its own, whatever the name; the loop goes on meanwhile."""
    seen: list[tuple[str, str]] = []
    checked = user_book.fits

    def noted(known: str, password: str) -> bool:
        seen.append((threading.current_thread().name, known))
        return checked(known, password)

    monkeypatch.setattr(user_book, "fits", noted)
    book = UserBook(people)
    book.open()
    doorman = users.Doorman(None, [users.Account("configured", Role.VIEWER, "word")], book)
    try:
        for name, password in (("viewer", WORD), ("viewer", "wrong"), ("nobody", WORD), ("configured", "word")):
            found = await doorman.admit(name, password)
            assert (found is not None) == ((name, password) in (("viewer", WORD), ("configured", "word")))
    finally:
        book.close()
    assert len(seen) == 4
    assert all(name.startswith("opcua-login") for name, _ in seen)
    assert [known == user_book.NOBODYS for _, known in seen] == [False, False, True, True]


async def test_too_many_checks_at_once_are_refused_and_nobody_waits_for_them(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr(user_book, "TRIES_AT_ONCE", 2)
    monkeypatch.setattr(user_book, "fits", lambda known, password: held.wait(5))
    book = UserBook(people)
    book.open()
    try:
        waiting = [asyncio.create_task(book.check("viewer", WORD)) for _ in range(2)]
        await asyncio.sleep(0)
        began = time.monotonic()
        with pytest.raises(ServiceError) as refused:
            await book.check("viewer", WORD)
        assert refused.value.code == StatusCodes.BadTooManyOperations
        assert time.monotonic() - began < 1
        held.set()
        assert [found is not None for found in await asyncio.gather(*waiting)] == [True, True]
        assert await book.check("viewer", WORD) is not None
    finally:
        held.set()
        book.close()


# ---- changes while it runs ---------------------------------------------------------------------------------------


async def test_a_change_of_the_file_counts_at_once_and_ends_the_sessions_of_who_is_gone(
    people: Path, hashed: str
) -> None:
    async with served(people) as made:
        gone, stays = await made.connect("engineer", WORD), await made.connect("operator", WORD)
        write_users(people, [FileUser(name="operator", role="operator", password_hash=hashed)])
        server = made.link._server
        assert server is not None
        await until(lambda: len(server.sessions) == 1)
        with pytest.raises((UaError, ConnectionError)):
            await read(gone, "status.verdict")
        assert await read(stays, "status.verdict") == [0]
        assert await status_of(made.connect("engineer", WORD)) == "BadUserAccessDenied"
        write_users(people, [FileUser(name="operator", role="viewer", password_hash=hashed)])
        await until(lambda: not server.sessions)  # a smaller role is not one to be kept from before


def test_a_file_that_is_being_written_is_read_when_it_stands_still(people: Path, hashed: str) -> None:
    """Half of it is a right file with fewer users, whose sessions would end."""
    whole = people.read_bytes()
    book = UserBook(people)
    book.open()
    try:
        operator = next(user for user in read_users(people) if user.name == "operator")
        people.write_bytes(whole[: whole.index(b"[[users]]", whole.index(b"[[users]]") + 1)])
        assert not book.look()
        people.write_bytes(whole)
        assert [book.look() for _ in range(3)] == [False] * 3
        assert book.holds(operator)
        write_users(people, [FileUser(name="viewer", role="viewer", password_hash=hashed)])
        assert [book.look() for _ in range(3)] == [False, True, False]
        assert not book.holds(operator)
    finally:
        book.close()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.write_text("users = [", encoding="utf-8"), "is no TOML"),
        (lambda file: file.write_text('[[users]]\nname = "x"\nrole = "admin"\n', encoding="utf-8"), "users.0.role"),
        (lambda file: file.write_bytes(b"\xff"), "is no TOML"),
        (lambda file: file.unlink(), "cannot be read"),
        (lambda file: file.write_bytes(b""), "users: Field required"),
    ],
)
async def test_a_broken_file_changes_nothing_and_is_told_of(
    spoil: Callable[[Path], object], told: str, people: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(people) as made:
        before = await made.connect("viewer", WORD)
        spoil(people)
        await until(lambda: told in caplog.text)
        assert "the users stay as they were" in caplog.text
        assert await read(before, "status.verdict") == [0]
        assert await read(await made.connect("viewer", WORD), "status.verdict") == [0]


async def test_a_start_without_a_usable_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        async with served(tmp_path / "none"):
            pass
    assert "pekat-gateway users add" in refused.value.hint


async def test_a_name_is_in_the_file_or_in_the_configuration(people: Path, certificates: Path) -> None:
    twice = {"name": "viewer", "role": "engineer", "password_file": certificates / "pat"}
    with pytest.raises(ConfigError, match="'viewer' is a user in the configuration as well"):
        async with served(people, users=[twice]):
            pass
