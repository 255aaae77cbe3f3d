"""Certificates for clients and users, and clients that use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.opcua.desk import PASSWORD, PAT, TIMEOUT_S

URI = "urn:client:scada"
_KEYS: dict[int, rsa.RSAPrivateKey] = {}


def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key made once for all tests: each takes tenths of a second."""
    return _KEYS.setdefault(number + bits * 1000, rsa.generate_private_key(65_537, bits))


@dataclass(frozen=True)
class Paper:
    """A certificate and its key, as files."""

    file: Path
    key_file: Path
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def paper(
    folder: Path,
    name: str = "scada",
    *,
    number: int = 0,
    uri: str | None = URI,
    days: tuple[float, float] = (-1, 365),
    issuer: Paper | None = None,
    authority: bool = False,
    usage: Mapping[str, bool] | None = None,
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    bits: int = 2048,
) -> Paper:
    """A certificate that is right unless the test says what is wrong. `days` from now: first and last day."""
    own = key(number, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    given = {"digital_signature": True, "key_encipherment": True, "data_encipherment": True, **(usage or {})}
    names = ("content_commitment", "key_agreement", "encipher_only", "decipher_only")
    key_usage = x509.KeyUsage(
        **{**dict.fromkeys(names, False), "key_cert_sign": authority, "crl_sign": authority, **given}
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(key_usage, critical=True)
    )
    if purposes and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if uri is not None:
        san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")])
        builder = builder.add_extension(san, critical=False)
    certificate = builder.sign(issuer.key if issuer else own, hashes.SHA256())
    return _kept(folder, name, certificate, own)


def _kept(folder: Path, name: str, certificate: x509.Certificate, own: rsa.RSAPrivateKey) -> Paper:
    folder.mkdir(parents=True, exist_ok=True)
    file, key_file = folder / f"{name}.der", folder / f"{name}.key.pem"
    file.write_bytes(certificate.public_bytes(Encoding.DER))
    key_file.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Paper(file, key_file, certificate, own)


def revocation(issuer: Paper, *revoked: Paper) -> bytes:
    """The issuer's list of certificates that are worth nothing any more, in PEM."""
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(now - timedelta(days=1)).next_update(now + timedelta(days=30))
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


POLICIES: Mapping[str, Any] = {
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
}


async def secured(
    url: str,
    by: Paper,
    *,
    policy: str = "Aes256_Sha256_RsaPss",
    mode: ua.MessageSecurityMode = ua.MessageSecurityMode.SignAndEncrypt,
    user: str | None = PAT,
    password: str = PASSWORD,
    uri: str = URI,
) -> Client:
    """A client that is ready to connect."""
    client = Client(url, timeout=TIMEOUT_S)
    client.application_uri = uri
    if user is not None:
        client.set_user(user)
        client.set_password(password)
    await client.set_security(POLICIES[policy], by.file, by.key_file, mode=mode)
    return client
