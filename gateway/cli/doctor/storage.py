"""The folders that the gateway writes to or takes pictures from: there, ours to write, with room, and fast enough."""

import errno
import os
import shutil
import stat
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor.finding import Finding, Grade, Patient, defect, ok, warning
from gateway.config import Settings
from gateway.config_views import sources_of
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.playlist import PlaylistSettings

LITTLE = 1_000_000_000
"""Bytes free below which an operator should know: a thousand camera frames, or months of results."""
NOTHING = 50_000_000
"""Bytes free below which writing fails any minute."""
SLOW_SYNC_S = 0.05
"""A safe journal waits for the disk before each result; an industrial SSD takes 1 to 5 ms, a healthy hard disk 20."""
SYNCS = 5
BLOCK = bytes(4096)
OURS = ("data", "history", "archive", "certificates")
"""Folders that the gateway makes."""
PROBE = ".pekat-gateway-doctor-"
"""Begins the name of the file that is written and removed again. Hidden files are no pictures to any source."""


def look_at_folders(patient: Patient) -> Iterator[Finding]:
    """Each folder once, with what it is for; the data folder's speed too."""
    made = made_at_start(patient.settings)
    for folder, whose in written(patient.settings).items():
        if folder in made and not folder.exists():
            yield _to_be_made(folder, whose)
        else:
            yield from _written(folder, whose, syncs=whose in ("data", "history"))
    for folder, whose in read(patient.settings).items():
        yield _readable(folder, whose)


def written(settings: Settings) -> dict[Path, str]:
    """The folders that files are made in, and the key of gateway.toml that names them. The first name counts."""
    found: dict[Path, str] = {}
    if settings.data_folder is not None:
        found[settings.data_folder] = "data"
    if settings.history.enabled and settings.history.file is not None:
        found.setdefault(settings.history.file.parent, "history")
    archive = settings.archive.place(settings.data_folder) if settings.archive is not None else None
    if archive is not None:
        found.setdefault(archive, "archive")
    if settings.links.opcua is not None:
        found.setdefault(settings.links.opcua.certificates, "certificates")
    for station in settings.stations:
        for key, folder in station.drop_folders.items():
            found.setdefault(folder, f"{station.name} {key}")
    return found


def read(settings: Settings) -> dict[Path, str]:
    """The folders that pictures are only read from."""
    return {
        source.folder: f"{station.name} {key}"
        for station in settings.stations
        for key, source in sources_of(station.source, station.simulation, station.views).items()
        if isinstance(source, PlaylistSettings)
    }


def made_at_start(settings: Settings) -> set[Path]:
    """The folders that the gateway makes itself where they are missing."""
    found = {
        folder for folder, whose in written(settings).items() if whose in ("data", "history", "archive", "certificates")
    }
    for station in settings.stations:
        for source in sources_of(station.source, station.simulation, station.views).values():
            if isinstance(source, FileDropSettings) and source.create_folder:
                found.add(source.folder)
    return found


def _to_be_made(folder: Path, whose: str) -> Finding:
    """A folder before the first start: can it be made."""
    subject = f"{whose}: {folder}"
    above = next(parent for parent in folder.parents if parent.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return ok(subject, "not there yet: the gateway makes it at its start")
    cure = f"make it, and give it to the gateway's user: mkdir -p {folder}; chown"
    return defect(subject, f"it is missing and cannot be made: nothing can be written to {above}", cure)


def _written(folder: Path, whose: str, *, syncs: bool) -> Iterator[Finding]:
    subject = f"{whose}: {folder}"
    if (missing := _missing(folder, subject)) is not None:
        yield missing
        return
    probed, room = _probed(folder, subject, syncs=syncs), _room(folder, subject)
    if not room.text.startswith(probed.text):  # a full disk is told once, with how full it is
        yield probed
    yield room
    if os.name == "posix" and folder.stat().st_mode & stat.S_IWOTH:
        yield warning(subject, "every user of this machine may write here", f"chmod o-w {folder}")


def _missing(folder: Path, subject: str) -> Finding | None:
    if folder.is_dir():
        return None
    if folder.exists():
        return defect(subject, "this is a file, not a folder", "move it away, or name another folder")
    return defect(subject, "the folder is missing", f"make it: mkdir -p {folder}; is a network share mounted?")


def _probed(folder: Path, subject: str, *, syncs: bool) -> Finding:
    """What writing a small file comes to; its name begins with PROBE, and it is gone afterwards."""
    try:
        took_s = _write(folder, SYNCS if syncs else 1)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return defect(subject, "the disk is full", "make room: delete old pictures, or keep less ([history] keep_)")
        cure = f"give the gateway's user the right to write there: chown or chmod {folder}"
        return defect(subject, f"nothing can be written here: {error.strerror}", cure)
    if syncs and took_s > SLOW_SYNC_S:
        text = f"the disk takes {took_s * 1000:.0f} ms to keep a block, and a safe journal waits for that"
        return warning(subject, text, 'use an SSD of this machine, or [history] mode = "fast"')
    return ok(subject, f"a file is kept in {took_s * 1000:.1f} ms" if syncs else "files can be written")


def _write(folder: Path, times: int) -> float:
    """The median time (s) until a block is on the disk."""
    handle, name = tempfile.mkstemp(prefix=PROBE, dir=folder)
    took = []
    try:
        for _ in range(times):
            began = time.perf_counter()
            os.write(handle, BLOCK)
            os.fsync(handle)
            took.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        os.unlink(name)
    return statistics.median(took)


def _room(folder: Path, subject: str) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.2f} GB free"
    if free >= LITTLE:
        return ok(subject, text)
    cure = "make room on this disk: delete old pictures, or keep fewer results ([history] keep_days, keep_results)"
    return Finding(Grade.DEFECT if free < NOTHING else Grade.WARNING, subject, f"the disk is full: {text}", cure)


def _readable(folder: Path, whose: str) -> Finding:
    subject = f"{whose}: {folder}"
    if (missing := _missing(folder, subject)) is not None:
        return missing
    try:
        count = sum(1 for _ in os.scandir(folder))
    except PermissionError:
        return defect(subject, "the folder cannot be read", f"give the gateway's user the right: chmod o+rx {folder}")
    if not count:
        return defect(subject, "the folder is empty", "put pictures there")
    return ok(subject, f"{count} files")
