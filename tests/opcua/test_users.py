"""Who may do what: anonymous clients, users, roles, wrong passwords; each test fails where its rule is taken out."""

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies, uacrypto
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from pydantic import ValidationError

from gateway.core.commands import Commands
from gateway.core.errors import ConfigError
from gateway.core.tags import CONTROL_TAGS, TagType
from gateway.plc.opcua.security import users
from gateway.plc.opcua.security.login import Challenge, credentials
from gateway.plc.opcua.security.rights import LEAST_ROLE, Role
from gateway.plc.opcua.security.users import Account, Channel, Doorman
from gateway.plc.opcua.settings import OpcUaSettings, OpcUaUserSettings
from gateway.ports import Identity
from tests.opcua.desk import (
    TIMEOUT_S,
    Bench,
    DeskStation,
    bench,
    bit,
    item,
    read,
    tag_id,
    text,
    u16,
    u32,
    until,
    view,
    write,
)
from tests.opcua.test_inspect import arguments, call

WORDS = {"vera": "viewer", "olga": "operator", "emil": "engineer"}
"""Names and roles; each password is the name backwards."""


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    for name in WORDS:
        monkeypatch.setenv(f"PASSWORD_{name}", name[::-1])
    return [{"name": name, "role": role, "password_env": f"PASSWORD_{name}"} for name, role in WORDS.items()]


@asynccontextmanager
async def enabled(**settings: Any) -> AsyncIterator[Bench]:
    station = DeskStation()
    station.enable()
    async with bench(view(station), **settings) as made:
        yield made


async def refused_login(made: Bench, user: str | None, password: str = "any") -> str:
    with pytest.raises(UaError) as refused:
        await made.connect(user, password)
    return type(refused.value).__name__


def one_of_each() -> dict[str, ua.WriteValue]:
    """A good value for every control tag."""
    values = {TagType.BIT: bit(False), TagType.UINT16: u16(0), TagType.STRING: text("p")}
    return {tag.name: item(f"control.{tag.name}", values[tag.type]) for tag in CONTROL_TAGS}


# ---- anonymous ---------------------------------------------------------------------------------------------------


async def test_anonymous_clients_only_read_by_default() -> None:
    """They see everything; a write and a call are refused item by item, and nothing happens."""
    async with enabled() as made:
        client = await made.connect(None)
        assert await read(client, "status.map_signature", "status.ready") == [20555, True]
        assert set(await write(client, *one_of_each().values())) == {"BadUserAccessDenied"}
        result = await call(client, arguments())
        assert (result.StatusCode.name, result.OutputArguments) == ("BadUserAccessDenied", [])
        assert (made.station.written, made.station.started) == ([], [])
        assert made.station.state.counts.missed == 0


async def test_anonymous_clients_operate_where_that_is_configured(caplog: pytest.LogCaptureFixture) -> None:
    async with enabled(anonymous="operate") as made:
        client = await made.connect(None)
        assert await write(client, item("control.trigger_seq", u16(0)), item("control.reset", bit(True))) == [
            "Good",
            "BadUserAccessDenied",
        ]
        calling = asyncio.create_task(call(client, arguments()))
        await until(lambda: made.station.started)
        made.station.answer()
        assert (await calling).StatusCode.is_good()
    assert "needs no log-in" in caplog.text


async def test_anonymous_none_lets_nobody_in_without_a_name() -> None:
    """Also who forces an anonymous token past the offered ones, or sends none at all."""
    async with enabled(anonymous="none") as made:
        assert await refused_login(made, None)
        for token in (ua.AnonymousIdentityToken("anonymous"), None):
            assert await activation(made, token) == StatusCodes.BadIdentityTokenRejected
        assert await read(await made.connect(), "status.verdict") == [0]


def test_settings_that_let_nobody_in_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"links\.opcua\.users"):
        OpcUaSettings(anonymous="none")


