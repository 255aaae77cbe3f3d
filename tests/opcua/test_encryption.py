"""Encrypted connections, what is offered without encryption, and the server's certificate."""

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.connection import MessageChunk
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.core.errors import LinkError
from gateway.plc.opcua.security import certificate as certificates_module
from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE, KEY_FILE, ServerCertificate, Wanted, obtain
from tests.opcua.desk import (
    PASSWORD,
    PAT,
    TIMEOUT_S,
    Bench,
    DeskStation,
    bench,
    bit,
    item,
    make_link,
    read,
    u16,
    until,
    view,
    write,
)
from tests.opcua.test_inspect import arguments, call

SIGN, SIGN_AND_ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt
WANTED = Wanted("PEKAT PLC gateway", ["press-7", "10.1.2.3"], None, "urn:press-7:pekat-plc-gateway")


@pytest.fixture(scope="session")
def client_pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of two clients' certificates and keys."""
    folders = [tmp_path_factory.mktemp("client") for _ in range(2)]
    for number, folder in enumerate(folders):
        obtain(folder, Wanted("client", ["localhost"], f"urn:client{number}", ""))
    return folders


async def secured(url: str, pair: Path, mode: ua.MessageSecurityMode, user: str | None = PAT) -> Client:
    """A client that is ready to connect."""
    client = Client(url, timeout=TIMEOUT_S)
    client.application_uri = "urn:client0"
    if user is not None:
        client.set_user(user)
        client.set_password(PASSWORD)
    await client.set_security(SecurityPolicyBasic256Sha256, pair / CERTIFICATE_FILE, pair / KEY_FILE, mode=mode)
    return client


# ---- connections -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
@pytest.mark.parametrize("unencrypted", [False, True])
async def test_the_whole_service_over_basic256sha256(
    mode: ua.MessageSecurityMode, unencrypted: bool, client_pairs: list[Path]
) -> None:
    station = DeskStation()
    station.enable()
    async with (
        bench(view(station), allow_unencrypted=unencrypted) as made,
        await secured(made.url, client_pairs[0], mode) as client,
    ):
        assert client.security_policy.Mode == mode
        items = item("control.enable", bit(True)), item("status.verdict", u16(1))
        assert await write(client, *items) == ["Good", "BadNotWritable"]
        calling = asyncio.create_task(call(client, arguments("encrypted")))
        await until(lambda: station.started)
        station.answer()
        assert (await calling).StatusCode.is_good()
        assert await read(client, "status.verdict", "status.result_part_id") == [1, "encrypted"]


async def test_what_is_encrypted_cannot_be_read_on_the_way(client_pairs: list[Path]) -> None:
    """The bytes that arrive: a part id is in those of a signed connection, and not in those of an encrypted one."""
    station = DeskStation()
    station.enable()
    async with bench(view(station)) as made:
        for mode, readable in ((SIGN, True), (SIGN_AND_ENCRYPT, False)):
            host, port = made.url.removeprefix("opc.tcp://").split("/")[0].split(":")
            seen = bytearray()
            relay = await asyncio.start_server(_relay_to(host, int(port), seen), "127.0.0.1", 0)
            async with relay:
                url = f"opc.tcp://127.0.0.1:{relay.sockets[0].getsockname()[1]}/pekat"
                async with await secured(url, client_pairs[0], mode) as client:
                    marked = ua.Variant("PART-IN-CLEAR", ua.VariantType.String)
                    assert await write(client, item("control.part_id", marked)) == ["Good"]
            assert (b"PART-IN-CLEAR" in seen) is readable
            assert PASSWORD.encode() not in seen


def _relay_to(host: str, port: int, seen: bytearray) -> Callable[..., Any]:
    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            seen.extend(data)
            writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    return relay


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
async def test_anonymous_over_an_encrypted_connection_reads_only(
    mode: ua.MessageSecurityMode, client_pairs: list[Path]
) -> None:
    async with bench(view(DeskStation()), allow_unencrypted=False) as made:
        async with await secured(made.url, client_pairs[0], mode, None) as client:
            assert await read(client, "status.map_signature") == [20555]
            assert await write(client, item("control.enable", bit(True))) == ["BadUserAccessDenied"]
        assert made.station.written == []


