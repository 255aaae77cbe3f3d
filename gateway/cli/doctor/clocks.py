"""The clock of this machine. Files are matched to triggers by it, and results carry its time for years."""

import ctypes
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from gateway.cli.doctor.finding import Finding, Patient, defect, ok, unseen, warning

WRITTEN_ON = datetime(2026, 11, 1, tzinfo=UTC)
"""No machine that runs this program can rightly show an earlier time."""
FURTHEST_S = 2.0
"""Between two machines that both ask a time server; a Date header has whole seconds."""
GRAVE_S = 60.0
"""Results of two machines can no longer be put in order by a person."""
SET_CLOCK = "set the clock, and have it follow a time server: timedatectl set-ntp true (Windows: w32tm /resync)"

_TIMEX_BYTES = 208
_STATUS_AT = 40
"""Offset of `status` in struct timex where a long has 8 bytes (adjtimex(2))."""
_STA_UNSYNC = 0x0040


def look_at_clock(patient: Patient) -> Iterator[Finding]:
    """Its date, whether it follows a time server, and whether it was set back or forth."""
    now = patient.clock.now()
    if now < WRITTEN_ON:
        text = f"it shows {now:%Y-%m-%d %H:%M} UTC, and this program was written later than that"
        yield defect("date", text, f"{SET_CLOCK}; a battery on the main board may be empty")
    else:
        yield ok("date", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    yield _follows(unsynchronised())
    if patient.running is not None:
        yield _stepped(patient)
    if patient.settings.data_folder is not None:
        yield from _files_of_the_future(patient.settings.data_folder, now)


def _follows(unsynchronised: bool | None) -> Finding:
    if unsynchronised is None:
        return unseen("time server", "whether the clock follows one is only seen on Linux", SET_CLOCK)
    if unsynchronised:
        return warning("time server", "the clock follows no time server", SET_CLOCK)
    return ok("time server", "the clock follows one")


def unsynchronised() -> bool | None:
    """What the kernel says of its clock; None where it cannot be asked."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) != 8:
        return None
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: only asked
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return None
    status = int.from_bytes(timex.raw[_STATUS_AT : _STATUS_AT + 4], sys.byteorder)
    return bool(status & _STA_UNSYNC)


def _stepped(patient: Patient) -> Finding:
    """Wall clock against the clock that nobody sets, since the gateway's start: both count alike, or one was set."""
    assert patient.running is not None
    moved = patient.clock.wall() - patient.clock.monotonic() - patient.running.clock_offset_s
    subject = "since the gateway's start"
    if abs(moved) < FURTHEST_S:
        return ok(subject, "the clock was not set")
    text = f"the clock was set {'forward' if moved > 0 else 'back'} by {abs(moved):.0f} s"
    cure = "results before and after are not in order by their time; restart the gateway once the clock is right"
    return (defect if abs(moved) >= GRAVE_S else warning)(subject, text, cure)


def _files_of_the_future(folder: Path, now: datetime) -> Iterator[Finding]:
    """What the gateway itself wrote bears a later time than now: the clock was set back, or was wrong then."""
    times = [file.stat().st_mtime for file in folder.glob("*") if file.is_file()] if folder.is_dir() else []
    ahead = max(times, default=0.0) - now.timestamp()
    if ahead < FURTHEST_S:
        return
    text = f"the newest file was written {ahead:.0f} s from now: the clock is wrong now, or was then"
    yield (defect if ahead >= GRAVE_S else warning)(f"data: {folder}", text, SET_CLOCK)


def compared(subject: str, date: str, now: datetime) -> Finding | None:
    """Another machine's time, as its HTTP Date header says it, against ours; None where it says none."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    theirs = theirs.replace(tzinfo=UTC) if theirs.tzinfo is None else theirs
    apart = (now - theirs).total_seconds()
    if abs(apart) < FURTHEST_S:
        return ok(subject, "its clock shows the same time as ours")
    text = f"its clock and ours are {abs(apart):.0f} s apart; ours is {'ahead' if apart > 0 else 'behind'}"
    return (defect if abs(apart) >= GRAVE_S else warning)(subject, text, f"on both machines: {SET_CLOCK}")
