"""Keeps an eye on one drop folder: watcher and scanner together, and what to do when the folder goes and comes back."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from gateway.core.errors import SourceError
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.file_system import is_shared
from gateway.sources.naming import pattern_filter
from gateway.sources.pending import now_us
from gateway.sources.scan import Report, Scanner
from gateway.sources.watch import Sign, Watcher, choose, make_watcher
from gateway.sources.worker import Worker

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""How long the file system may take to open or make the folder: a sleeping disk or share takes 2 to 4 s."""
SILENT_US = 5_000_000
"""A scan that gets no answer for so long: the share hangs."""


class Owner(Protocol):
    """Told on the event loop."""

    def on_arrival(self, name: str) -> None: ...

    def on_report(self, report: Report) -> None: ...

    def on_trouble(self, trouble: SourceError) -> None: ...


class DropWatch:
    """`async with` begins to watch. `shared` is known then, `trouble` at any time."""

    def __init__(self, station: str, settings: FileDropSettings, worker: Worker, owner: Owner) -> None:
        self._station, self._settings, self._worker, self._owner = station, settings, worker, owner
        self._kind = choose(settings.watch)
        self._watcher: Watcher | None = None
        self._opening: asyncio.Task[None] | None = None
        self._folder: tuple[int, int] | None = None
        self._gone: SourceError | None = None
        self.shared = False
        self._trailer = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.shared, self._folder = await self._worker.call(self._prepare, ANSWER_S)
        self._scanner = Scanner(
            f"{self._station}-drop-scan",
            self._settings.folder,
            self.shared,
            pattern_filter(self._settings.patterns),
            self._settings.pace(eager=True, trailer=True),
            self._report,
        )
        await self._open()  # before the first scan: what comes in between is seen by one of the two
        self._scanner.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._opening is not None:
            await self._opening  # takes ANSWER_S at most
        await self._close()
        self._scanner.stop()
        await self._in_thread(self._scanner.join, "the scans could not be ended")

    @property
    def silent(self) -> bool:
        """Whether the file system has stopped answering."""
        return self._scanner.silent_us() > SILENT_US

    @property
    def trouble(self) -> SourceError | None:
        """Why no picture can come now."""
        if self.silent:
            return SourceError(f"{self._settings.folder} does not answer", hint="check the network share or the disk")
        return self._gone

    def removed(self, name: str) -> None:
        """A file was taken out by us. From any thread."""
        self._scanner.removed(name)

    # ---- what the watcher tells ----

    def on_file(self, name: str, sign: Sign) -> None:
        if not self._scanner.matches(name):
            return
        if self._trailer:
            self._scanner.hint(name, now_us())
        elif sign is Sign.RENAMED or (sign is Sign.CLOSED and self._settings.complete != "rename"):
            self._owner.on_arrival(name)

    def on_gap(self) -> None:
        log.warning("%s: too many files at once; the folder is scanned instead", self._station)
        self._scanner.kick()

    def on_lost(self) -> None:
        self._folder = None  # so that the next scan has the folder watched again, also where it looks the same
        self._scanner.kick(forget=True)

    # ---- what the scanner tells ----

    def _report(self, report: Report) -> None:
        """In the scanner's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_report, report)

    def _on_report(self, report: Report) -> None:
        if report.trouble:
            self._lose(report.trouble)
            return
        if self._gone is not None:
            log.info("%s: %s is back", self._station, self._settings.folder)
            self._gone = None
        if report.folder != self._folder and (self._opening is None or self._opening.done()):
            self._folder = report.folder
            self._opening = asyncio.create_task(self._reopen(), name=f"{self._station}-drop-watch")
        self._owner.on_report(report)

    def _lose(self, why: str) -> None:
        self._folder = None
        if self._gone is None:
            text = f"{self._settings.folder} cannot be read: {why}"
            log.error("%s: %s", self._station, text)
            self._gone = SourceError(text, hint="is the share mounted, is the folder there, may the gateway read it?")
            self._owner.on_trouble(self._gone)

    # ---- opening and closing ----

    def _prepare(self) -> tuple[bool, tuple[int, int]]:
        """In the worker's thread: whether the folder is shared, and which one it is. Raises SourceError."""
        folder = self._settings.folder
        try:
            return self._folder_at_start(folder)
        except OSError as error:
            text = f"{folder} cannot be used: {error.strerror}"
            raise SourceError(text, hint="check the path and its rights") from error

    def _folder_at_start(self, folder: Path) -> tuple[bool, tuple[int, int]]:
        if self._settings.create_folder:
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            what = "is no folder" if folder.exists() else "does not exist"
            raise SourceError(
                f"{folder} {what}", hint="make it, mount the share, correct `folder`, or set create_folder = true"
            )
        status = folder.stat()
        return is_shared(folder), (status.st_dev, status.st_ino)

    async def _open(self) -> None:
        try:
            watcher = make_watcher(self._kind, self._settings.folder, self)
            if watcher is not None:
                await self._worker.call(watcher.open, ANSWER_S)
                watcher.listen()
        except (OSError, SourceError) as error:
            log.warning("%s: %s cannot be watched, it is scanned: %s", self._station, self._settings.folder, error)
            watcher = None
        self._watcher = watcher
        complete = self._settings.complete
        tells_end = watcher is not None and self._kind == "inotify" and not self.shared
        self._trailer = watcher is None or complete == "trailer" or (complete == "auto" and not tells_end)
        self._scanner.pace = self._settings.pace(eager=watcher is None or self.shared, trailer=self._trailer)

    async def _close(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.unlisten()
            await self._in_thread(watcher.close, "the folder's watcher could not be closed")

    async def _reopen(self) -> None:
        await self._close()
        await self._open()
        self._scanner.kick()  # for what came before the watcher was there

    async def _in_thread(self, act: Callable[[], None], failure: str) -> None:
        try:
            await self._worker.call(act, ANSWER_S)
        except (OSError, SourceError) as error:
            log.warning("%s: %s: %s", self._station, failure, error)
