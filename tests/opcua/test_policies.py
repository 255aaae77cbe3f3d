"""Which security policies and modes are offered, in which order, and what a user's secret may be sealed by on each."""

from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from pydantic import ValidationError

from gateway.plc.opcua.security.policies import NONE_URI, Offer
from gateway.plc.opcua.security.trust_folder import TrustFolder
from gateway.plc.opcua.settings import OpcUaSettings
from tests.opcua.desk import TIMEOUT_S, DeskStation, bench, bit, item, read, view, write
from tests.opcua.papers import POLICIES, paper, secured

SIGN, SIGN_AND_ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt


@pytest.mark.parametrize("mode", [SIGN, SIGN_AND_ENCRYPT])
@pytest.mark.parametrize("policy", list(POLICIES))
async def test_every_policy_and_mode_serves_a_user(policy: str, mode: ua.MessageSecurityMode, tmp_path: Path) -> None:
    station = DeskStation()
    async with bench(view(station), allow_unencrypted=False, anonymous="none") as made:
        client = await secured(made.url, paper(tmp_path), policy=policy, mode=mode)
        async with client:
            assert (client.security_policy.URI, client.security_policy.Mode) == (POLICIES[policy].URI, mode)
            assert await write(client, item("control.enable", bit(True))) == ["Good"]
            assert await read(client, "status.map_signature") == [20555]
        wrong = await secured(made.url, paper(tmp_path), policy=policy, mode=mode, password="wrong")
        with pytest.raises(UaError):
            await wrong.connect()


async def test_the_best_endpoint_comes_first_whatever_the_order_in_the_configuration() -> None:
    given = {
        "security_policies": ["Basic256Sha256", "Aes256_Sha256_RsaPss"],
        "security_modes": ["Sign", "SignAndEncrypt"],
    }
    async with bench(view(DeskStation()), **given) as made:
        endpoints = await Client(made.url, timeout=TIMEOUT_S).connect_and_get_server_endpoints()
        shown = [(one.SecurityPolicyUri.partition("#")[2], one.SecurityMode) for one in endpoints]
        assert shown == [
            ("Aes256_Sha256_RsaPss", SIGN_AND_ENCRYPT),
            ("Basic256Sha256", SIGN_AND_ENCRYPT),
            ("Aes256_Sha256_RsaPss", SIGN),
            ("Basic256Sha256", SIGN),
            ("None", ua.MessageSecurityMode.None_),
        ]
        levels = [one.SecurityLevel for one in endpoints]
        assert levels == sorted(levels, reverse=True)


async def test_what_is_not_offered_cannot_be_had(tmp_path: Path) -> None:
    """Neither another policy nor a weaker mode; and policy None only where that is configured in as many words."""
    given = {"security_policies": ["Aes256_Sha256_RsaPss"], "security_modes": ["SignAndEncrypt"]}
    async with bench(view(DeskStation()), allow_unencrypted=False, **given) as made:
        by = paper(tmp_path)
        for policy, mode in (("Basic256Sha256", SIGN_AND_ENCRYPT), ("Aes256_Sha256_RsaPss", SIGN)):
            client = Client(made.url, timeout=TIMEOUT_S)
            own = tmp_path / "server.der"
            own.write_bytes(made.link._server.iserver.endpoints[0].ServerCertificate)  # type: ignore[union-attr]
            await client.set_security(POLICIES[policy], by.file, by.key_file, server_certificate=str(own), mode=mode)
            with pytest.raises(UaStatusCodeError) as refused:
                await client.connect()
            assert refused.value.code in (
                StatusCodes.BadSecurityPolicyRejected,
                StatusCodes.BadSecurityModeRejected,
            )
        endpoints = await Client(made.url, timeout=TIMEOUT_S).connect_and_get_server_endpoints()
        assert len(endpoints) == 1
        async with await secured(made.url, by) as client:
            assert await read(client, "status.map_signature") == [20555]