# ---- roles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "role"), [("vera", Role.VIEWER), ("olga", Role.OPERATOR), ("emil", Role.ENGINEER)])
async def test_each_role_writes_exactly_its_tags(user: str, role: Role, people: Any) -> None:
    """In one request: the good items of it are written, as one event, beside those that are refused."""
    async with enabled(users=people) as made:
        client = await made.connect(user, user[::-1])
        items = one_of_each()
        statuses = await write(client, *items.values())
        expected = {name: "Good" if role >= LEAST_ROLE[name] else "BadUserAccessDenied" for name in items}
        assert dict(zip(items, statuses, strict=True)) == expected
        assert made.station.written == ([Commands(part_id="p")] if role > Role.VIEWER else [])
        assert await levels(client) == {name: status == "Good" for name, status in expected.items()}


def test_the_table_of_rights() -> None:
    """The default of a new control tag is the operator's; what is the engineer's is said here once more."""
    engineers = {name for name, role in LEAST_ROLE.items() if role is Role.ENGINEER}
    assert engineers == {"reset", "set_offline", "change_recipe", "recipe_request"}
    assert {role for name, role in LEAST_ROLE.items() if name not in engineers} == {Role.OPERATOR}
    assert set(LEAST_ROLE) == {tag.name for tag in CONTROL_TAGS}


async def levels(client: Client) -> dict[str, bool]:
    """Whether this user's UserAccessLevel says that he may write; AccessLevel says so to everybody."""
    found = {}
    for tag in CONTROL_TAGS:
        node = client.get_node(tag_id(f"control.{tag.name}"))
        values = await node.read_attributes((AttributeIds.AccessLevel, AttributeIds.UserAccessLevel))
        general, own = [one.Value.Value & ua.AccessLevel.CurrentWrite.mask for one in values if one.Value is not None]
        assert general
        found[tag.name] = bool(own)
    return found


@pytest.mark.parametrize(
    ("user", "here", "elsewhere"), [("vera", False, False), ("olga", True, False), ("emil", True, True)]
)
async def test_who_may_inspect_and_who_by_another_recipe(user: str, here: bool, elsewhere: bool, people: Any) -> None:
    """Inspect with another recipe is a recipe change: what may not be written may not be called either."""
    async with enabled(users=people) as made:
        client = await made.connect(user, user[::-1])
        executable = await client.get_node(tag_id("Inspect")).read_attribute(AttributeIds.UserExecutable)
        assert executable.Value is not None
        assert executable.Value.Value is here
        for recipe, allowed in ((0, here), (1, here), (2, elsewhere)):
            count = len(made.station.started)
            calling = asyncio.create_task(call(client, arguments(recipe=recipe)))
            if allowed:
                await until(partial(_more_than, made.station, count))
                made.station.answer()
            status = (await calling).StatusCode.name
            assert status == ("Good" if allowed else "BadUserAccessDenied")
            assert made.station.state.recipe == (recipe or 1 if allowed else 1)


def _more_than(station: DeskStation, count: int) -> bool:
    return len(station.started) > count


async def test_a_refused_call_does_not_stop_the_good_one_beside_it(people: Any) -> None:
    async with enabled(users=people) as made:
        client = await made.connect("olga", "aglo")
        requests = [ua.CallMethodRequest() for _ in range(2)]
        for request, given in zip(requests, (arguments(recipe=2), [u32(1)]), strict=True):
            request.ObjectId, request.MethodId = ua.NodeId(ua.String("station1"), ua.Int16(2)), tag_id("Inspect")
            request.InputArguments = given
        results = await client.uaclient.call(requests)
        assert [one.StatusCode.name for one in results] == ["BadUserAccessDenied", "BadArgumentsMissing"]


async def test_no_role_changes_the_address_space_or_registers_servers(people: Any) -> None:
    """asyncua's `Admin` may; nobody here is one."""
    async with enabled(users=people) as made:
        client = await made.connect("emil", "lime")
        with pytest.raises(UaError):
            await client.nodes.objects.add_variable(2, "mine", 1)
        server = ua.RegisteredServer(ServerUri="urn:x", ServerNames=[ua.LocalizedText("x")], DiscoveryUrls=["x"])
        with pytest.raises(UaStatusCodeError) as refused:
            await client.uaclient.register_server(server)
        assert refused.value.code == StatusCodes.BadServiceUnsupported


