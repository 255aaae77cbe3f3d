"""Which images the archive has of a result: found by the result's own name, so nothing has to be kept of it elsewhere,
and nothing is promised that retention has dropped. Blocks; for the command line."""

import os
from contextlib import suppress
from pathlib import Path

from gateway.ports import StoredResult
from gateway.sinks.archive_names import SIDE, hour_of, own_stem, stem_of


class ArchiveLookup:
    """Results that are asked for in the order of their times cost one listing for each hour."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hour = ""
        self._names: dict[str, list[str]] = {}

    def images_of(self, stored: StoredResult) -> tuple[str, ...]:
        """Their paths; empty where there are none, or none any more, or the folder cannot be read."""
        hour = hour_of(stored)
        if hour != self._hour:
            self._hour, self._names = hour, _listed(self._folder / hour)
        return tuple(str(self._folder / hour / name) for name in self._names.get(stem_of(stored), ()))


def _listed(folder: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            if (stem := own_stem(name)) is not None and not name.endswith(SIDE):
                names.setdefault(stem, []).append(name)
    return names
