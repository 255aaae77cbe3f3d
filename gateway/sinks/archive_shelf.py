"""What lies in the archive's folder: counted by the hour, dropped from its oldest end. Blocks; for one thread.

An hour's folder is listed when it is the oldest one, or when it was changed by somebody else while the gateway was off.
So neither keeping an image nor dropping one depends on how many there are.
"""

import json
import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gateway.sinks.archive_names import (
    SIDE,
    hour_name,
    is_day,
    is_hour,
    is_partial,
    own_stem,
    partial,
    time_word,
    time_word_of,
)
from gateway.worker import Courtesy

log = logging.getLogger(__name__)

INDEX = ".archive.json"
"""How much is in each hour, and when its folder was changed last: what is still as it says is not counted again."""


@dataclass(slots=True)
class Amount:
    """How much there is: image files, and bytes of all files."""

    images: int = 0
    bytes: int = 0

    def add(self, other: "Amount", sign: int = 1) -> None:
        self.images += sign * other.images
        self.bytes += sign * other.bytes


@dataclass(slots=True)
class Entry:
    """The files of one inspection."""

    stem: str
    files: dict[str, int] = field(default_factory=dict)
    """Sizes by name."""

    @property
    def amount(self) -> Amount:
        return Amount(sum(not name.endswith(SIDE) for name in self.files), sum(self.files.values()))


class Shelf:
    """Raises OSError throughout. Files that are not the archive's own are neither counted nor touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.total = Amount()
        self._hours: dict[str, Amount] = {}
        self._oldest = ""
        self._entries: deque[Entry] = deque()
        """What is left of the oldest hour as it was when it was listed."""

    def open(self) -> None:
        """Make the folder, count what is there, and remove what a killed gateway left half written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        known, courtesy = self._read_index(), Courtesy()
        for hour in self._hour_folders():
            images, size, changed = known.get(hour, (0, 0, -1))
            if (self.folder / hour).stat().st_mtime_ns != changed:
                self._mend(self.folder / hour)
                counted = Amount()
                for entry in _entries(self.folder / hour):
                    counted.add(entry.amount)
                    courtesy.step_aside()
                images, size = counted.images, counted.bytes
            self._count(hour, Amount(images, size))

    def add(self, hour: str, amount: Amount) -> None:
        """This much was written into the folder of that hour."""
        if hour not in self._hours:
            self.save()
        self._count(hour, amount)

    def older_than(self, moment: datetime) -> bool:
        """Whether the oldest entry is from before `moment`."""
        oldest = min(self._hours, default=None)
        if oldest is None or oldest > hour_name(moment):
            return False
        entry = self._first()
        return entry is not None and time_word_of(entry.stem) < time_word(moment)

    def drop_oldest(self) -> bool:
        """Remove the oldest entry's files; False where there is none."""
        entry = self._first()
        if entry is None:
            return False
        for name, size in [*entry.files.items()]:
            with suppress(FileNotFoundError):  # somebody else was quicker
                (self.folder / self._oldest / name).unlink()
            gone = Amount(0 if name.endswith(SIDE) else 1, size)
            del entry.files[name]
            self._count(self._oldest, gone, -1)
        self._entries.popleft()
        return True

    def save(self) -> None:
        """Write down what is known. What it says of a folder that is changed later is not believed."""
        hours = {
            hour: (amount.images, amount.bytes, (self.folder / hour).stat().st_mtime_ns)
            for hour, amount in self._hours.items()
            if (self.folder / hour).is_dir()
        }
        writing = self.folder / partial(INDEX)
        writing.write_text(json.dumps({"hours": hours}), encoding="utf-8")
        os.replace(writing, self.folder / INDEX)

    def _count(self, hour: str, amount: Amount, sign: int = 1) -> None:
        self._hours.setdefault(hour, Amount()).add(amount, sign)
        self.total.add(amount, sign)

    def _first(self) -> Entry | None:
        """The oldest entry. Hours in which nothing is left are forgotten, and their folders removed."""
        while self._hours:
            oldest = min(self._hours)
            if oldest != self._oldest or not self._entries:
                self._oldest = oldest
                self._entries = deque(sorted(_entries(self.folder / oldest), key=lambda entry: entry.stem))
            if self._entries:
                return self._entries[0]
            self._count(oldest, self._hours[oldest], -1)
            del self._hours[oldest]
            self._remove(self.folder / oldest)
        return None

    def _remove(self, folder: Path) -> None:
        """An empty hour, and the day where it was the last one. Other people's files keep them."""
        try:
            folder.rmdir()
            folder.parent.rmdir()
        except OSError as error:
            log.debug("archive: %s stays: %s", folder, error)

    def _hour_folders(self) -> Iterator[str]:
        """Real folders only: a link may lead anywhere."""
        for day in _folders(self.folder):
            if is_day(day):
                for hour in _folders(self.folder / day):
                    if is_hour(hour):
                        yield f"{day}/{hour}"

    def _read_index(self) -> Mapping[str, tuple[int, int, int]]:
        """Empty where there is none that can be read: then everything is counted."""
        try:
            hours = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))["hours"]
            return {str(hour): (int(images), int(size), int(at)) for hour, (images, size, at) in hours.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("archive: %s is damaged, all images are counted: %s", self.folder / INDEX, error)
            return {}

    def _mend(self, folder: Path) -> None:
        """Half written files, and empty ones of a power failure, which no picture is."""
        with os.scandir(folder) as found:
            for one in found:
                if not one.is_file(follow_symlinks=False):
                    continue
                empty = own_stem(one.name) is not None and not one.stat(follow_symlinks=False).st_size
                if empty or is_partial(one.name):
                    log.info("archive: %s was not written to its end, and is removed", one.path)
                    Path(one.path).unlink(missing_ok=True)


def _entries(folder: Path) -> list[Entry]:
    """What an hour's folder holds of the archive's own, in no order; nothing where it is gone."""
    entries: dict[str, Entry] = {}
    courtesy = Courtesy()
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for one in found:
            courtesy.step_aside()
            stem = own_stem(one.name)
            if stem is not None and one.is_file(follow_symlinks=False):
                entries.setdefault(stem, Entry(stem)).files[one.name] = one.stat(follow_symlinks=False).st_size
    return list(entries.values())


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as found:
        return sorted(one.name for one in found if one.is_dir(follow_symlinks=False))