async def test_nobody_touches_the_subscription_of_somebody_else() -> None:
    """asyncua lets every client delete, silence and take over every subscription: its number is all it asks for."""
    async with enabled() as made:
        owner, other, again = await made.connect(), await made.connect(None), await made.connect()
        subscription = await owner.create_subscription(20, _Deaf())
        (handle,) = await subscription.subscribe_data_change([owner.get_node(tag_id("status.busy"))])
        number = subscription.subscription_id
        assert number is not None
        services: list[Callable[[], Any]] = [
            lambda: other.uaclient.delete_monitored_items(ua.DeleteMonitoredItemsParameters(number, [handle])),
            lambda: other.uaclient.set_publishing_mode(ua.SetPublishingModeParameters(False, [number])),
            lambda: other.uaclient.modify_subscription(ua.ModifySubscriptionParameters(number)),
        ]
        for service in services:
            with pytest.raises(UaStatusCodeError) as refused:
                await service()
            assert refused.value.code == StatusCodes.BadSubscriptionIdInvalid
        wanted = ua.TransferSubscriptionsParameters([number], False)
        (gone,) = await other.uaclient.delete_subscriptions([number])
        (taken,) = await other.uaclient.transfer_subscriptions(wanted)
        assert {gone.name, taken.StatusCode.name} == {"BadSubscriptionIdInvalid"}
        (moved,) = await again.uaclient.transfer_subscriptions(wanted)
        assert moved.StatusCode.is_good()
        await again.uaclient.delete_subscriptions([number])


class _Deaf:
    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Takes every change and keeps none."""


# ---- who gets in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["admin", "Admin", "PAT "])
@pytest.mark.parametrize("password", ["", "any", "correct horse"])
async def test_admin_with_any_password_is_nobody(desk: Bench, user: str, password: str) -> None:
    """asyncua's default makes `admin` its administrator, with any password."""
    expected = "BadUserAccessDenied" if password else "BadIdentityTokenRejected"  # an empty one is not encrypted
    assert await refused_login(desk, user, password) == expected
    assert desk.station.written == []


async def test_without_users_no_name_is_accepted_even_where_it_is_forced(people: Any) -> None:
    async with enabled(users=[]) as made:
        token = ua.UserNameIdentityToken("username", "admin", b"x", None)
        assert await activation(made, token) == StatusCodes.BadIdentityTokenRejected


