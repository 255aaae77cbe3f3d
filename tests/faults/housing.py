"""Where a gateway's data lies and which clock it sees: the plain machine, a small disk, a clock that can be set.

What this machine cannot do is told by `missing`, as a sentence.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gateway.sinks.history_settings import FILE_NAME

ROOT = Path(__file__).parents[2]
"""nsenter alone would lead to the root folder, and Python to whatever gateway is installed."""
DISK_KB = 6000
"""Room for the gateway's data: some hundred results and SQLite's log."""


class Housing(Protocol):
    """Entered by `begin`, left by `end`."""

    def missing(self) -> str:
        """What this machine lacks for it; empty: nothing."""
        ...

    def begin(self, data: Path) -> None: ...

    def end(self) -> None: ...

    def seen(self, data: Path) -> Path:
        """The gateway's folder as this process reaches it."""
        ...

    def journal(self, data: Path) -> Path:
        """Its journal, or a copy that SQLite can read here."""
        ...

    def prefix(self) -> list[str]:
        """What the gateway's command line begins with."""
        ...

    def environment(self) -> Mapping[str, str]: ...


class Plain:
    """The disk and the clock of this machine."""

    def missing(self) -> str:
        return "" if sys.platform == "linux" else "processes are killed and stopped as on Linux"

    def begin(self, data: Path) -> None:
        pass

    def end(self) -> None:
        pass

    def seen(self, data: Path) -> Path:
        return data

    def journal(self, data: Path) -> Path:
        return data / FILE_NAME

    def prefix(self) -> list[str]:
        return []

    def environment(self) -> Mapping[str, str]:
        return {}


class SmallDisk(Plain):
    """A file system of its own in a mount namespace of its own, kept by a process that ends with this one."""

    def __init__(self) -> None:
        self._keeper: subprocess.Popen[bytes] | None = None

    def missing(self) -> str:
        if sys.platform != "linux" or not shutil.which("unshare") or not shutil.which("nsenter"):
            return "a mount namespace needs Linux with util-linux"
        allowed = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
        return "" if allowed else "a mount namespace needs root"

    def begin(self, data: Path) -> None:
        mount = f'mount -t tmpfs -o size={DISK_KB}k none "{data}" && echo mounted && exec cat'
        pipe = subprocess.PIPE
        self._keeper = subprocess.Popen(["unshare", "-m", "sh", "-c", mount], stdin=pipe, stdout=pipe)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"mounted\n"

    def end(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.communicate(timeout=5)

    def seen(self, data: Path) -> Path:
        return Path(f"/proc/{self._pid}/root{data}")

    def journal(self, data: Path) -> Path:
        """A copy: SQLite follows links by itself, and would leave the other name space by that."""
        copy = data.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            if (self.seen(data) / name).exists():
                shutil.copy(self.seen(data) / name, copy)
        return copy / FILE_NAME

    def prefix(self) -> list[str]:
        return ["nsenter", "-t", str(self._pid), "-m", f"--wd={ROOT}", "--"]

    @property
    def _pid(self) -> int:
        assert self._keeper is not None
        return self._keeper.pid


class SettableClock(Plain):
    """Wall time by libfaketime; the monotonic clock stays what it is, as when a machine's clock is set."""

    def __init__(self) -> None:
        self._file = Path()

    def missing(self) -> str:
        return "" if self._library() else "setting a process's clock needs libfaketime (apt install faketime)"

    def begin(self, data: Path) -> None:
        self._file = data.with_name("clock")
        self.set("+0")

    def set(self, offset: str) -> None:
        """So much later than the true time, as `-1h`."""
        fresh = self._file.with_name("clock.new")
        fresh.write_text(offset, encoding="ascii")
        os.replace(fresh, self._file)

    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(self._library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def _library(self) -> Path | None:
        return next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
