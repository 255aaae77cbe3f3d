"""What a check finds, and what it is given to look at."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from gateway.config import Settings


class Grade(StrEnum):
    """How grave a finding is. A defect stops the line or will; a warning may; what was not seen may be either."""

    OK = "ok"
    UNSEEN = "not seen"
    WARNING = "warning"
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `cure` says what to do; a finding that is ok needs none."""

    grade: Grade
    subject: str
    """What was looked at: a port, a folder, an address."""
    text: str
    cure: str = ""


def ok(subject: str, text: str) -> Finding:
    return Finding(Grade.OK, subject, text)


def unseen(subject: str, text: str, cure: str = "") -> Finding:
    return Finding(Grade.UNSEEN, subject, text, cure)


def warning(subject: str, text: str, cure: str) -> Finding:
    return Finding(Grade.WARNING, subject, text, cure)


def defect(subject: str, text: str, cure: str) -> Finding:
    return Finding(Grade.DEFECT, subject, text, cure)


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from: seconds since 1970, and seconds of a clock that nobody sets."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)


@dataclass(frozen=True, slots=True)
class StationNow:
    """A station of a running gateway, in its own words."""

    name: str
    online: bool
    offline_reason: str
    error: str
    """The name of the latched error code, as `source_down`; "none" where there is none."""


@dataclass(frozen=True, slots=True)
class Running:
    """The gateway that runs with this configuration now, as it says by its control channel."""

    pid: int
    version: str
    clock_offset_s: float
    """Wall clock less monotonic clock, as it was when the gateway started."""
    stations: tuple[StationNow, ...] = ()


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: a configuration, and the gateway that runs with it, if one does."""

    settings: Settings
    config: Path
    running: Running | None = None
    clock: Clock = field(default_factory=Clock)


Look = Callable[[Patient], Iterator[Finding]]
"""A check. It may block for some seconds; OSError, GatewayError and psutil.Error from it become a finding."""