@pytest.mark.parametrize(
    "password", ["", "Correct horse", "correct hors", "correct horse ", "correct horse\0", "x" * 150]
)
async def test_a_wrong_password_is_refused_and_logged_with_its_peer(
    desk: Bench, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await refused_login(desk, "pat", password) in ("BadUserAccessDenied", "BadIdentityTokenRejected")
    (line,) = [one.getMessage() for one in caplog.records if "login" in one.getMessage()]
    assert "'pat'" in line
    assert "127.0.0.1" in line
    assert not password.strip() or password not in caplog.text


async def test_the_password_is_never_logged_and_not_shown(caplog: pytest.LogCaptureFixture, desk: Bench) -> None:
    caplog.set_level(logging.DEBUG, logger="gateway")
    await desk.connect()
    assert "correct horse" not in caplog.text
    assert "secret" not in repr(Account("a", Role.VIEWER, "secret"))


Token = ua.UserNameIdentityToken | ua.AnonymousIdentityToken | None


async def activation(made: Bench, given: Token | Callable[[bytes], Token]) -> int:
    """Log in by a token, or one made from the server's nonce, past all that asyncua's client would do; the status."""
    client = Client(made.url, timeout=TIMEOUT_S)
    await client.connect_socket()
    try:
        await client.send_hello()
        await client.open_secure_channel()
        await client.create_session()
        params = ua.ActivateSessionParameters()
        nonce: Any = client._server_nonce
        token = given(nonce) if callable(given) else given
        if token is not None:
            params.UserIdentityToken = token
        params.LocaleIds = ["en"]
        try:
            await client.uaclient.activate_session(params)
        except UaStatusCodeError as error:
            return int(error.code)
        await client.uaclient.close_session(True)
        return StatusCodes.Good
    finally:
        await client.close_secure_channel()
        client.disconnect_socket()


async def _sealer(made: Bench, policy: str = "Basic256Sha256") -> Callable[[bytes, bytes], tuple[bytes, str]]:
    """What encrypts a password and a nonce for this server by the policy of that name."""
    client = Client(made.url, timeout=TIMEOUT_S)
    endpoints = await client.connect_and_get_server_endpoints()
    crypto: Any = uacrypto  # untyped
    key = crypto.x509_from_der(endpoints[0].ServerCertificate).public_key()
    chosen: Any = getattr(security_policies, f"SecurityPolicy{policy}")

    def seal(password: bytes, nonce: bytes) -> tuple[bytes, str]:
        plain = ua.ua_binary.Primitives.Bytes.pack(password + nonce)
        return chosen.encrypt_asymmetric(key, plain), chosen.AsymmetricEncryptionURI

    return seal


def _named(sealed: tuple[bytes, str | None]) -> ua.UserNameIdentityToken:
    return ua.UserNameIdentityToken("username", "pat", *sealed)


async def test_passwords_pass_an_open_connection_only_encrypted_for_this_session_and_soundly(desk: Bench) -> None:
    """asyncua takes them in plain text, by PKCS#1 1.5, and from any session: it never looks at the nonce."""
    right = b"correct horse"
    for policy, expected in (
        ("Basic256Sha256", StatusCodes.Good),
        ("Basic128Rsa15", StatusCodes.BadIdentityTokenRejected),
        ("Aes256Sha256RsaPss", StatusCodes.Good),
    ):
        seal = await _sealer(desk, policy)
        assert await activation(desk, partial(_sealed, seal, right)) == expected, policy
        desk.link._security.access.doorman.welcomed("pat", "127.0.0.1")  # no waiting here
    for none in (None, ""):
        assert await activation(desk, _named((right, none))) == StatusCodes.BadIdentityTokenRejected
        desk.link._security.access.doorman.welcomed("pat", "127.0.0.1")


def _sealed(seal: Callable[[bytes, bytes], tuple[bytes, str]], password: bytes, nonce: bytes) -> Token:
    return _named(seal(password, nonce))


async def test_an_overheard_password_is_worth_nothing_in_another_session(desk: Bench) -> None:
    seal = await _sealer(desk)
    for nonce in (bytes(32), b""):
        overheard = _named(seal(b"correct horse", nonce))
        assert await activation(desk, overheard) == StatusCodes.BadIdentityTokenInvalid
    garbage = _named((b"x" * 256, seal(b"", b"")[1]))
    assert await activation(desk, garbage) == StatusCodes.BadIdentityTokenInvalid


@pytest.mark.parametrize("name", ["", None, "x" * 65])
async def test_a_token_without_a_usable_name_is_nobody(desk: Bench, name: str | None) -> None:
    """asyncua takes a name that is missing for an anonymous client, whatever may be anonymous."""
    token = ua.UserNameIdentityToken("username", name, b"x", None)
    assert await activation(desk, token) == StatusCodes.BadIdentityTokenInvalid


async def test_wrong_passwords_wait_longer_and_longer_and_nobody_else_does(
    desk: Bench, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "FIRST_DELAY_S", 0.1)
    waits = []
    for _ in range(4):
        began = time.monotonic()
        await refused_login(desk, "pat", "wrong")
        waits.append(time.monotonic() - began)
    assert waits[1] > 0.1
    assert waits[2] > 0.2
    assert waits[3] > 0.4
    for name in ("FIRST_DELAY_S", "LONGEST_DELAY_S"):
        monkeypatch.setattr(users, name, 3.0)
    guessing = asyncio.create_task(refused_login(desk, "pat", "wrong"))  # waits 3 s
    assert await read(client, "status.verdict") == [0]
    assert await refused_login(desk, "somebody else") == "BadUserAccessDenied"
    assert await read(await desk.connect(None), "status.verdict") == [0]
    assert not guessing.done()
    assert await guessing == "BadUserAccessDenied"


async def test_tries_take_turns_are_forgiven_and_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many connections at once are no quicker; who would wait too long is refused; a success and time forgive."""
    monkeypatch.setattr(users, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(users, "PATIENCE_S", 0.12)
    doorman = Doorman(None, [])
    for number in range(1000):
        doorman.refused(f"name {number}", "10.0.0.1", "peer")
    assert len(doorman._failures) == users.BUCKETS
    other = Doorman(None, [])
    other.refused("a", "10.0.0.1", "peer")
    began = time.monotonic()
    results = await asyncio.gather(*(other.turn("a", "10.0.0.1") for _ in range(5)), return_exceptions=True)
    assert [result is None for result in results] == [True, True, False, False, False]
    assert 0.09 < time.monotonic() - began < 1.0
    other.welcomed("a", "10.0.0.1")
    await asyncio.wait_for(other.turn("a", "10.0.0.1"), 0.04)
    monkeypatch.setattr(users, "FORGET_S", 0.0)
    other.refused("a", "10.0.0.1", "peer")
    await asyncio.wait_for(other.turn("a", "10.0.0.1"), 0.04)


def test_every_account_is_compared_whatever_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time tells neither which names there are nor how near a guess was: always the same comparisons."""
    accounts = [Account(name, Role.VIEWER, "word") for name in "abc"]
    doorman = Doorman(None, accounts)
    lengths: list[tuple[int, int]] = []
    compare: Callable[[bytes, bytes], bool] = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        lengths.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    for name, password in (("a", "word"), ("c", "word"), ("a", "x"), ("nobody", "word"), ("nobody", "x" * 99)):
        lengths.clear()
        found = doorman._find(name, password)
        assert (found is not None) == (name in "abc" and password == "word")
        assert lengths == [(32, 32)] * 6
    assert b"word" not in b"".join(mark for one in doorman._known for mark in one[:2])


# ---- passwords in the configuration ------------------------------------------------------------------------------


def test_a_password_that_cannot_be_had_is_a_configuration_error(tmp_path: Path, monkeypatch: Any) -> None:
    def create(**user: Any) -> None:
        given = OpcUaUserSettings(name="plc", role="engineer", **user)
        OpcUaSettings(users=(given,)).create([], Identity())

    with pytest.raises(ConfigError, match="OPC_PASSWORD: is not set"):
        create(password_env="OPC_PASSWORD")
    monkeypatch.setenv("OPC_PASSWORD", "")
    with pytest.raises(ConfigError, match="OPC_PASSWORD: holds no usable password for the OPC UA user 'plc'"):
        create(password_env="OPC_PASSWORD")
    with pytest.raises(ConfigError, match="password_file: cannot be read"):
        create(password_file=tmp_path / "none")
    long = tmp_path / "long"
    long.write_text("x" * 129, encoding="utf-8")
    with pytest.raises(ConfigError, match="password_file: holds no usable") as refused:
        create(password_file=str(long))
    assert "xxx" not in str(refused.value)
    long.write_text("word\r\n", encoding="utf-8")
    assert OpcUaUserSettings(name="plc", role="viewer", password_file=long).account().password == "word"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a", "role": "admin", "password_env": "A"},
        {"name": "", "role": "viewer", "password_env": "A"},
        {"name": "a", "role": "viewer"},
        {"name": "a", "role": "viewer", "password_env": "A", "password_file": "a"},
        {"name": "a", "role": "viewer", "password": "secret"},
    ],
)
def test_user_settings_are_strict(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpcUaSettings(users=[wrong])  # type: ignore[arg-type]  # as TOML gives it


def test_two_users_of_one_name_are_refused() -> None:
    one = {"name": "a", "role": "viewer", "password_env": "A"}
    with pytest.raises(ValidationError, match="two users named 'a'"):
        OpcUaSettings(users=[one, one])  # type: ignore[arg-type]  # as TOML gives it


def test_plain_text_is_taken_only_where_the_channel_is_encrypted() -> None:
    token: Any = ua.UserNameIdentityToken("username", "pat", b"word", None)
    none: Any = None
    assert credentials(token, Challenge(none, b"", Channel(True, "", 3, b""))) == ("pat", "word")
    with pytest.raises(ServiceError):
        credentials(token, Challenge(none, b"", Channel(False, "", 2, b"")))
