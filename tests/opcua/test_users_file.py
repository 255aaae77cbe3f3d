"""Users in a file: argon2 hashes, certificates to log in by, changes while the server runs, and the command line."""

import asyncio
import os
import stat
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.errors import ConfigError
from gateway.plc.opcua import user_book, users, watch
from gateway.plc.opcua.accounts_file import FileUser, read_users, write_users
from gateway.plc.opcua.login import Challenge, proven
from gateway.plc.opcua.policies import Offer
from gateway.plc.opcua.rights import LEAST_ROLE, Role
from gateway.plc.opcua.trust_folder import TrustFolder, fingerprint
from gateway.plc.opcua.user_book import UserBook, hash_password
from gateway.plc.opcua.users import Channel
from tests.opcua.desk import Bench, DeskStation, bench, bit, item, read, until, view, write
from tests.opcua.papers import POLICIES, Paper, paper, secured

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


# ---- certificates to log in by -----------------------------------------------------------------------------------


@asynccontextmanager
async def holders(tmp_path: Path, holder: Paper, **more: Any) -> AsyncIterator[Bench]:
    """A server that takes this user certificate, for an operator."""
    file = tmp_path / "users.toml"
    write_users(file, [FileUser(name="olga", role="operator", certificate=fingerprint(holder.certificate))])
    folder = TrustFolder(tmp_path / "certificates")
    folder.put(holder.certificate, "users")
    async with served(file, certificates=folder.root, **more) as made:
        yield made


async def log_in(made: Bench, channel: Paper, holder: Paper, policy: str, mode: ua.MessageSecurityMode) -> Client:
    client = await secured(made.url, channel, policy=policy, mode=mode, user=None)
    await client.load_client_certificate(str(holder.file))
    await client.load_private_key(holder.key_file)
    await client.connect()
    made.clients.append(client)
    return client


@pytest.mark.parametrize("mode", [ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt])
@pytest.mark.parametrize("policy", list(POLICIES))
async def test_a_user_logs_in_by_his_certificate(policy: str, mode: ua.MessageSecurityMode, tmp_path: Path) -> None:
    """Over each policy: RSA-PSS and PKCS#1 signatures of the server's certificate and nonce."""
    holder, channel = paper(tmp_path, "olga", number=6), paper(tmp_path)
    async with holders(tmp_path, holder) as made:
        client = await log_in(made, channel, holder, policy, mode)
        items = item("control.enable", bit(True)), item("control.reset", bit(True))
        assert await write(client, *items) == ["Good", "BadUserAccessDenied"]


