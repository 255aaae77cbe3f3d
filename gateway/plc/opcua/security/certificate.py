"""The server's certificate and private key: made once, at the first start, and used ever since.

`server_certificate.der` and `server_key.pem` in one folder. Nothing that stands there is ever overwritten by itself:
clients trust this very certificate, and a new one that nobody asked for would lock them all out.
"""

import ipaddress
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.core.errors import LinkError
from gateway.plc.opcua.security.private_files import PRIVATE, PUBLIC, keep_private, write_new
from gateway.plc.opcua.security.private_files import replace as replace_file

log = logging.getLogger(__name__)

CERTIFICATE_FILE = "server_certificate.der"
KEY_FILE = "server_key.pem"

KEY_BITS = 2048
"""Basic256Sha256 takes 2048 to 4096 bits; 2048 is what every client can do, and is quick to make and to use."""

LIFETIME = timedelta(days=3653)
"""Ten years. Nobody revokes or renews a self-signed certificate by itself: a short life would protect nothing, and
stop a line on a day that nobody remembers. It should outlive the machine's PC, and the start warns ahead of its end."""

CLOCK_SLACK = timedelta(days=1)
"""Valid from the day before: the clocks of PLCs differ, and a time zone may be wrong."""

_RENEW = "pekat-gateway certs renew: it makes a new one for the same key, and clients must trust it"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate that is valid now, its key, and the application URI that it names."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    uri: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the certificate has to say. `uri` None: what a certificate that is there says, else `new_uri`.

    `hosts` are named by a new one; `told` are those that clients are told: one that is there should name them.
    """

    name: str
    hosts: Sequence[str]
    uri: str | None
    new_uri: str
    told: Sequence[str] = ()


def obtain(folder: Path, wanted: Wanted) -> ServerCertificate:
    """The certificate in this folder; made now where there is none. Blocks: call it in a thread.

    Raises LinkError where it is unreadable, not valid now, or does not fit its key or the configured URI.
    """
    certificate_file, key_file = folder / CERTIFICATE_FILE, folder / KEY_FILE
    if certificate_file.exists() and not key_file.exists():
        raise LinkError(
            f"{certificate_file} has no private key beside it",
            hint=f"put {KEY_FILE} back, or move the certificate away: a new pair is made then",
        )
    try:
        key = _read_key(key_file) if key_file.exists() else _make_key(key_file)
        if not certificate_file.exists():
            _make_certificate(certificate_file, key, wanted)
        certificate = _read_certificate(certificate_file)
    except OSError as error:
        raise LinkError(
            f"the OPC UA certificate in {folder} cannot be read or made: {error.strerror or error}",
            hint="let this user read and write that folder, or name another one as links.opcua.certificates",
        ) from error
    return _checked(certificate, key, certificate_file, wanted)


def make_again(folder: Path, wanted: Wanted, aside: Path) -> ServerCertificate:
    """A new certificate for the key in this folder, for the same application URI unless another one is wanted.

    The old one is kept as the file `aside`. Blocks. Raises LinkError.
    """
    file = folder / CERTIFICATE_FILE
    try:
        key, old = _read_key(folder / KEY_FILE), _read_certificate(file)
        uris, _ = _said(old)
        uri = wanted.uri or next(iter(uris), wanted.new_uri)
        content = _self_signed(key, replace(wanted, uri=uri)).public_bytes(serialization.Encoding.DER)
        write_new(aside, file.read_bytes(), PUBLIC)
        replace_file(file, content, PUBLIC)
        return _checked(_read_certificate(file), key, file, wanted)
    except OSError as error:
        raise LinkError(
            f"the certificate in {folder} cannot be renewed: {error.strerror or error}",
            hint="run it as a user who may write there",
        ) from error


# ---- making ------------------------------------------------------------------------------------------------------


def _make_key(file: Path) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    write_new(file, key.private_bytes(encoding, form, serialization.NoEncryption()), mode=PRIVATE)
    return key


def _make_certificate(file: Path, key: rsa.RSAPrivateKey, wanted: Wanted) -> None:
    certificate = _self_signed(key, wanted)
    write_new(file, certificate.public_bytes(serialization.Encoding.DER), mode=PUBLIC)
    log.info("made %s, valid until %s", file, certificate.not_valid_after_utc.date())


def _self_signed(key: rsa.RSAPrivateKey, wanted: Wanted) -> x509.Certificate:
    """An application instance certificate as OPC UA Part 6, 6.2.2 wants it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.name[:64])])
    now = datetime.now(UTC)
    public = key.public_key()
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_names(wanted)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(uses, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _key_usage() -> x509.KeyUsage:
    """All that OPC UA asks for; the certificate signs itself and nothing else."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(wanted: Wanted) -> Iterable[x509.GeneralName]:
    yield x509.UniformResourceIdentifier(wanted.uri or wanted.new_uri)
    for host in wanted.hosts:
        try:
            yield x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            yield x509.DNSName(_ascii(host))


# ---- reading -----------------------------------------------------------------------------------------------------


def _read_key(file: Path) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError) as error:  # TypeError: it is encrypted
        raise LinkError(f"{file} holds no private key in PEM without a password", hint=_start_over(file)) from error
    if not isinstance(key, rsa.RSAPrivateKey) or not 2048 <= key.key_size <= 4096:
        raise LinkError(
            f"{file} is no RSA key of 2048 to 4096 bits, as Basic256Sha256 wants it", hint=_start_over(file)
        )
    keep_private(file, "the private key")
    return key


def _read_certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise LinkError(f"{file} holds no certificate in DER", hint=_start_over(file)) from error


def _checked(certificate: x509.Certificate, key: rsa.RSAPrivateKey, file: Path, wanted: Wanted) -> ServerCertificate:
    if certificate.public_key() != key.public_key():
        raise LinkError(f"{file} does not belong to {file.parent / KEY_FILE}", hint=_start_over(file))
    _check_dates(certificate, file)
    uris, hosts = _said(certificate)
    uri = wanted.uri or next(iter(uris), "")
    if not uri or uri not in uris:
        raise LinkError(
            f"{file} is for the application URI {', '.join(uris) or '(none)'}, not for {uri or wanted.new_uri}",
            hint=f"write that one as links.opcua.application_uri, or {_RENEW}",
        )
    unnamed = [host for host in wanted.told if _comparable(host) not in {_comparable(one) for one in hosts}]
    if unnamed:
        log.warning(
            "%s does not name %s: clients that check it refuse the server there; to mend it, %s",
            file,
            ", ".join(unnamed),
            _RENEW,
        )
    return ServerCertificate(certificate, key, uri)


def _check_dates(certificate: x509.Certificate, file: Path) -> None:
    now = datetime.now(UTC)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < first:
        raise LinkError(f"{file} is not valid before {first:%Y-%m-%d}", hint="set this machine's clock right")
    if now > last:
        raise LinkError(
            f"{file} expired on {last:%Y-%m-%d}", hint=f"check this machine's clock; if it is right, {_RENEW}"
        )


def _said(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    """The URIs and the hosts that a certificate names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    return names.get_values_for_type(x509.UniformResourceIdentifier), [*hosts, *addresses]


def _comparable(host: str) -> str:
    """Two ways to write one host are equal here."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _ascii(host).lower()


def _ascii(name: str) -> str:
    return name.encode("idna").decode("ascii")


def _start_over(file: Path) -> str:
    pair = f"{CERTIFICATE_FILE} and {KEY_FILE}"
    return f"put the right file there, or move {pair} out of {file.parent}: a new pair is made then"
