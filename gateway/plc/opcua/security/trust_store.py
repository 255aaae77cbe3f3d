"""Which client certificates are trusted now: checked as OPC UA Part 4, 6.1.3 wants it, each refusal with its own code.

| check                                                              | status                        |
|--------------------------------------------------------------------|-------------------------------|
| it can be read                                                     | BadCertificateInvalid         |
| it lies in `trusted/`, or an authority there has issued it         | BadCertificateUntrusted       |
| RSA of 2048 to 4096 bits, signed with SHA-256 or better            | BadCertificatePolicyCheckFailed |
| valid now                                                          | BadCertificateTimeInvalid     |
| for signing and encrypting, as a client                            | BadCertificateUseNotAllowed   |
| on no revocation list in `crl/`                                    | BadCertificateRevoked         |
| for the application URI that the client says it has                | BadCertificateUriInvalid      |

A client is told which check it failed: who sets one up needs to know, and learns nothing that helps to get in. A
revocation list that is missing refuses nobody, and one that is out of date counts on: a line must not stand still
because an office forgot to copy a file.
"""

import logging
import queue
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from gateway.core.errors import LinkError
from gateway.plc.opcua.security.certificate_checks import (
    CertificateRefused,
    Revoked,
    check_dates,
    check_revoked,
    check_strength,
    check_use,
    is_authority,
    parse,
    shown,
)
from gateway.plc.opcua.security.trust_folder import (
    CRL,
    ISSUERS,
    REJECTED,
    TRUSTED,
    USERS,
    TrustFolder,
    fingerprint,
    read_crl,
    status_of,
    thumbprint,
)

log = logging.getLogger(__name__)

WAITING = 16
"""Refused certificates that wait to be written to `rejected/`. A client that comes again is written then."""


def _may_issue(_policy: object, certificate: x509.Certificate, extension: x509.BasicConstraints) -> None:
    if not extension.ca:
        raise ValueError(f"{shown(certificate)} is no authority")


