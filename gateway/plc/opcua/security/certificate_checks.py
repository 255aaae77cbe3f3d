"""The checks that one certificate has to pass by itself: OPC UA Part 4, 6.1.3. Each raises CertificateRefused."""

import contextlib
from collections.abc import Mapping
from datetime import datetime

from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.plc.opcua.security.trust_folder import application_uris, common_name, thumbprint

LONGEST_CHAIN = 5
"""Certificates that one client may send."""

Revoked = Mapping[bytes, frozenset[int]]
"""Serial numbers that are worth nothing any more, by their issuer's name in DER."""

_FOR_CLIENTS = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
_WEAK = (hashes.MD5, hashes.SHA1)


class CertificateRefused(Exception):  # noqa: N818 - what happened, in the words of the specification
    """A client's certificate is not taken. `code` is its status, the text says why."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def shown(certificate: x509.Certificate) -> str:
    """A certificate in a log: whose it is, and the start of its thumbprint."""
    return f"certificate {common_name(certificate)!r:.80} [{thumbprint(certificate)[:12]}]"


def parse(sent: bytes) -> list[x509.Certificate]:
    """The certificate that was sent, then those that it was sent with: DER, one after the other."""
    certificates: list[x509.Certificate] = []
    rest = sent
    while rest and len(certificates) < LONGEST_CHAIN:
        size = _der_size(rest)
        try:
            certificate = x509.load_der_x509_certificate(rest[:size])
            certificate.public_key()
            certificate.extensions  # noqa: B018 - parsed only when asked for; broken ones fail here
        except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
            raise CertificateRefused(StatusCodes.BadCertificateInvalid, "what was sent is no certificate") from error
        certificates.append(certificate)
        rest = rest[size:]
    if not certificates:
        raise CertificateRefused(StatusCodes.BadCertificateInvalid, "no certificate was sent")
    return certificates


def _der_size(data: bytes) -> int:
    """Bytes of the first structure in DER, its head included."""
    first = data[1] if len(data) > 1 else 0
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")


def check_strength(certificate: x509.Certificate) -> None:
    """RSA of 2048 to 4096 bits, signed with SHA-256 or better: what all offered policies ask for."""
    key, signed_with = certificate.public_key(), certificate.signature_hash_algorithm
    sound = isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096
    if not sound or signed_with is None or isinstance(signed_with, _WEAK):
        why = f"{shown(certificate)} is weak: it takes RSA of 2048 to 4096 bits, signed with SHA-256 or better"
        raise CertificateRefused(StatusCodes.BadCertificatePolicyCheckFailed, why)


def check_dates(certificate: x509.Certificate, at: datetime) -> None:
    """Valid at this time."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= at <= last:
        why = f"{shown(certificate)} is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d} only"
        raise CertificateRefused(StatusCodes.BadCertificateTimeInvalid, why)


def check_use(certificate: x509.Certificate) -> None:
    """For signing and encrypting, as a client; where it does not say what it is for, it is for everything."""
    extensions = certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        right = usage.digital_signature and (usage.key_encipherment or usage.data_encipherment)
    except x509.ExtensionNotFound:
        right = True
    with contextlib.suppress(x509.ExtensionNotFound):
        right = right and bool(_FOR_CLIENTS & set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value))
    if not right:
        why = f"{shown(certificate)} is not for signing and encrypting as a client"
        raise CertificateRefused(StatusCodes.BadCertificateUseNotAllowed, why)


def check_revoked(
    certificate: x509.Certificate, revoked: Revoked, code: int = StatusCodes.BadCertificateRevoked
) -> None:
    """On none of these lists."""
    if certificate.serial_number in revoked.get(certificate.issuer.public_bytes(), frozenset()):
        raise CertificateRefused(code, f"{shown(certificate)} was revoked by its issuer")


def check_uri(certificate: x509.Certificate, uri: str | None) -> None:
    """For the application that the client says it is."""
    uris = application_uris(certificate)
    if not uri or uri not in uris:
        why = f"{shown(certificate)} is for {', '.join(uris) or 'no application'}, not for {uri!r:.200}"
        raise CertificateRefused(StatusCodes.BadCertificateUriInvalid, why)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue others."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