async def test_a_certificate_without_its_key_or_that_is_nobodys_lets_nobody_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncua takes any certificate at all, and a SHA-1 signature."""
    monkeypatch.setattr(users, "FIRST_DELAY_S", 0.0)
    best = ("Aes256_Sha256_RsaPss", ua.MessageSecurityMode.SignAndEncrypt)
    holder, channel = paper(tmp_path, "olga", number=6), paper(tmp_path)
    another = paper(tmp_path, "another", number=7)
    stolen = Paper(holder.file, another.key_file, holder.certificate, another.key)
    async with holders(tmp_path, holder) as made:
        assert await status_of(log_in(made, channel, another, *best)) == "BadUserAccessDenied"
        assert await status_of(log_in(made, channel, stolen, *best)) == "BadUserSignatureInvalid"
        assert "login as 'certificate" in caplog.text
        assert await status_of(log_in(made, channel, holder, *best)) == "Good"
        (file,) = TrustFolder(tmp_path / "certificates").files("users")
        file.unlink()
        await until(lambda: not made.link._security.access._store._trusted.users)
        assert await status_of(log_in(made, channel, holder, *best)) == "BadUserAccessDenied"


@pytest.mark.parametrize("days", [(-9, -1), (1, 9)])
async def test_a_user_certificate_is_taken_in_its_time_only(
    days: tuple[int, int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    holder, channel = paper(tmp_path, "olga", number=6, days=days), paper(tmp_path)
    async with holders(tmp_path, holder) as made:
        trying = log_in(made, channel, holder, "Basic256Sha256", ua.MessageSecurityMode.SignAndEncrypt)
        assert await status_of(trying) == "BadUserAccessDenied"
    assert "is valid from" in caplog.text


def test_a_user_signs_by_the_policy_of_his_endpoint(tmp_path: Path) -> None:
    """asyncua takes SHA-1, and whatever the client names."""
    holder, server = paper(tmp_path, "olga", number=6), b"server's certificate"
    token: Any = ua.X509IdentityToken("certificate", ua.ByteString(holder.der))
    no_key: Any = None
    challenge = Challenge(no_key, b"nonce", Channel(True, "", 3, b"", server), Offer().chosen[:1])
    best, worst = Offer().chosen[0], ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", PKCS1v15(), hashes.SHA1())
    for uri, padding, digest, signed, right in (
        (best.signing_uri, best.signing, hashes.SHA256(), server + b"nonce", True),
        (best.signing_uri, best.signing, hashes.SHA256(), server + b"another nonce", False),
        (*worst, server + b"nonce", False),
        (Offer().chosen[1].signing_uri, PKCS1v15(), hashes.SHA256(), server + b"nonce", False),
    ):
        proof: Any = ua.SignatureData(ua.String(uri), ua.ByteString(holder.key.sign(signed, padding, digest)))
        if right:
            assert proven(token, proof, challenge) == holder.certificate
            continue
        with pytest.raises(ServiceError) as refused:
            proven(token, proof, challenge)
        assert refused.value.code == StatusCodes.BadUserSignatureInvalid


async def test_wrong_certificates_wait_like_wrong_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "FIRST_DELAY_S", 0.4)
    holder, channel = paper(tmp_path, "olga", number=6), paper(tmp_path)
    another = paper(tmp_path, "another", number=7)
    async with holders(tmp_path, holder) as made:
        waits = []
        for _ in range(3):
            began = time.monotonic()
            trying = log_in(made, channel, another, "Basic256Sha256", ua.MessageSecurityMode.SignAndEncrypt)
            assert await status_of(trying) == "BadUserAccessDenied"
            waits.append(time.monotonic() - began)
        assert waits[1] > 0.4
        assert waits[2] > 0.8


async def test_an_address_that_tries_many_names_waits_whatever_name_it_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "FIRST_DELAY_S", 0.1)
    monkeypatch.setattr(users, "FREE_TRIES_OF_AN_ADDRESS", 3)
    doorman = users.Doorman(None, [])
    waits = []
    for number in range(6):
        began = time.monotonic()
        await doorman.turn(f"name {number}", "10.0.0.1")
        waits.append(time.monotonic() - began)
        doorman.refused(f"name {number}", "10.0.0.1", "peer")
        doorman.welcomed(f"name {number}", "10.0.0.1")  # his own account does not buy him tries at others
    assert max(waits[:4]) < 0.09
    assert waits[4] > 0.09
    assert waits[5] > 0.19
    began = time.monotonic()
    await doorman.turn("name 7", "10.0.0.2")
    assert time.monotonic() - began < 0.09


# ---- the command line --------------------------------------------------------------------------------------------


def cli(folder: Path, *words: str, given: str = "", code: int = 0) -> str:
    config = folder / "gateway.toml"
    if not config.exists():
        config.write_text('[links.opcua]\nusers_file = "users.toml"\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["users", *words, "--config", str(config)], input=given)
    assert result.exit_code == code, result.output
    return result.output


def test_users_are_added_listed_changed_and_removed(tmp_path: Path) -> None:
    cli(tmp_path, "add", "olga", "--role", "operator", given=f"{WORD}\n")
    file = tmp_path / "users.toml"
    (first,) = read_users(file)
    assert (first.name, first.role, user_book.fits(first.password_hash, WORD)) == ("olga", "operator", True)
    assert WORD not in file.read_text(encoding="utf-8")
    assert "$argon2id$" in file.read_text(encoding="utf-8")
    cli(tmp_path, "passwd", "olga", given="another word\n")
    (second,) = read_users(file)
    assert user_book.fits(second.password_hash, "another word")
    assert not user_book.fits(second.password_hash, WORD)
    holder = paper(tmp_path, "emil")
    cli(tmp_path, "add", "emil", "--role", "engineer", "--certificate", str(holder.file))
    listed = cli(tmp_path, "list")
    assert "olga" in listed
    assert "certificate" in listed
    assert [one.certificate for one in TrustFolder(tmp_path / "certificates").found("users")] == [holder.certificate]
    cli(tmp_path, "remove", "emil")
    assert [user.name for user in read_users(file)] == ["olga"]
    assert not TrustFolder(tmp_path / "certificates").found("users")


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_users_file_is_its_owners_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = os.umask(0)
    try:
        cli(tmp_path, "add", "olga", "--role", "viewer", given=f"{WORD}\n")
    finally:
        os.umask(before)
    file = tmp_path / "users.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    read_users(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "could be read by other users" in caplog.text


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("add", "olga", "--role", "operator"), f"{WORD}\n", "there is a user 'olga' already"),
        (("add", "emil", "--role", "operator"), "short\n", "no usable password"),
        (("add", "emil", "--role", "operator"), "x" * 129 + "\n", "no usable password"),
        (("add", "e\tmil", "--role", "operator"), f"{WORD}\n", "cannot be seen"),
        (("passwd", "emil"), f"{WORD}\n", "there is no user 'emil'"),
        (("remove", "emil"), "", "there is no user 'emil'"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line_and_changes_nothing(
    words: tuple[str, ...], given: str, told: str, tmp_path: Path
) -> None:
    cli(tmp_path, "add", "olga", "--role", "operator", given=f"{WORD}\n")
    before = (tmp_path / "users.toml").read_bytes()
    assert told in cli(tmp_path, *words, given=given, code=2)
    assert (tmp_path / "users.toml").read_bytes() == before


def test_a_configuration_without_a_users_file_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[links.opcua]\n", encoding="utf-8")
    assert 'users_file = "users.toml"' in cli(tmp_path, "list", code=2)
    (tmp_path / "gateway.toml").write_text("[links.modbus]\n", encoding="utf-8")
    assert "no [links.opcua]" in cli(tmp_path, "list", code=2)


HASH = "$argon2id$v=19$m=19456,t=2,p=1$z2nSAsQFoTZkQAo0msUefA$nNxn+L4Z347INKEB8i4duldu4M0RNS+xpJQm80UrW2I"
WRONG: dict[str, dict[str, object]] = {
    "plain text": {"password_hash": "secret word"},
    "argon2i": {"password_hash": HASH.replace("argon2id", "argon2i")},
    "all memory": {"password_hash": HASH.replace("m=19456", "m=99999999")},
    "no proof": {},
    "two proofs": {"password_hash": HASH, "certificate": "0" * 64},
    "a key too much": {"password_hash": HASH, "admin": True},
    "a fingerprint of another kind": {"certificate": "AB:CD"},
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_a_users_file_may_not_say(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        FileUser(**{"name": "a", "role": "viewer", **WRONG[wrong]})  # type: ignore[arg-type]  # as TOML gives it
    assert isinstance(refused.value, ValueError)
    file = tmp_path / "users.toml"
    file.write_text('[[users]]\nname = "a"\nrole = "viewer"\npassword_hash = "secret word"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        read_users(file)
    assert "secret word" not in str(told.value)
    assert tomllib.loads(file.read_text(encoding="utf-8"))
