"""What breaks the rules of an encrypted channel: told without a word of why, logged, and closed."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from gateway.plc.opcua.security.certificate import ServerCertificate, Wanted, obtain
from tests.opcua.desk import Bench
from tests.opcua.guard.secured_wire import SIGN, SIGN_AND_ENCRYPT, Secured
from tests.opcua.guard.wire import wire

CHECKS = "BadSecurityChecksFailed"


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[ServerCertificate]:
    """Two clients' certificates and keys."""
    wanted = [Wanted("client", ["localhost"], f"urn:client{number}", "") for number in range(2)]
    return [obtain(tmp_path_factory.mktemp("client"), one) for one in wanted]


@asynccontextmanager
async def secured(
    desk: Bench, certificates: Path, own: ServerCertificate, mode: Any = SIGN_AND_ENCRYPT, *, opened: bool = False
) -> AsyncIterator[Secured]:
    async with wire(desk.url, "greet") as plain:
        made = Secured.over(plain, _server(certificates), own, mode)
        if opened:
            plain.send(made.opn())
            await made.opened()
        yield made


def _thumbprint(chunk: Any) -> None:
    chunk.SecurityHeader.ReceiverCertificateThumbPrint = bytes(20)


def _no_thumbprint(chunk: Any) -> None:
    chunk.SecurityHeader.ReceiverCertificateThumbPrint = None


def _another_policy(chunk: Any) -> None:
    uri = chunk.SecurityHeader.SecurityPolicyURI
    chunk.SecurityHeader.SecurityPolicyURI = uri.replace("Basic256Sha256", "Aes128_Sha256_RsaOaep")


