"""Every kind of source over a folder, each told in the same words what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gateway.ports import ImageSource
from gateway.sources import SourceSettings
from tests.sources.pictures import drop, png

KINDS: dict[str, dict[str, object]] = {
    "inotify": {"kind": "file_drop", "watch": "inotify"},
    "watchdog": {"kind": "file_drop", "watch": "watchdog"},
    "scan": {"kind": "file_drop", "watch": "scan"},
    "trailer": {"kind": "file_drop", "watch": "inotify", "complete": "trailer"},
    "playlist": {"kind": "playlist"},
}


@dataclass(frozen=True)
class Bench:
    """A kind of source over a folder that has one picture for each trigger."""

    kind: str
    folder: Path

    @asynccontextmanager
    async def source(self) -> AsyncIterator[ImageSource]:
        settings: SourceSettings = TypeAdapter(SourceSettings).validate_python(
            {**KINDS[self.kind], "folder": str(self.folder)}
        )
        source: ImageSource = settings.create("line")
        if self.kind == "playlist":
            self.fill(0, 1, 2, 3)
        async with source:
            yield source

    def fill(self, *marks: int) -> None:
        for mark in marks:
            drop(self.folder, f"part{mark}.png", png(mark))

    def expose(self, mark: int) -> None:
        if self.kind != "playlist":
            self.fill(mark)
