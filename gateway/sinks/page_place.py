"""Where an acceptance page may lie: on a file system that overwrites its blocks in place, on this machine."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Linux has it; on other systems nothing is looked at."""
_COPYING = frozenset({"btrfs", "zfs", "bcachefs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "virtiofs"})


def unfit(folder: Path, mounts: str | None = None) -> str:
    """Why no page may lie there; "" where it may. `mounts` is what MOUNTS says. Raises OSError."""
    if mounts is None:
        if not MOUNTS.exists():
            return ""
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    kind = _kind(folder.resolve(), mounts)
    if kind in _COPYING:
        return f"{folder} is on {kind}, where a full disk would end the gateway in the middle of a store"
    if kind in _REMOTE or kind.startswith("fuse."):
        return f"{folder} is on {kind}: a store would wait for another machine, or another program"
    return ""


def _kind(folder: Path, mounts: str) -> str:
    """The file system's: that of the innermost mount, of several at one place the last one."""
    found, depth = "", -1
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        place = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split(" ")[4]))
        if folder.is_relative_to(place) and len(place.parts) >= depth:
            found, depth = rest.split(" ")[0], len(place.parts)
    return found
