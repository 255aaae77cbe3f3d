"""The security policies that are offered, and what user identities are secured by on each of their endpoints.

asyncua knows the algorithms of a connection. What is here it leaves out: the order that endpoints are offered in, which
algorithms a user's password or proof may come by, and a choice of them for clients on an open connection.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from asyncua import ua
from asyncua.crypto import security_policies
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, AsymmetricPadding, PKCS1v15

PolicyName = Literal["Aes256_Sha256_RsaPss", "Aes128_Sha256_RsaOaep", "Basic256Sha256"]
ModeName = Literal["SignAndEncrypt", "Sign"]

_OAEP_SHA1 = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
"""The SHA-1 in it is no signature, and no weakness here."""
_OAEP_SHA256 = OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
_PSS = PSS(mgf=MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
_PKCS1 = PKCS1v15()


@dataclass(frozen=True, slots=True)
class Policy:
    """One security policy of OPC UA Part 7: its name there, and how users' secrets are sealed and signed by it."""

    name: PolicyName
    kind: type[security_policies.SecurityPolicy]
    sealing: OAEP
    signing: AsymmetricPadding

    @property
    def uri(self) -> str:
        return self.kind.URI

    @property
    def sealing_uri(self) -> str:
        return self.kind.AsymmetricEncryptionURI

    @property
    def signing_uri(self) -> str:
        return self.kind.AsymmetricSignatureURI


POLICIES: tuple[Policy, ...] = (
    Policy("Aes256_Sha256_RsaPss", security_policies.SecurityPolicyAes256Sha256RsaPss, _OAEP_SHA256, _PSS),
    Policy("Aes128_Sha256_RsaOaep", security_policies.SecurityPolicyAes128Sha256RsaOaep, _OAEP_SHA1, _PKCS1),
    Policy("Basic256Sha256", security_policies.SecurityPolicyBasic256Sha256, _OAEP_SHA1, _PKCS1),
)
"""The best one first. Basic128Rsa15 and Basic256 are broken and never offered."""

POLICY_NAMES: tuple[PolicyName, ...] = tuple(one.name for one in POLICIES)
MODE_NAMES: tuple[ModeName, ...] = ("SignAndEncrypt", "Sign")
"""The better one first."""

NONE_URI = security_policies.SecurityPolicyNone.URI

_TYPES: Mapping[tuple[object, object], ua.SecurityPolicyType] = {
    (kind, mode): name for name, (kind, mode, _) in security_policies.SECURITY_POLICY_TYPE_MAP.items()
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers: encrypted endpoints, and an open one (policy None) where `unencrypted`."""

    policies: Sequence[PolicyName] = POLICY_NAMES
    modes: Sequence[ModeName] = MODE_NAMES
    unencrypted: bool = False

    @property
    def chosen(self) -> tuple[Policy, ...]:
        """The best one first, however they were written."""
        return tuple(one for one in POLICIES if one.name in self.policies)

    def types(self) -> list[ua.SecurityPolicyType]:
        """The endpoints in asyncua's words, the best one first: what is encrypted before what is only signed."""
        modes = [ua.MessageSecurityMode[name] for name in MODE_NAMES if name in self.modes]
        secured = [_TYPES[one.kind, mode] for mode in modes for one in self.chosen]
        return [*secured, *([ua.SecurityPolicyType.NoSecurity] if self.unencrypted else [])]

    def of_channel(self, uri: str) -> tuple[Policy, ...]:
        """The policies that a user's identity may be secured by on a channel of this policy.

        On an open channel the client may choose, and the one that every client knows comes first: clients that can do
        no better take the first they see. A sealed password is as safe by the one as by the other.
        """
        if uri == NONE_URI:
            return tuple(reversed(self.chosen))
        return tuple(one for one in self.chosen if one.uri == uri)

    def user_tokens(self, kinds: Iterable[type], uri: str) -> list[ua.UserTokenPolicy]:
        """How a user may identify himself on an endpoint of this policy. Part 4, 7.41."""
        wanted = tuple(kinds)
        tokens = []
        if ua.AnonymousIdentityToken in wanted:
            tokens.append(_token("anonymous", ua.UserTokenType.Anonymous, NONE_URI))
        named = (
            ("username", ua.UserNameIdentityToken, ua.UserTokenType.UserName),
            ("certificate", ua.X509IdentityToken, ua.UserTokenType.Certificate),
        )
        for name, kind, of_type in named:
            for number, policy in enumerate(self.of_channel(uri) if kind in wanted else ()):
                shown = name if number == 0 else f"{name}_{policy.name}"
                tokens.append(_token(shown, of_type, policy.uri))
        return tokens


def _token(name: str, kind: ua.UserTokenType, uri: str) -> ua.UserTokenPolicy:
    token = ua.UserTokenPolicy()
    token.PolicyId, token.TokenType, token.SecurityPolicyUri = name, kind, uri
    return token