def flipped(data: bytes, at: int) -> bytes:
    """One bit turned round."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
async def test_an_opening_that_is_not_sound(
    mode: Any, desk: Bench, certificates: Path, pairs: list[ServerCertificate], caplog: pytest.LogCaptureFixture
) -> None:
    cases: list[tuple[str, Any, str]] = [
        ("another thumbprint", lambda s: s.opn(_thumbprint), "BadCertificateInvalid"),
        ("no thumbprint", lambda s: s.opn(_no_thumbprint), "BadCertificateInvalid"),
        ("a bit of the cipher", lambda s: flipped(s.opn(), -1), CHECKS),
        ("a bit of the signed header", lambda s: flipped(s.opn(), 60), "BadSecurityPolicyRejected"),
        ("half a block", lambda s: _shortened(s.opn(), 100), CHECKS),
        ("a block less", lambda s: _shortened(s.opn(), 256), CHECKS),
        ("no nonce", lambda s: s.opn(nonce=b""), "BadNonceInvalid"),
        ("half a nonce", lambda s: s.opn(nonce=bytes(16)), "BadNonceInvalid"),
        ("mode None", lambda s: s.opn(mode=ua.MessageSecurityMode.None_), "BadSecurityModeRejected"),
    ]
    for number, (name, make, status) in enumerate(cases, 1):
        async with secured(desk, certificates, pairs[0], mode) as bad:
            bad.wire.send(make(bad))
            answer = await bad.wire.answer()
            assert (answer.kind, answer.status) == (b"ERR", status), name
            assert (answer.reason == "") is (status == CHECKS), name
            assert await bad.wire.closed(), name
        if number < 5:  # then the log has enough of this address
            assert status in caplog.records[-1].getMessage(), name
    async with secured(desk, certificates, pairs[0], mode) as good:
        good.wire.send(good.opn())
        await good.opened()
        good.wire.send(good.msg(ua.GetEndpointsRequest()))
        assert await good.answered() == "Good"


def _shortened(data: bytes, by: int) -> bytes:
    return data[:4] + struct.pack("<I", len(data) - by) + data[8:-by]


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
async def test_a_message_that_is_not_sound(
    mode: Any, desk: Bench, certificates: Path, pairs: list[ServerCertificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ua.GetEndpointsRequest
    cases: list[tuple[str, Any]] = [
        ("a bit of the signature", lambda s: flipped(s.msg(asked()), -1)),
        ("a bit of the body", lambda s: flipped(s.msg(asked()), 40)),
        ("a bit of the sequence header", lambda s: flipped(s.msg(asked()), 17)),
        ("the end is missing", lambda s: _shortened(s.msg(asked()), 16)),
        ("nothing but headers", lambda s: _shortened(s.msg(asked()), len(s.msg(asked())) - 24)),
        ("the same again", lambda s: (message := s.msg(asked())) + message),
        ("unencrypted", lambda s: s.wire.call(asked())),
    ]
    for name, make in cases:
        async with secured(desk, certificates, pairs[0], mode, opened=True) as bad:
            bad.wire.send(make(bad))
            statuses = [await bad.answered()]
            if name == "the same again":
                assert statuses.pop() == "Good"
                statuses.append(await bad.answered())
            assert statuses == [CHECKS], name
            assert await bad.wire.closed(), name


async def test_a_padding_longer_than_its_message(
    desk: Bench, certificates: Path, pairs: list[ServerCertificate]
) -> None:
    """Properly signed and encrypted, by somebody who has the keys and means no good."""
    async with secured(desk, certificates, pairs[0], opened=True) as bad:
        crypto = bad.policy.symmetric_cryptography
        honest = crypto.padding

        def padding(size: int) -> bytes:
            good: bytes = honest(size)
            return good[:-1] + b"\xff"

        crypto.padding = padding
        bad.wire.send(bad.msg(ua.FindServersRequest()))
        assert (await bad.wire.answer()).status == CHECKS


async def test_a_renewal_has_to_be_that_of_the_same_client(
    desk: Bench, certificates: Path, pairs: list[ServerCertificate]
) -> None:
    for name, status in (
        ("honest", "OPN"), ("another certificate", CHECKS), ("the same nonce", "BadNonceInvalid"),
        ("another policy", "BadSecurityPolicyRejected"), ("another mode", "BadSecurityModeRejected"),
        ("another thumbprint", "BadCertificateInvalid"), ("without encryption", "BadSecurityPolicyRejected"),
    ):  # fmt: skip
        async with secured(desk, certificates, pairs[0], opened=True) as bad:
            match name:
                case "another certificate":
                    other = Secured.over(bad.wire, _server(certificates), pairs[1])
                    bad.wire.send(other.opn())
                case "the same nonce":
                    bad.wire.send(bad.opn(nonce=bad.nonce))
                case "another policy":
                    bad.wire.send(bad.opn(_another_policy))
                case "another mode":
                    bad.wire.send(bad.opn(mode=SIGN))
                case "another thumbprint":
                    bad.wire.send(bad.opn(_thumbprint))
                case "without encryption":
                    bad.wire.send(bad.wire.opn())
                case _:
                    bad.wire.send(bad.opn())
                    await bad.opened()
                    bad.wire.send(bad.msg(ua.GetEndpointsRequest()))
                    assert await bad.answered() == "Good"
                    continue
            assert (await bad.wire.answer()).status == status, name
            assert await bad.wire.closed(), name


def _server(certificates: Path) -> Any:
    return obtain(certificates / "own", Wanted("", [], None, "urn:x")).certificate


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
async def test_requests_under_way_survive_any_number_of_renewals(
    mode: Any, desk: Bench, certificates: Path, pairs: list[ServerCertificate]
) -> None:
    """Sent in one go: requests by the old token before and after the renewal."""
    async with secured(desk, certificates, pairs[0], mode, opened=True) as busy:
        for _ in range(5):
            old = (busy.policy, busy.wire.token)
            before = busy.msg(ua.FindServersRequest())
            renewal = busy.opn()
            behind = busy.msg(ua.FindServersRequest())
            busy.wire.send(before + renewal + behind)
            assert await busy.answered() == "Good"
            await busy.opened()
            assert old[1] != busy.wire.token
            assert await _answered_by_old_keys(busy) == "Good"
            busy.wire.send(busy.msg(ua.FindServersRequest()))
            assert await busy.answered() == "Good"


async def _answered_by_old_keys(busy: Secured) -> str:
    """The server goes on with the old keys until it sees the new ones in use."""
    crypto = busy.policy.symmetric_cryptography
    new = crypto.Verifier, crypto.Decryptor
    crypto.Verifier, crypto.Decryptor = crypto.Prev_Verifier, crypto.Prev_Decryptor
    try:
        return await busy.answered()
    finally:
        crypto.Verifier, crypto.Decryptor = new


async def test_two_renewals_without_a_message_between_them(
    desk: Bench, certificates: Path, pairs: list[ServerCertificate]
) -> None:
    """asyncua gives both the same token id."""
    async with secured(desk, certificates, pairs[0], opened=True) as busy:
        tokens = [busy.wire.token]
        for _ in range(3):
            busy.wire.send(busy.opn())
            await busy.opened()
            tokens.append(busy.wire.token)
        assert len(set(tokens)) == 4
        busy.wire.send(busy.msg(ua.FindServersRequest()))
        assert await busy.answered() == "Good"
