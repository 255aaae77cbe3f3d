"""All checks at once, each in a thread of its own: as long as the slowest takes, and none longer than its time."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from gateway.cli.doctor.clocks import look_at_clock
from gateway.cli.doctor.database import look_at_database
from gateway.cli.doctor.finding import Finding, Grade, Look, Patient, defect, unseen
from gateway.cli.doctor.firewall import look_at_firewall
from gateway.cli.doctor.listening import look_at_ports
from gateway.cli.doctor.machine import look_at_machine
from gateway.cli.doctor.papers import look_at_certificates
from gateway.cli.doctor.pekats import look_at_pekat
from gateway.cli.doctor.pictures import look_at_sources
from gateway.cli.doctor.projects import look_at_projects
from gateway.cli.doctor.storage import look_at_folders
from gateway.core.errors import GatewayError

LONGEST_S = 20.0
"""A folder on a share that hangs never comes back; nothing else takes so long."""


@dataclass(frozen=True, slots=True)
class Check:
    """`asks` says for the documentation what it looks at."""

    name: str
    asks: str
    look: Look


CHECKS: tuple[Check, ...] = (
    Check(
        "ports",
        "Is each port of the links free, ours, or taken, and by which program? May this user listen there?",
        look_at_ports,
    ),
    Check(
        "firewall",
        "Linux: do nft or iptables drop what comes to our ports? What cannot be read is said to be not seen.",
        look_at_firewall,
    ),
    Check(
        "clock",
        "Is the date possible? Does the clock follow a time server? Was it set since the gateway's start, or since the "
        "newest file in the data folder?",
        look_at_clock,
    ),
    Check(
        "folders",
        "Is each folder there? May this user write there? Is there room? How long does the disk take to keep a block?",
        look_at_folders,
    ),
    Check(
        "database",
        "Where the history is in PostgreSQL: does it answer, let us in, and have our tables?",
        look_at_database,
    ),
    Check(
        "pekat",
        "Does each address answer? Is processing on, by its newest image? Does the API key fit? Does its clock show "
        "the same time as ours?",
        look_at_pekat,
    ),
    Check(
        "projects",
        "Where recipes have their projects started: does the Projects Manager answer, and know each of them?",
        look_at_projects,
    ),
    Check(
        "sources",
        "Where no gateway runs: does each camera come up? Where one runs: how are its stations?",
        look_at_sources,
    ),
    Check(
        "certificates",
        "Are the server's and the trusted ones valid? Is the key there, and private? Does a client wait to be trusted?",
        look_at_certificates,
    ),
    Check(
        "machine",
        "Versions, the limit of open files, and for GigE cameras the receive buffer (net.core.rmem_max).",
        look_at_machine,
    ),
)

Examined = list[tuple[str, list[Finding]]]
"""What each check found, in their order."""


def examine(patient: Patient, checks: Sequence[Check] = CHECKS, longest_s: float = LONGEST_S) -> Examined:
    """Look at everything. Never raises; a check that hangs is a defect itself."""
    found: dict[str, list[Finding]] = {}

    def run(check: Check) -> None:
        found[check.name] = _looked(check, patient)

    threads = [threading.Thread(target=run, args=(check,), name=check.name, daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    until = time.monotonic() + longest_s
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.0))
    hung = defect("", f"this took longer than {longest_s:g} s", "a network share or a server hangs: see its network")
    return [(check.name, found.get(check.name, [hung])) for check in checks]


def _looked(check: Check, patient: Patient) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(check.look(patient))
    except (OSError, GatewayError, psutil.Error) as error:
        findings.append(unseen("", f"this could not be looked at to the end: {error}", getattr(error, "hint", "")))
    return findings


def count(examined: Examined, grade: Grade) -> int:
    return sum(finding.grade is grade for _, findings in examined for finding in findings)
