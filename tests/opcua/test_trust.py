"""Client certificates from first contact to expiry, over real encrypted connections and with the real command line."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.plc.opcua.security import trust_folder, watch
from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE, KEY_FILE
from gateway.plc.opcua.security.certificate_checks import CertificateRefused
from gateway.plc.opcua.security.trust_folder import TrustFolder
from gateway.plc.opcua.security.trust_store import TrustStore
from tests.opcua.desk import TIMEOUT_S, Bench, DeskStation, bench, read, tag_id, until, view
from tests.opcua.papers import URI, Paper, paper, revocation, secured


@pytest.fixture(autouse=True)
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PERIOD_S", 0.05)


@asynccontextmanager
async def plant(root: Path, **settings: object) -> AsyncIterator[Bench]:
    """A server that knows its clients, encrypted only."""
    given = {"client_certificates": "trusted", "allow_unencrypted": False, "certificates": root, **settings}
    async with bench(view(DeskStation()), **given) as made:
        yield made


async def outcome(client: Client) -> int:
    """Connect, and say what came of it: the status of a refusal."""
    try:
        async with client:
            assert await read(client, "status.map_signature") == [20555]
    except UaStatusCodeError as error:
        return int(error.code)
    return StatusCodes.Good


async def try_(made: Bench, by: Paper, uri: str = URI) -> int:
    return await outcome(await secured(made.url, by, uri=uri))


def config(root: Path) -> str:
    file = root.parent / "gateway.toml"
    file.write_text(f"[links.opcua]\ncertificates = '{root}'\n", encoding="utf-8")
    return str(file)


def certs(command: str, root: Path, *which: str) -> str:
    result = CliRunner().invoke(app, ["certs", command, *which, "--config", config(root)])
    assert result.exit_code == 0, result.output
    return result.output


async def test_from_first_contact_to_expiry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Unknown, rejected, trusted, connected, rejected and cut; the server renews its own; a client that expired."""
    root, client_paper = tmp_path / "certificates", paper(tmp_path / "client")
    folder = TrustFolder(root)
    mark = trust_folder.thumbprint(client_paper.certificate)
    async with plant(root) as made:
        assert await try_(made, client_paper) == StatusCodes.BadCertificateUntrusted
        await until(lambda: folder.found("rejected"))
        await until(lambda: f"pekat-gateway certs trust {mark[:12]}" in caplog.text)
        assert mark in certs("list", root)
        assert made.station.written == []

        certs("trust", root, mark[:8])
        assert not folder.found("rejected")
        client = await _connected_soon(made, client_paper)
        assert await read(client, "status.map_signature") == [20555]

        certs("reject", root, "scada")
        await until(lambda: not made.link._server.connections)  # type: ignore[union-attr]  # it is entered
        with pytest.raises((UaError, ConnectionError)):
            await read(client, "status.map_signature")
        await client.disconnect()
        assert await try_(made, client_paper) == StatusCodes.BadCertificateUntrusted

        certs("trust", root, mark)
        old = (root / "own" / CERTIFICATE_FILE).read_bytes()
        key = (root / "own" / KEY_FILE).read_bytes()
        client = await _connected_soon(made, client_paper)
        said = certs("renew", root)
        assert "the old one is kept as" in said
        await until(lambda: made.link._server.iserver.endpoints[0].ServerCertificate != old)  # type: ignore[union-attr]
        assert await read(client, "status.map_signature") == [20555]  # whoever is connected stays
        await client.disconnect()
        new = (root / "own" / CERTIFICATE_FILE).read_bytes()
        (endpoint, *_) = await Client(made.url, timeout=TIMEOUT_S).connect_and_get_server_endpoints()
        assert endpoint.ServerCertificate == new != old
        assert (root / "own" / KEY_FILE).read_bytes() == key
        assert await try_(made, client_paper) == StatusCodes.Good
        kept = [file.read_bytes() for file in (root / "own").glob("server_certificate.2*.der")]
        assert kept == [old]

        expired = paper(tmp_path / "old", "old scada", days=(-400, -1))
        certs("trust", root, str(expired.file))
        await until(lambda: expired.der in made.link._security.access._store._trusted.clients)
        assert await try_(made, expired) == StatusCodes.BadCertificateTimeInvalid
        assert "expired" in certs("list", root)


async def _connected_soon(made: Bench, by: Paper) -> Client:
    """The running server sees the change of its folders by itself."""
    await until(lambda: by.der in made.link._security.access._store._trusted.clients)
    client = await secured(made.url, by)
    await client.connect()
    return client


