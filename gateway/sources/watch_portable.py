"""A folder watched through watchdog: Windows, macOS, and anywhere else.

Only Linux tells when a file is closed; elsewhere every change is a hint, and the file's own end decides. On Linux
watchdog holds back the event after a file was moved out by 450 ms, so there inotify is used directly.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from gateway.sources.watch import Listener, Sign

SIGNS = {"moved": Sign.RENAMED, "closed": Sign.CLOSED, "created": Sign.CHANGED, "modified": Sign.CHANGED}

STOP_S = 2.0
"""How long closing waits for watchdog's threads."""


class WatchdogWatcher:
    """Two threads of watchdog's own for one folder; what they see is told on the event loop."""

    def __init__(self, folder: Path, listener: Listener) -> None:
        self._folder = folder
        self._listener = listener
        self._observer: BaseObserver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        self._folder.stat()  # told of a missing folder, watchdog 7.1 leaves a thread behind
        observer = Observer()
        folder = os.path.realpath(self._folder)  # macOS tells of real paths only
        try:
            observer.schedule(_Ear(folder, self._hear), folder, recursive=False)
            observer.start()
        except OSError:
            if observer.is_alive():
                observer.stop()
            raise
        self._observer = observer

    def listen(self) -> None:
        self._loop = asyncio.get_running_loop()

    def unlisten(self) -> None:
        self._loop = None

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(STOP_S)
        self._observer = None

    def _hear(self, name: str, sign: Sign | None) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, name, sign)

    def _tell(self, name: str, sign: Sign | None) -> None:
        if self._loop is None:
            return
        if sign is None:
            self._listener.on_lost()
        else:
            self._listener.on_file(name, sign)


class _Ear(FileSystemEventHandler):
    """Called in watchdog's thread. A sign None: the folder itself is gone."""

    def __init__(self, folder: str, hear: Callable[[str, Sign | None], None]) -> None:
        self._folder = os.path.normcase(folder)
        self._hear = hear

    def on_any_event(self, event: FileSystemEvent) -> None:
        source = os.fsdecode(event.src_path)
        if event.event_type in ("deleted", "moved") and os.path.normcase(source) == self._folder:
            self._hear("", None)
        elif not event.is_directory and event.event_type in SIGNS:
            path = os.fsdecode(event.dest_path) if event.event_type == "moved" else source
            folder, name = os.path.split(path)
            if os.path.normcase(folder) == self._folder:
                self._hear(name, SIGNS[event.event_type])
