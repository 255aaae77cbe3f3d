"""Users who log in by a certificate, and what wrong tries cost, whoever makes them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from gateway.plc.opcua.security import users, watch
from gateway.plc.opcua.security.accounts_file import FileUser, write_users
from gateway.plc.opcua.security.login import Challenge, proven
from gateway.plc.opcua.security.policies import Offer
from gateway.plc.opcua.security.trust_folder import TrustFolder, fingerprint
from gateway.plc.opcua.security.users import Channel
from tests.opcua.desk import Bench, bit, item, until, write
from tests.opcua.papers import POLICIES, Paper, paper, secured
from tests.opcua.test_users_file import served, status_of


@pytest.fixture(autouse=True)
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PERIOD_S", 0.05)


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
