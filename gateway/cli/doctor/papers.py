"""The certificates of the OPC UA server and its clients."""

import os
from collections.abc import Iterator

from gateway.cli.doctor.finding import Finding, Patient, defect, ok, warning
from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE, KEY_FILE
from gateway.plc.opcua.security.own_certificate import pair_folder
from gateway.plc.opcua.security.trust_folder import (
    REJECTED,
    TRUSTED,
    WARN_BEFORE,
    Found,
    TrustFolder,
    common_name,
    days_left,
    read_certificate,
)

RENEW = "pekat-gateway certs renew; clients have to trust the new one"


def look_at_certificates(patient: Patient) -> Iterator[Finding]:
    """Ours, those that we trust, and those that wait to be trusted."""
    opcua = patient.settings.links.opcua
    if opcua is None:
        return
    folder = opcua.trust_folder
    yield from _own(folder, patient)
    for found in folder.found(TRUSTED):
        yield _dated(found, f"trusted: {common_name(found.certificate)}", "ask for its new certificate", patient)
    waiting = len(folder.found(REJECTED))
    if waiting and opcua.client_certificates == "trusted":
        text = f"{waiting} clients were refused and wait to be trusted"
        yield warning("rejected", text, "pekat-gateway certs list; then certs trust THUMBPRINT for those you know")


def _own(folder: TrustFolder, patient: Patient) -> Iterator[Finding]:
    file, key = pair_folder(folder) / CERTIFICATE_FILE, pair_folder(folder) / KEY_FILE
    if not file.exists():
        yield ok("own certificate", "none yet: the first start makes one")
        return
    yield _dated(Found(file, read_certificate(file)), "own certificate", RENEW, patient)
    if not key.exists():
        cure = f"put {KEY_FILE} back, or move both away for new ones, which clients then have to trust"
        yield defect("own key", f"{key} is missing", cure)
    elif os.name == "posix" and key.stat().st_mode & 0o077:
        yield warning("own key", f"other users may read {key}", f"chmod 600 {key}")


def _dated(found: Found, subject: str, cure: str, patient: Patient) -> Finding:
    now = patient.clock.now()
    left, until = days_left(found.certificate, now), f"{found.certificate.not_valid_after_utc:%Y-%m-%d}"
    if left < 0:
        return defect(subject, f"expired on {until}: {found.file}", cure)
    if now < found.certificate.not_valid_before_utc:
        begins = f"{found.certificate.not_valid_before_utc:%Y-%m-%d}"
        return defect(subject, f"not valid before {begins}: {found.file}", f"see the lines about the clock; or {cure}")
    if left < WARN_BEFORE.days:
        return warning(subject, f"expires on {until}, in {left} days", cure)
    return ok(subject, f"valid until {until}")
