"""How a client proves who it is: what an identity token may look like, and what it has to be signed or sealed by.

asyncua accepts passwords in plain text over an open connection, decrypts weak encryptions, never looks at the nonce in
an encrypted password, so that one that was overheard works for ever, takes a user certificate that is signed by SHA-1,
and takes any certificate at all where nobody gave it a list. Nothing of it is used here.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from struct import unpack_from

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security.accounts_file import LONGEST_NAME
from gateway.plc.opcua.security.certificate_checks import CertificateRefused, parse
from gateway.plc.opcua.security.policies import POLICIES, Policy
from gateway.plc.opcua.security.trust_folder import thumbprint
from gateway.plc.opcua.security.users import LONGEST_PASSWORD, Channel


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a proof has to fit: the server's key and last nonce, the channel, and the policies allowed on it."""

    key: RSAPrivateKey
    nonce: bytes
    channel: Channel
    policies: Sequence[Policy] = POLICIES


def who(params: ua.ActivateSessionParameters) -> str:
    """Who somebody says he is, for counting his failures and for the log; "" where he does not say."""
    token = params.UserIdentityToken
    if isinstance(token, ua.UserNameIdentityToken):
        return token.UserName or ""
    if isinstance(token, ua.X509IdentityToken):
        try:
            return f"certificate {thumbprint(parse(bytes(token.CertificateData or b''))[0])[:12]}"
        except CertificateRefused:
            return "a broken certificate"
    return ""


def is_anonymous(params: ua.ActivateSessionParameters) -> bool:
    """Somebody without a name; a token that is not there counts as one (Part 4, 5.6.3)."""
    token = params.UserIdentityToken
    empty = isinstance(token, ua.ExtensionObject) and token.TypeId == standard_id(ObjectIds.Null)
    return token is None or empty or isinstance(token, ua.AnonymousIdentityToken)


def credentials(token: ua.UserNameIdentityToken, challenge: Challenge) -> tuple[str, str]:
    """Name and password of a token.

    In plain text only where the channel is encrypted, else by RSA-OAEP as one of the policies has it, with the nonce
    that the server gave last. Raises ServiceError for what is not allowed or cannot be read.
    """
    name, sealed = token.UserName, bytes(token.Password or b"")
    if not name or len(name) > LONGEST_NAME:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    if not token.EncryptionAlgorithm and not challenge.channel.encrypted:
        raise ServiceError(StatusCodes.BadIdentityTokenRejected)
    if not token.EncryptionAlgorithm and len(sealed) > LONGEST_PASSWORD:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    try:
        plain = _opened(sealed, token.EncryptionAlgorithm, challenge) if token.EncryptionAlgorithm else sealed
        return name, plain.decode()
    except ValueError as error:  # what was not sealed for this key and this session, and what is no UTF-8
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid) from error


def _opened(sealed: bytes, algorithm: str, challenge: Challenge) -> bytes:
    """The password in an encrypted secret of OPC UA Part 4, 7.41.2.2: length, password, nonce."""
    policy = next((one for one in challenge.policies if one.sealing_uri == algorithm), None)
    if policy is None:
        raise ServiceError(StatusCodes.BadIdentityTokenRejected)
    plain, nonce = challenge.key.decrypt(sealed, policy.sealing), challenge.nonce
    length = unpack_from("<I", plain)[0] if len(plain) >= 4 else -1
    if length != len(plain) - 4 or not hmac.compare_digest(plain[-len(nonce) :], nonce):
        raise ValueError("not sealed for this session")
    return plain[4 : -len(nonce)]


def proven(token: ua.X509IdentityToken, signature: ua.SignatureData, challenge: Challenge) -> x509.Certificate:
    """The certificate of a token, whose key its sender has: he signed the server's certificate and last nonce.

    Whether it is anybody's, is another question. Raises ServiceError.
    """
    try:
        certificate = parse(bytes(token.CertificateData or b""))[0]
    except CertificateRefused as error:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid) from error
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ServiceError(StatusCodes.BadIdentityTokenRejected)
    policy = next((one for one in challenge.policies if one.signing_uri == signature.Algorithm), None)
    if policy is None:
        raise ServiceError(StatusCodes.BadUserSignatureInvalid)
    signed = challenge.channel.server_certificate + challenge.nonce
    try:
        key.verify(bytes(signature.Signature or b""), signed, policy.signing, hashes.SHA256())
    except InvalidSignature as error:
        raise ServiceError(StatusCodes.BadUserSignatureInvalid) from error
    return certificate