_ANYTHING = ExtensionPolicy.permit_all()
"""What a client's certificate is for is another check, with a status of its own."""
_AUTHORITY = _ANYTHING.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _may_issue)


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the folders held when they were looked at last."""

    clients: frozenset[bytes] = frozenset()
    authorities: Sequence[x509.Certificate] = ()
    issuers: Sequence[x509.Certificate] = ()
    users: frozenset[str] = frozenset()
    revoked: Revoked = field(default_factory=lambda: MappingProxyType({}))


class TrustStore:
    """The certificates folder in use. `look` runs in the watching thread; everything else only looks at memory."""

    def __init__(self, folder: TrustFolder) -> None:
        self._folder = folder
        self._trusted = Trusted()
        self._seen: tuple[object, ...] = ()
        self._unwritable = False
        self._refused: queue.Queue[x509.Certificate] = queue.Queue(WAITING)

    def open(self) -> None:
        """Read the folders. Blocks. Raises OSError where one of them cannot be read."""
        self._seen = self._stamp()
        self._trusted = self._read()

    def look(self) -> bool:
        """Read the folders again where they changed, write down who was refused; whether they changed. Blocks."""
        stamp = self._stamp()
        changed = stamp != self._seen
        if changed:
            trusted = self._read()
            self._seen, self._trusted = stamp, trusted
        self._write_refused()
        return changed

    # ---- clients -------------------------------------------------------------------------------------------

    def check(self, sent: bytes, *, at: datetime | None = None) -> x509.Certificate:
        """The certificate that a client sent, alone or before those that issued it, as good for a channel at this time.

        `at` None: whenever; a channel that is open outlives the certificate that it was opened by, as its renewal each
        hour must not cut a line off at midnight. Raises CertificateRefused.
        """
        certificate, *chain = parse(sent)
        trusted = self._trusted
        if not self._trusts(certificate, chain, trusted, at):
            self._note(certificate)
            raise CertificateRefused(StatusCodes.BadCertificateUntrusted, f"{shown(certificate)} is not trusted")
        check_strength(certificate)
        if at is not None:
            check_dates(certificate, at)
        check_use(certificate)
        check_revoked(certificate, trusted.revoked)
        return certificate

    def check_user(self, certificate: x509.Certificate, at: datetime) -> None:
        """Raises CertificateRefused for a certificate that no user can log in by now."""
        if fingerprint(certificate) not in self._trusted.users:
            why = f"{shown(certificate)} does not lie in {self._folder.place(USERS)}"
            raise CertificateRefused(StatusCodes.BadIdentityTokenRejected, why)
        check_strength(certificate)
        check_dates(certificate, at)
        check_revoked(certificate, self._trusted.revoked)

    def _trusts(
        self, certificate: x509.Certificate, chain: Sequence[x509.Certificate], trusted: Trusted, at: datetime | None
    ) -> bool:
        """Whether it lies in `trusted/`, or was issued by an authority there, maybe by way of others.

        Raises CertificateRefused where one of those was revoked.
        """
        if certificate.public_bytes(Encoding.DER) in trusted.clients:
            return True
        if not trusted.authorities:
            return False
        builder = PolicyBuilder().store(Store(list(trusted.authorities))).time(_time_to_verify(certificate, at))
        verifier = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_ANYTHING).build_client_verifier()
        try:
            path = verifier.verify(certificate, [*trusted.issuers, *chain]).chain
        except VerificationError as error:
            log.debug("%s: %s", shown(certificate), error)
            return False
        for one in path[1:]:
            check_revoked(one, trusted.revoked, StatusCodes.BadCertificateIssuerRevoked)
        return True

    def _note(self, certificate: x509.Certificate) -> None:
        try:
            self._refused.put_nowait(certificate)
        except queue.Full:
            log.debug("too many refused certificates at once; %s is not kept", shown(certificate))

    # ---- files ---------------------------------------------------------------------------------------------

    def _write_refused(self) -> None:
        while not self._refused.empty():
            certificate = self._refused.get_nowait()
            if certificate.public_bytes(Encoding.DER) in self._trusted.clients:
                continue  # trusted a moment after it was refused
            try:
                new = self._folder.keep_rejected(certificate)
            except OSError as error:
                if not self._unwritable:
                    log.error("%s cannot be kept in %s: %s", shown(certificate), self._folder.place(REJECTED), error)
                self._unwritable = True
                continue
            self._unwritable = False
            if new:
                mark = thumbprint(certificate)[:12]
                log.warning("%s was refused; to trust it: pekat-gateway certs trust %s", shown(certificate), mark)

    def _read(self) -> Trusted:
        trusted = [one.certificate for one in self._folder.found(TRUSTED)]
        issuers = [one.certificate for one in self._folder.found(ISSUERS)]
        authorities = [one for one in trusted if is_authority(one)]
        return Trusted(
            frozenset(one.public_bytes(Encoding.DER) for one in trusted),
            authorities,
            issuers,
            frozenset(fingerprint(one.certificate) for one in self._folder.found(USERS)),
            self._revoked([*authorities, *issuers]),
        )

    def _revoked(self, authorities: Sequence[x509.Certificate]) -> Revoked:
        """Serial numbers by issuer; only from lists that an authority here has signed."""
        revoked: dict[bytes, frozenset[int]] = {}
        for file in self._folder.files(CRL):
            try:
                crl = read_crl(file)
            except LinkError as error:
                log.warning("%s; nobody is refused by it", error)
                continue
            if not any(_signed(crl, one) for one in authorities):
                log.warning("%s is signed by no authority in trusted/ or issuers/; nobody is refused by it", file)
                continue
            if crl.next_update_utc is not None and crl.next_update_utc < datetime.now(UTC):
                log.warning("%s is out of date since %s; it counts on", file, crl.next_update_utc.date())
            issuer = crl.issuer.public_bytes()
            revoked[issuer] = revoked.get(issuer, frozenset()) | {one.serial_number for one in crl}
        return MappingProxyType(revoked)

    def _stamp(self) -> tuple[object, ...]:
        """Differs where a file came, went, or was written."""
        return tuple(
            (place, file.name, found.st_mtime_ns, found.st_size, found.st_ino)
            for place in (TRUSTED, ISSUERS, CRL, USERS)
            for file in self._folder.files(place)
            if (found := status_of(file)) is not None
        )


def _time_to_verify(certificate: x509.Certificate, at: datetime | None) -> datetime:
    """Whether a certificate is valid now is a check of its own: as long as it is not, its issuers are asked for its
    first day.
    """
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return at if at is not None and first <= at <= last else first


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if crl.issuer != issuer.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return crl.is_signature_valid(key)
