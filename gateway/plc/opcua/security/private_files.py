"""Files that are for one eye only, and files that are there whole or not at all. Blocks: call it in a thread."""

import logging
import os
from pathlib import Path

from gateway.core.errors import LinkError

log = logging.getLogger(__name__)

PRIVATE, PUBLIC = 0o600, 0o644


def write_new(file: Path, content: bytes, mode: int) -> None:
    """Make a file that was not there; all of it or nothing. Raises OSError (FileExistsError with it)."""
    make_folder(file.parent)
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(opened, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _give_to_owner(file)
    except OSError:
        file.unlink(missing_ok=True)
        raise


def replace(file: Path, content: bytes, mode: int) -> None:
    """Put a file in the place of the one that may be there: who reads sees the old one or the new one, never half."""
    file = file.resolve()
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    write_new(new, content, mode)
    try:
        os.replace(new, file)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are not there."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(missing):
        _give_to_owner(one)


def _give_to_owner(path: Path) -> None:
    """What root makes in the folder of another user is that user's: the gateway must be able to read and change it."""
    if os.name == "posix" and os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def keep_private(file: Path, what: str) -> None:
    """See to it that nobody but its owner can read a file; mended where it is not so.

    Refusing would stop a line at its next start for what can be put right here and now. Raises LinkError where it
    cannot be. What others may have read meanwhile, the log says.
    """
    if os.name != "posix" or not file.stat().st_mode & 0o077:
        return
    try:
        file.chmod(PRIVATE)
    except OSError as error:
        raise LinkError(
            f"{what} {file} can be read by other users of this machine, and that cannot be mended: {error.strerror}",
            hint=f"chmod 600 {file}, as its owner",
        ) from error
    log.warning("%s %s could be read by other users of this machine; its mode is 600 now", what, file)