async def test_who_is_trusted_a_moment_after_being_refused_is_not_rejected_again(tmp_path: Path) -> None:
    folder, by = TrustFolder(tmp_path), paper(tmp_path / "client")
    store = TrustStore(folder)
    store.open()
    for _ in range(2):
        with pytest.raises(CertificateRefused):
            store.check(by.der)
    folder.put(by.certificate, "trusted")
    assert store.look()
    assert not folder.found("rejected")
    assert store.check(by.der) == by.certificate
    assert not store.look()


async def test_a_session_without_a_connection_is_lost_with_its_certificate(tmp_path: Path) -> None:
    """It would wait a minute for its client to come again, with its subscriptions."""
    root, by = tmp_path / "certificates", paper(tmp_path)
    TrustFolder(root).put(by.certificate, "trusted")
    async with plant(root) as made:
        client = await secured(made.url, by)
        await client.connect()
        subscription = await client.create_subscription(100, _Deaf())
        await subscription.subscribe_data_change([client.get_node(tag_id("status.busy"))])
        client.disconnect_socket()
        server = made.link._server
        assert server is not None
        await until(lambda: not server.connections)
        assert len(server.sessions) == 1
        certs("reject", root, "scada")
        await until(lambda: not server.sessions)
        await client.disconnect()


class _Deaf:
    def datachange_notification(self, node: object, value: object, data: object) -> None:
        """Takes every change and keeps none."""


