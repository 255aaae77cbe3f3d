"""What a watcher of a folder is, and which one is for this machine."""

import sys
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

WatchKind = Literal["auto", "inotify", "watchdog", "scan"]


class Sign(Enum):
    """What happened to a file: renamed in, closed after it was written, or anything else."""

    RENAMED = "renamed"
    CLOSED = "closed"
    CHANGED = "changed"


class Listener(Protocol):
    """Told on the event loop's thread."""

    def on_file(self, name: str, sign: Sign) -> None:
        """Something happened to this file in the folder."""
        ...

    def on_gap(self) -> None:
        """Events were lost: only a scan can tell what happened."""
        ...

    def on_lost(self) -> None:
        """The folder is gone; nothing more will come from this watcher."""
        ...


class Watcher(Protocol):
    """Tells a listener of files from `open` to `close`."""

    def open(self) -> None:
        """Begin to watch; may block, so call it in a worker's thread. Raises OSError."""
        ...

    def listen(self) -> None:
        """Begin to tell; on the event loop's thread."""
        ...

    def unlisten(self) -> None:
        """Tell nothing more; on the event loop's thread."""
        ...

    def close(self) -> None:
        """Let go of everything; may block, so call it in a worker's thread."""
        ...


def choose(kind: WatchKind) -> WatchKind:
    """What `auto` means here."""
    if kind != "auto":
        return kind
    return "inotify" if sys.platform == "linux" else "watchdog"


def make_watcher(kind: WatchKind, folder: Path, listener: Listener) -> Watcher | None:
    """The watcher for a folder; None where only scans are wanted. Raises OSError where the platform has none such."""
    if kind == "scan":
        return None
    if kind == "inotify":
        return _inotify(folder, listener)
    from gateway.sources.watch_portable import WatchdogWatcher

    return WatchdogWatcher(folder, listener)


def _inotify(folder: Path, listener: Listener) -> Watcher:
    try:
        from gateway.sources.watch_linux import InotifyWatcher
    except ImportError as error:  # the library is installed on Linux only
        raise OSError('inotify is there on Linux only: write watch = "auto"') from error
    return InotifyWatcher(folder, listener)
