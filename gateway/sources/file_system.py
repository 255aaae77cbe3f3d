"""What a folder lies on: a share tells nobody of files that other machines write, so it has to be looked at often."""

import os
import sys
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

REMOTE = frozenset({
    "cifs", "smb3", "smbfs", "ncpfs", "nfs", "nfs4", "9p", "afs", "ceph", "glusterfs", "lustre",
    "davfs", "vboxsf", "vmhgfs", "prl_fs", "virtiofs", "drvfs",
})  # fmt: skip
"""Linux file system types whose files another machine, or the host of this one, may write unseen."""

WINDOWS_REMOTE_DRIVE = 4
"""DRIVE_REMOTE of the Windows call GetDriveType."""


def is_shared(folder: Path) -> bool:
    """Whether others may write to this folder with no event here. Where that is unknown: True on macOS volumes."""
    if sys.platform == "linux":
        return remote_type(mounted_type(os.path.realpath(folder), MOUNTS.read_text(errors="surrogateescape")))
    elif sys.platform == "win32":  # noqa: RET505 (mypy sees platforms in if-else only)
        import ctypes

        drive = os.path.splitdrive(os.path.abspath(folder))[0]
        kind = ctypes.windll.kernel32.GetDriveTypeW(drive + "\\")
        return drive.startswith("\\\\") or kind == WINDOWS_REMOTE_DRIVE
    else:
        return os.path.realpath(folder).startswith("/Volumes/")


def remote_type(name: str) -> bool:
    """Whether a Linux file system type is a share. `fuseblk` (NTFS on a local disk) counts too: safe, but slower."""
    return name in REMOTE or name.startswith("fuse")


def mounted_type(path: str, mountinfo: str) -> str:
    """The file system type that `path` (absolute, no links) lies on, by the text of /proc/self/mountinfo.

    Fields (proc(5)): 4 is the mount point with octal escapes; the type follows the lone dash. The deepest mount
    point wins, of two equal ones the later: it lies on top.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = _unescaped(left.split(" ")[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, found = len(point), right.split(" ")[0]
    return found


def _unescaped(text: str) -> str:
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, letter)
    return text
