"""The certificates folder: whom the server trusts, and whom it refused. Files alone; no server has to run.

| folder      | holds                                                                                              |
|-------------|----------------------------------------------------------------------------------------------------|
| `own/`      | the server's certificate and key (older installations have them beside these folders)              |
| `trusted/`  | certificates of clients that may connect, and of authorities whose clients may                     |
| `rejected/` | certificates of clients that were refused because nobody trusts them yet                           |
| `issuers/`  | certificates of authorities between a client and a trusted one; they are not trusted by themselves |
| `crl/`      | revocation lists of those authorities                                                              |
| `users/`    | certificates that users log in by                                                                  |

DER or PEM, whatever their names. Everything here blocks: call it in a thread.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.core.errors import LinkError
from gateway.plc.opcua.security.private_files import PUBLIC, make_folder, replace

log = logging.getLogger(__name__)

OWN, TRUSTED, REJECTED, ISSUERS, CRL, USERS = "own", "trusted", "rejected", "issuers", "crl", "users"

MOST_REJECTED = 64
"""Files in `rejected/`; beyond that the oldest goes. Whoever is at the machine sees who has just been refused."""

MOST_FILES = 1000
"""Files looked at in one folder."""

LARGEST_FILE = 256 * 1024
"""Bytes of a certificate or a revocation list. A larger one was put there by mistake."""

WARN_BEFORE = timedelta(days=30)
"""Time to plan for a new certificate."""


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate and the file that holds it."""

    file: Path
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.certificate)


class TrustFolder:
    """The folder of one server."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, name: str) -> Path:
        """One of the folders in it."""
        return self.root / name

    def found(self, place: str) -> list[Found]:
        """The certificates in one of the folders; what is none is told of and left alone."""
        certificates = []
        for file in self.files(place):
            try:
                certificates.append(Found(file, read_certificate(file)))
            except LinkError as error:
                log.warning("%s; nobody is trusted by it", error)
        return certificates

    def files(self, place: str) -> Iterator[Path]:
        """The files in one of the folders, by name; hidden ones are being written."""
        try:
            names = sorted(os.listdir(self.place(place)))[:MOST_FILES]
        except FileNotFoundError:
            return
        yield from (self.place(place) / name for name in names if not name.startswith("."))

    def trust(self, which: str) -> Found:
        """Trust a certificate in `rejected/`, or a file from elsewhere. Raises LinkError, OSError."""
        if Path(which).is_file():
            return self.put(read_certificate(Path(which)), TRUSTED)
        return self._move(which, REJECTED, TRUSTED)

    def reject(self, which: str) -> Found:
        """Trust a certificate in `trusted/` no longer. Raises LinkError, OSError."""
        return self._move(which, TRUSTED, REJECTED)

    def put(self, certificate: x509.Certificate, place: str) -> Found:
        """Put a certificate into one of the folders, under a name that tells whose it is. Raises OSError."""
        make_folder(self.place(place))
        file = self.place(place) / file_name(certificate)
        replace(file, certificate.public_bytes(Encoding.DER), PUBLIC)
        if place == TRUSTED:
            self._take_out(certificate, REJECTED)
        return Found(file, certificate)

    def keep_rejected(self, certificate: x509.Certificate) -> bool:
        """Put a refused client's certificate into `rejected/`; False where it is there already. Raises OSError."""
        file = self.place(REJECTED) / file_name(certificate)
        if file.exists():
            return False
        self.put(certificate, REJECTED)
        self._make_room()
        return True

    def _make_room(self) -> None:
        files = sorted(self.files(REJECTED), key=_modified)
        for file in files[: max(0, len(files) - MOST_REJECTED)]:
            file.unlink(missing_ok=True)

    def _move(self, which: str, here: str, there: str) -> Found:
        found = self._find(which, here)
        moved = self.put(found.certificate, there)
        self._take_out(found.certificate, here)
        return moved

    def _take_out(self, certificate: x509.Certificate, place: str) -> None:
        """Whatever the file's name is, and wherever else it lies in that folder."""
        for one in self.found(place):
            if one.certificate == certificate:
                one.file.unlink(missing_ok=True)

    def _find(self, which: str, place: str) -> Found:
        """The one certificate that is meant: by its file's name, its own name, or the start of its thumbprint."""
        here = self.found(place)
        mark = which.replace(":", "").replace(" ", "").upper()
        meant = {
            one.thumbprint: one
            for one in here
            if which in (one.file.name, common_name(one.certificate))
            or (len(mark) >= 4 and one.thumbprint.startswith(mark))
        }
        if len(meant) == 1:
            return next(iter(meant.values()))
        count = f"{len(meant)} certificates" if meant else "no certificate"
        hint = "name one by the start of its thumbprint; `pekat-gateway certs list` shows them"
        raise LinkError(f"{count} in {self.place(place)} can be meant by {which!r}", hint=hint)


def read_certificate(file: Path) -> x509.Certificate:
    """The certificate in a file, DER or PEM. Raises LinkError where there is none."""
    try:
        content = _content(file)
        pem = content.lstrip().startswith(b"-----BEGIN")
        certificate = x509.load_pem_x509_certificate(content) if pem else x509.load_der_x509_certificate(content)
        certificate.public_key()
        certificate.extensions  # noqa: B018 - parsed only when asked for; it fails here or in the middle of a login
    except OSError as error:
        raise LinkError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        raise LinkError(f"{file} holds no certificate in DER or PEM", hint="name a certificate's file") from error
    return certificate


def read_crl(file: Path) -> x509.CertificateRevocationList:
    """The revocation list in a file, DER or PEM. Raises LinkError where there is none."""
    try:
        content = _content(file)
        return x509.load_pem_x509_crl(content) if content.startswith(b"-----") else x509.load_der_x509_crl(content)
    except OSError as error:
        raise LinkError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise LinkError(f"{file} holds no revocation list in DER or PEM") from error


def _content(file: Path) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("too large")
    return content


def status_of(file: Path) -> os.stat_result | None:
    """The file's size and times; None where somebody was quicker and took it away."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _modified(file: Path) -> float:
    found = status_of(file)
    return found.st_mtime if found is not None else 0.0


# ---- what a certificate says -------------------------------------------------------------------------------------


def thumbprint(certificate: x509.Certificate) -> str:
    """SHA-1, as OPC UA tools show it. For people to tell certificates apart; nothing is decided by it."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, in small letters: what a user is known by."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """Whose it says it is; "" where it does not."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def application_uris(certificate: x509.Certificate) -> Sequence[str]:
    """The applications that it is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def days_left(certificate: x509.Certificate, now: datetime | None = None) -> int:
    """Whole days until it expires; negative afterwards."""
    return (certificate.not_valid_after_utc - (now or datetime.now(UTC))).days


def file_name(certificate: x509.Certificate) -> str:
    """`NAME [THUMBPRINT].der`, as OPC UA servers name such files; the name is cut down to what every disk takes."""
    name = re.sub(r"[^A-Za-z0-9._-]+", " ", common_name(certificate)).strip(" .")[:40]
    return f"{name or 'unnamed'} [{thumbprint(certificate)}].der"
