"""Where the channel is: a socket or a note in a folder that only the gateway's own user and root can use."""

import getpass
import hashlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.core.errors import ControlError

SOCKET_NAME = "control.sock"
NOTE_NAME = "control.json"
LONGEST_SOCKET_PATH = 100
"""Bytes. Linux takes 107 and macOS 103 for the path of a Unix socket."""

JsonTable = dict[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one gateway's channel. It serves a Unix socket there or, where that cannot be, a port of 127.0.0.1.

    In the second case a note in the folder tells the port and a secret that every question has to bring.
    """

    folder: Path
    temporary: bool = False
    """It lies where every user may make folders, and so has to be ours."""

    @property
    def socket(self) -> Path:
        return self.folder / SOCKET_NAME

    @property
    def note(self) -> Path:
        return self.folder / NOTE_NAME

    @property
    def takes_socket(self) -> bool:
        """Whether a Unix socket can be there: the system has them, and the path is short enough."""
        return sys.platform != "win32" and len(os.fsencode(self.socket)) <= LONGEST_SOCKET_PATH

    def make_folder(self) -> None:
        """See to it that the folder is there. Raises ControlError where it cannot be, or strangers could be in it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = self.folder.lstat()
        except OSError as error:
            raise ControlError(f"{self.folder} cannot be made: {error.strerror}", hint="see to its rights") from error
        if os.name != "posix":
            return
        if self.temporary and (found.st_uid != os.geteuid() or stat.S_ISLNK(found.st_mode)):
            raise ControlError(f"{self.folder} belongs to another user", hint="name a folder of ours: gateway.data")
        if found.st_mode & stat.S_IWOTH and not stat.S_ISLNK(found.st_mode):
            raise ControlError(f"everybody may write to {self.folder}", hint=f"chmod o-w {self.folder}")


def place_of(data: Path | None, config: Path) -> Place:
    """In the data folder, where one is configured; else in a temporary folder for this user and this gateway.toml."""
    if data is not None:
        return Place(data.absolute())
    whose = os.getuid() if sys.platform != "win32" else getpass.getuser()
    name = hashlib.sha256(os.fsencode(config.absolute())).hexdigest()[:12]
    return Place(Path(tempfile.gettempdir()) / f"pekat-gateway-{whose}-{name}", temporary=True)