async def test_any_client_certificate_will_do_and_that_is_said(
    client_pairs: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Trust lists are not there yet; nothing pretends that they were."""
    caplog.set_level(logging.INFO, logger="gateway.plc.opcua")
    async with bench(view(DeskStation()), allow_unencrypted=False) as made:
        for pair in client_pairs:
            async with await secured(made.url, pair, SIGN_AND_ENCRYPT) as client:
                assert await read(client, "status.verdict") == [0]
    (line,) = [one.getMessage() for one in caplog.records if "client certificate" in one.getMessage()]
    assert "every client certificate is accepted" in line
    assert "without encryption" not in caplog.text


async def test_without_allow_unencrypted_an_open_connection_can_ask_for_endpoints_and_nothing_else() -> None:
    """asyncua falls back to no security at all, whatever is offered, and asks for no rights there."""
    async with bench(view(DeskStation()), allow_unencrypted=False) as made:
        asking = Client(made.url, timeout=TIMEOUT_S)
        endpoints = await asking.connect_and_get_server_endpoints()
        assert [one.SecurityMode for one in endpoints] == [SIGN_AND_ENCRYPT] * 3 + [SIGN] * 3
        assert await _create_session(made, True) == StatusCodes.BadSecurityModeRejected
        assert await _create_session(made, False) == StatusCodes.BadTcpSecureChannelUnknown


async def test_even_where_it_is_allowed_nothing_is_answered_before_a_channel_is_open(desk: Bench) -> None:
    """asyncua answers with no security policy chosen, and so with no rights asked for."""
    assert await _create_session(desk, False) == StatusCodes.BadTcpSecureChannelUnknown
    assert await _create_session(desk, True) == StatusCodes.Good


async def _create_session(made: Bench, opened: bool) -> int:
    client = Client(made.url, timeout=TIMEOUT_S)
    await client.connect_socket()
    try:
        await client.send_hello()
        if opened:
            await client.open_secure_channel()
        else:
            assert client.uaclient.protocol is not None
            client.uaclient.protocol._connection._open = True  # the client's own opinion alone
        params = ua.CreateSessionParameters()
        params.RequestedSessionTimeout = 10_000
        params.ClientNonce = bytes(32)
        params.EndpointUrl = made.url
        try:
            await client.uaclient.create_session(params)
        except UaStatusCodeError as error:
            return int(error.code)
        return StatusCodes.Good
    finally:
        client.disconnect_socket()


async def test_a_session_cannot_be_taken_over_with_another_certificate(client_pairs: list[Path]) -> None:
    """A session's token passes a signed connection readably; asyncua takes it from anybody, on any connection."""
    async with bench(view(DeskStation())) as made, await secured(made.url, client_pairs[0], SIGN) as owner:
        token = owner.uaclient.session.authentication_token
        thieves = [await secured(made.url, client_pairs[1], SIGN, None), Client(made.url, timeout=TIMEOUT_S)]
        for thief in thieves:
            await thief.connect_sessionless()
            try:
                thief.uaclient.session.restore_authentication_token(token)
                params = ua.ActivateSessionParameters()
                params.UserIdentityToken = ua.AnonymousIdentityToken("anonymous")
                with pytest.raises(UaStatusCodeError) as refused:
                    await thief.uaclient.activate_session(params)
                assert refused.value.code == StatusCodes.BadSecurityChecksFailed
            finally:
                await thief.disconnect_sessionless()
        assert await write(owner, item("control.enable", bit(False))) == ["Good"]


async def test_sessions_given_up_on_one_connection_do_not_fill_the_server() -> None:
    """asyncua forgets the first session of a connection that makes a second one, and keeps its place for ever."""
    async with bench(view(DeskStation()), max_sessions=3) as made:
        client = await made.connect()
        for _ in range(5):
            with pytest.raises(UaStatusCodeError) as refused:
                await client.create_session()
            assert refused.value.code == StatusCodes.BadTooManySessions
        assert await read(await made.connect(), "status.verdict") == [0]


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
async def test_new_keys_for_a_channel_do_not_disturb_it(mode: ua.MessageSecurityMode, client_pairs: list[Path]) -> None:
    """Clients renew their channel each hour or so, with requests under way."""
    station = DeskStation()
    station.enable()
    async with bench(view(station)) as made, await secured(made.url, client_pairs[0], mode) as client:
        for number in range(3):
            calling = asyncio.create_task(call(client, arguments(f"p{number}")))
            await until(lambda number=number: len(station.started) > number)  # type: ignore[misc]  # bound at once
            await client.open_secure_channel(renew=True)
            station.answer()
            assert (await calling).StatusCode.is_good()
            assert await read(client, "status.result_part_id") == [f"p{number}"]


async def test_a_forged_message_ends_the_connection(
    client_pairs: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One bit of a signed write turned round on its way: nothing is written. asyncua would only drop it, noisily."""
    station = DeskStation()
    async with bench(view(station)) as made:
        client = await secured(made.url, client_pairs[0], SIGN)
        await client.connect()
        honest = MessageChunk.to_binary

        def forged(chunk: MessageChunk) -> bytes:
            data = bytearray(honest(chunk))
            if chunk.SecurityHeader.__class__ is ua.SymmetricAlgorithmHeader and b"control.enable" in data:
                data[data.index(b"control.enable") + 30] ^= 1
            return bytes(data)

        monkeypatch.setattr(MessageChunk, "to_binary", forged)
        with pytest.raises((UaError, ConnectionError)):
            await write(client, item("control.enable", bit(True)))
        monkeypatch.undo()
        assert station.written == []
        await client.disconnect()
        (line,) = [one.getMessage() for one in caplog.records if "forged" in one.getMessage()]
        assert "127.0.0.1" in line
        assert not [one for one in caplog.records if one.name.startswith("asyncua.server")]


# ---- the certificate ---------------------------------------------------------------------------------------------


async def test_the_certificate_is_made_at_the_first_start_and_used_ever_after(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "certificates"
    seen = []
    for _ in range(2):
        async with bench(view(DeskStation()), certificates=folder) as made:
            asking = Client(made.url, timeout=TIMEOUT_S)
            (endpoint, *_) = await asking.connect_and_get_server_endpoints()
            key = (folder / "own" / KEY_FILE).read_bytes()
            seen.append((endpoint.ServerCertificate, endpoint.Server.ApplicationUri, key))
    assert seen[0] == seen[1]
    assert seen[0][0] == (folder / "own" / CERTIFICATE_FILE).read_bytes()
    assert (os.listdir(folder), sorted(os.listdir(folder / "own"))) == (["own"], [CERTIFICATE_FILE, KEY_FILE])


async def test_a_pair_that_lies_beside_the_folders_goes_on_being_used(tmp_path: Path) -> None:
    """Where gateways made it before there were folders."""
    obtain(tmp_path, WANTED)
    async with bench(view(DeskStation()), certificates=tmp_path) as made:
        (endpoint, *_) = await Client(made.url, timeout=TIMEOUT_S).connect_and_get_server_endpoints()
        assert endpoint.ServerCertificate == (tmp_path / CERTIFICATE_FILE).read_bytes()
    assert not (tmp_path / "own").exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_key_is_the_gateways_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = os.umask(0)
    try:
        obtain(tmp_path, WANTED)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert not caplog.records
    (tmp_path / KEY_FILE).chmod(0o640)
    obtain(tmp_path, WANTED)
    assert "could be read by other users" in caplog.text
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_what_the_certificate_says(tmp_path: Path) -> None:
    """OPC UA Part 6, 6.2.2: RSA with SHA-256, the application URI, hosts and addresses, its uses."""
    made = obtain(tmp_path, WANTED).certificate
    key = made.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert made.signature_hash_algorithm is not None
    assert made.signature_hash_algorithm.name == "sha256"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:press-7:pekat-plc-gateway"]
    assert names.get_values_for_type(x509.DNSName) == ["press-7"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("10.1.2.3")]
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in uses
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.data_encipherment) == (True, True, True)
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    now = datetime.now(UTC)
    assert made.not_valid_before_utc < now - timedelta(hours=23)
    assert made.not_valid_after_utc > now + timedelta(days=3650)


async def test_making_it_does_not_hold_up_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is made in a thread: nothing else on the loop waits for it."""
    ticks: list[int] = []
    loop = asyncio.get_running_loop()

    def slowly(folder: Path, wanted: Wanted) -> ServerCertificate:
        count = len(ticks)
        asyncio.run_coroutine_threadsafe(_tick(ticks), loop).result(TIMEOUT_S)
        assert len(ticks) > count
        return obtain(folder, wanted)

    monkeypatch.setattr("gateway.plc.opcua.security.own_certificate.obtain", slowly)
    async with make_link([view(DeskStation())], certificates=tmp_path):
        assert ticks == [1]


async def _tick(ticks: list[int]) -> None:
    ticks.append(1)


Spoil = Callable[[Path], object]


def _expired(folder: Path) -> None:
    """Made eleven years ago."""
    (folder / CERTIFICATE_FILE).unlink()
    slack = certificates_module.CLOCK_SLACK
    certificates_module.CLOCK_SLACK, life = timedelta(days=4000), certificates_module.LIFETIME
    certificates_module.LIFETIME = timedelta(days=-1)
    try:
        with pytest.raises(LinkError):
            obtain(folder, WANTED)
    finally:
        certificates_module.CLOCK_SLACK, certificates_module.LIFETIME = slack, life


def _of_another_key(folder: Path) -> None:
    other = folder / "other"
    obtain(other, WANTED)
    (other / KEY_FILE).replace(folder / KEY_FILE)


BROKEN: list[tuple[Spoil, str, str]] = [
    (lambda folder: (folder / KEY_FILE).unlink(), "has no private key", "put server_key.pem back"),
    (lambda folder: (folder / KEY_FILE).write_bytes(b"x"), "holds no private key", "a new pair is made"),
    (lambda folder: (folder / CERTIFICATE_FILE).write_bytes(b""), "holds no certificate", "a new pair is made"),
    (_of_another_key, "does not belong to", "a new pair is made"),
    (_expired, "expired on", "pekat-gateway certs renew"),
    (lambda folder: _folder_instead(folder / CERTIFICATE_FILE), "cannot be read", "links.opcua.certificates"),
]


def _folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(("spoil", "wrong", "hint"), BROKEN, ids=[wrong for _, wrong, _ in BROKEN])
async def test_a_certificate_that_cannot_be_used_is_one_clear_error_and_stays_as_it_is(
    spoil: Spoil, wrong: str, hint: str, tmp_path: Path
) -> None:
    obtain(tmp_path, WANTED)
    spoil(tmp_path)
    before = _content(tmp_path)
    link = make_link([view(DeskStation())], certificates=tmp_path)
    with pytest.raises(LinkError, match=wrong) as refused:
        await link.__aenter__()
    assert hint in refused.value.hint
    assert "\n" not in str(refused.value)
    assert _content(tmp_path) == before


def _content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(LinkError, match="cannot be read or made"):
        obtain(tmp_path / "file", WANTED)


def test_a_key_alone_gets_a_certificate_of_its_own(tmp_path: Path) -> None:
    """How an expired one is renewed."""
    first = obtain(tmp_path, WANTED)
    (tmp_path / CERTIFICATE_FILE).unlink()
    second = obtain(tmp_path, WANTED)
    assert first.certificate != second.certificate
    assert first.certificate.public_key() == second.certificate.public_key()


def test_the_uri_stays_that_of_the_certificate_unless_another_one_is_configured(tmp_path: Path) -> None:
    """A container's host name changes with each start; the server's identity must not."""
    obtain(tmp_path, WANTED)
    moved = Wanted(WANTED.name, WANTED.hosts, None, "urn:elsewhere:pekat-plc-gateway")
    assert obtain(tmp_path, moved).uri == "urn:press-7:pekat-plc-gateway"
    with pytest.raises(LinkError, match="urn:press-7:pekat-plc-gateway, not for urn:mine") as refused:
        obtain(tmp_path, Wanted(WANTED.name, WANTED.hosts, "urn:mine", ""))
    assert "application_uri" in refused.value.hint


def test_a_certificate_that_names_another_host_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    obtain(tmp_path, WANTED)
    assert not caplog.records
    obtain(tmp_path, Wanted(WANTED.name, [], None, "", told=["new-name"]))
    assert "does not name new-name" in caplog.text