Make = Callable[[Path], Paper]
WRONG: dict[str, tuple[Make, int]] = {
    "not yet valid": (lambda f: paper(f, days=(2, 9)), StatusCodes.BadCertificateTimeInvalid),
    "expired": (lambda f: paper(f, days=(-9, -2)), StatusCodes.BadCertificateTimeInvalid),
    "for servers only": (
        lambda f: paper(f, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        StatusCodes.BadCertificateUseNotAllowed,
    ),
    "not for signing": (
        lambda f: paper(f, usage={"digital_signature": False}),
        StatusCodes.BadCertificateUseNotAllowed,
    ),
    "another application": (lambda f: paper(f, uri="urn:somebody:else"), StatusCodes.BadCertificateUriInvalid),
    "no application": (lambda f: paper(f, uri=None), StatusCodes.BadCertificateUriInvalid),
    "weak": (lambda f: paper(f, bits=1024), StatusCodes.BadCertificatePolicyCheckFailed),
    "right": (paper, StatusCodes.Good),
    "for everything": (lambda f: paper(f, purposes=()), StatusCodes.Good),
}


@pytest.mark.parametrize("wrong", list(WRONG))
async def test_each_check_has_its_own_status(wrong: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make, status = WRONG[wrong]
    by = make(tmp_path)
    TrustFolder(tmp_path / "certificates").put(by.certificate, "trusted")
    async with plant(tmp_path / "certificates") as made:
        assert await try_(made, by) == status
        assert not TrustFolder(tmp_path / "certificates").found("rejected")
    assert (status == StatusCodes.Good) is not any("disconnected" in one.message for one in caplog.records) or (
        status == StatusCodes.BadCertificateUriInvalid  # a fault of the service: the client may mend and try again
    )


async def test_an_authority_vouches_for_its_clients_until_it_revokes_them(tmp_path: Path) -> None:
    """An intermediate one in `issuers/` counts where a trusted one issued it; a revocation list where it is signed."""
    root = tmp_path / "certificates"
    folder = TrustFolder(root)
    top = paper(tmp_path, "top", number=1, uri=None, authority=True)
    middle = paper(tmp_path, "middle", number=2, uri=None, authority=True, issuer=top)
    clients = [paper(tmp_path, f"client {i}", issuer=middle) for i in range(2)]
    folder.put(middle.certificate, "issuers")
    async with plant(root) as made:
        assert await try_(made, clients[0]) == StatusCodes.BadCertificateUntrusted
        folder.put(top.certificate, "trusted")
        store = made.link._security.access._store
        await until(lambda: store._trusted.authorities)
        assert [await try_(made, one) for one in clients] == [StatusCodes.Good] * 2
        connected = await secured(made.url, clients[0])
        await connected.connect()
        (root / "crl").mkdir()
        (root / "crl" / "middle.crl").write_bytes(revocation(middle, clients[0]))
        await until(lambda: not made.link._server.connections)  # type: ignore[union-attr]  # it is entered
        await connected.disconnect()
        assert await try_(made, clients[0]) == StatusCodes.BadCertificateRevoked
        assert await try_(made, clients[1]) == StatusCodes.Good
        (root / "crl" / "top.crl").write_bytes(revocation(top, middle))
        await until(lambda: top.certificate.subject.public_bytes() in store._trusted.revoked)
        assert await try_(made, clients[1]) == StatusCodes.BadCertificateIssuerRevoked


async def test_what_nobody_signed_neither_trusts_nor_revokes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root, by = tmp_path / "certificates", paper(tmp_path)
    liar = paper(tmp_path, "top", number=3, uri=None, authority=True)
    TrustFolder(root).put(by.certificate, "trusted")
    TrustFolder(root).put(paper(tmp_path, "top", number=1, uri=None, authority=True).certificate, "trusted")
    (root / "crl").mkdir()
    (root / "crl" / "x.crl").write_bytes(revocation(liar, by))
    (root / "crl" / "broken.crl").write_bytes(b"x")
    (root / "trusted" / "broken.der").write_bytes(b"x")
    forged = paper(tmp_path, "forged", number=4, issuer=liar)
    async with plant(root) as made:
        assert await try_(made, by) == StatusCodes.Good
        assert await try_(made, forged) == StatusCodes.BadCertificateUntrusted
    for told in ("is signed by no authority", "holds no revocation list", "holds no certificate"):
        assert told in caplog.text


async def test_renewing_a_channel_outlives_the_certificate_but_not_the_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line is not cut off at midnight by a date; whoever is not trusted any more is."""
    root, by = tmp_path / "certificates", paper(tmp_path)
    folder = TrustFolder(root)
    folder.put(by.certificate, "trusted")
    async with plant(root) as made:
        client = await secured(made.url, by)
        await client.connect()
        store = made.link._security.access._store
        checked = []
        check = store.check

        def noted(sent: bytes, *, at: object = None) -> x509.Certificate:
            checked.append(at)
            return check(sent)

        monkeypatch.setattr(store, "check", noted)
        await client.open_secure_channel(renew=True)
        assert checked == [None]
        assert await read(client, "status.map_signature") == [20555]
        await client.disconnect()


async def test_the_rejected_folder_does_not_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trust_folder, "MOST_REJECTED", 3)
    caplog.set_level(logging.WARNING)
    root = tmp_path / "certificates"
    async with plant(root) as made:
        for number in range(5):
            by = paper(tmp_path, f"client {number}")
            for _ in range(2):
                assert await try_(made, by) == StatusCodes.BadCertificateUntrusted
            await until(lambda by=by: by.der in [one.der for one in TrustFolder(root).found("rejected")])  # type: ignore[misc]
        left = {trust_folder.common_name(one.certificate) for one in TrustFolder(root).found("rejected")}
        assert left == {"client 2", "client 3", "client 4"}
    assert len([one for one in caplog.records if "certs trust" in one.getMessage()]) == 5


async def test_certificates_that_end_soon_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """30 days ahead, in the log and in tags: the server's own, and those of clients that are connected."""
    root, by = tmp_path / "certificates", paper(tmp_path, days=(-1, 29))
    TrustFolder(root).put(by.certificate, "trusted")
    async with plant(root) as made:
        client = await secured(made.url, by)
        await client.connect()
        assert (await tags(client, "days_left"))[0] > 3600
        assert await tags(client, "warning") == [False]
        await made.link._caretaker.count_days()  # type: ignore[union-attr]  # it is entered
        (text,) = await tags(client, "client_certificates_expiring", whole=True)
        assert "'scada'" in text
        assert text.endswith(": 28 days")
        assert await tags(client, "client_certificate_warning", whole=True) == [True]
        assert "the client certificate 'scada'" in caplog.text
        assert "server's own" not in caplog.text

        own = paper(tmp_path, "own", number=5, uri="urn:x", days=(-1, 29))
        await made.link._caretaker._tags.show(own.certificate, [])  # type: ignore[union-attr]
        assert await tags(client, "days_left", "warning") == [28, True]
        assert await tags(client, "client_certificates_expiring", whole=True) == [""]
        assert "the server's own certificate: 28 days left" in caplog.text
        await client.disconnect()


async def test_a_station_may_be_called_gateway(tmp_path: Path) -> None:
    """Its object has the security tags then, beside its own."""
    async with bench(view(DeskStation("gateway")), certificates=tmp_path) as made:
        client = await made.connect()
        assert await tags(client, "warning") == [False]
        assert await client.get_node(tag_id("status.map_signature", "gateway")).read_value() == 20555


async def tags(client: Client, *names: str, whole: bool = False) -> list[Any]:
    """Of the gateway's security; without `whole` those of the server's own certificate."""
    found = []
    for name in names:
        node = client.get_node(tag_id(f"security.{name}" if whole else f"security.certificate_{name}", "gateway"))
        found.append(await node.read_value())
    return found