def test_users_are_identified_by_the_policy_of_their_endpoint() -> None:
    """Without encryption every client's first choice is what all of them know; the better ones are there too."""
    offer = Offer(unencrypted=True)
    kinds = (ua.AnonymousIdentityToken, ua.UserNameIdentityToken, ua.X509IdentityToken)
    for policy in offer.chosen:
        tokens = offer.user_tokens(kinds, policy.uri)
        shown = [(one.PolicyId, one.SecurityPolicyUri) for one in tokens]
        assert shown == [("anonymous", NONE_URI), ("username", policy.uri), ("certificate", policy.uri)]
    named = [one for one in offer.user_tokens(kinds, NONE_URI) if one.TokenType == ua.UserTokenType.UserName]
    best_last = [one.uri for one in reversed(offer.chosen)]
    assert [one.SecurityPolicyUri for one in named] == best_last
    assert len({one.PolicyId for one in named}) == 3
    assert {one.SecurityPolicyUri for one in offer.user_tokens(kinds[1:], NONE_URI)} == set(best_last)


def test_broken_policies_are_no_choice() -> None:
    for name in ("None", "Basic128Rsa15", "Basic256"):
        with pytest.raises(ValidationError):
            OpcUaSettings(security_policies=(name,))  # type: ignore[arg-type]  # as TOML gives it
    with pytest.raises(ValidationError):
        OpcUaSettings(security_policies=())


async def test_a_session_is_for_the_certificate_of_its_channel(tmp_path: Path) -> None:
    """asyncua never compares them."""
    by, another = paper(tmp_path), paper(tmp_path, "another", number=7)
    root = tmp_path / "certificates"
    for one in (by, another):
        TrustFolder(root).put(one.certificate, "trusted")
    async with bench(view(DeskStation()), client_certificates="trusted", certificates=root) as made:
        client = await secured(made.url, by)
        await client.connect_sessionless()
        try:
            params = ua.CreateSessionParameters()
            params.ClientDescription.ApplicationUri = ua.String("urn:client:scada")
            params.ClientNonce, params.ClientCertificate = ua.ByteString(bytes(32)), ua.ByteString(another.der)
            with pytest.raises(UaStatusCodeError) as refused:
                await client.uaclient.create_session(params)
            assert refused.value.code == StatusCodes.BadCertificateInvalid
        finally:
            await client.disconnect_sessionless()


async def test_a_client_signs_what_it_activates_before_its_password_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncua answers that the server is broken, after it took the password."""
    async with bench(view(DeskStation()), allow_unencrypted=False) as made:
        asked: list[str] = []
        monkeypatch.setattr(made.link._security.access.doorman, "_find", lambda name, _: asked.append(name))
        client = await secured(made.url, paper(tmp_path))
        await client.connect_sessionless()
        try:
            await client.create_session()
            params = ua.ActivateSessionParameters()
            params.UserIdentityToken = ua.UserNameIdentityToken("username", "pat", b"correct horse", None)
            params.ClientSignature.Signature = bytes(256)
            with pytest.raises(UaStatusCodeError) as refused:
                await client.uaclient.activate_session(params)
            assert refused.value.code == StatusCodes.BadApplicationSignatureInvalid
            assert not asked
            assert "could not be answered" not in caplog.text
        finally:
            await client._cancel_task(client._renew_channel_task)
            await client.disconnect_sessionless()


def test_the_policies_are_asyncuas() -> None:
    """Their URIs and algorithms are looked up there, and are those of OPC UA Part 7."""
    assert {one.name: one.sealing_uri for one in Offer().chosen} == {
        "Aes256_Sha256_RsaPss": "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256",
        "Aes128_Sha256_RsaOaep": "http://www.w3.org/2001/04/xmlenc#rsa-oaep",
        "Basic256Sha256": "http://www.w3.org/2001/04/xmlenc#rsa-oaep",
    }
    assert security_policies.SecurityPolicyNone.URI == NONE_URI
