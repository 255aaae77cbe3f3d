"""The users file in use: read again when it changes, passwords checked in a thread of their own.

argon2 takes some 25 ms and 19 MiB for each try, which is its purpose; on the loop every PLC would wait for it.
"""

import asyncio
import logging
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from gateway.core.errors import ConfigError, LinkError
from gateway.plc.opcua.security.accounts_file import FileUser, read_users

log = logging.getLogger(__name__)

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's least recommended cost of argon2id: it has to fit beside everything else on an edge PC."""

NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$z2nSAsQFoTZkQAo0msUefA$nNxn+L4Z347INKEB8i4duldu4M0RNS+xpJQm80UrW2I"
"""Checked where there is no such user: it takes as long, and no password fits it."""

TRIES_AT_ONCE = 8
"""Passwords that wait for their check, all connections together. Whoever comes then is told to try again."""


def hash_password(password: str) -> str:
    """What is kept of a password. Takes some 25 ms."""
    return HASHER.hash(password)


def fits(hashed: str, password: str) -> bool:
    """Whether this is the password. Takes some 25 ms."""
    try:
        return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


class UserBook:
    """The users in one file. `taken` names are those of the configuration, which the file must not use again."""

    def __init__(self, file: Path, taken: Collection[str] = ()) -> None:
        self._file = file
        self._taken = frozenset(taken)
        self._users: Mapping[str, FileUser] = {}
        self._seen: tuple[int, ...] = ()
        self._last: tuple[int, ...] = ()
        self._free = BoundedSemaphore(TRIES_AT_ONCE)
        self._thread: ThreadPoolExecutor | None = None

    def open(self) -> None:
        """Read the file. Blocks. Raises ConfigError or LinkError where there is no usable one."""
        self._seen = self._stamp()
        self._users = self._read()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="opcua-login")

    def close(self) -> None:
        """No further checks; one that is under way ends by itself."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)

    def look(self) -> bool:
        """Read the file again where it changed; whether users did. A broken one changes nothing. Blocks.

        Read only when it stands still from one look to the next: an editor that writes in place makes it empty first.
        """
        stamp = self._stamp()
        stands_still, self._last = stamp == self._last, stamp
        if stamp == self._seen or not stands_still:
            return False
        self._seen = stamp
        try:
            users = self._read()
        except (ConfigError, LinkError) as error:
            log.error("%s (%s); the users stay as they were", error, error.hint)
            return False
        if users == self._users:
            return False
        self._users = users
        log.info("%s: %d users now", self._file, len(users))
        return True

    def holds(self, user: FileUser) -> bool:
        """Whether this user is there still, with the same role and the same proof."""
        return self._users.get(user.name) == user

    async def check(self, name: str, password: str) -> FileUser | None:
        """The user with this name and password. Takes as long where there is none.

        Raises ServiceError where too many others are being checked.
        """
        user = self._users.get(name)
        hashed = user.password_hash if user is not None and user.password_hash else NOBODYS
        if self._thread is None or not self._free.acquire(blocking=False):
            raise ServiceError(StatusCodes.BadTooManyOperations)
        future = self._thread.submit(fits, hashed, password)
        future.add_done_callback(lambda _: self._free.release())
        right = await asyncio.wrap_future(future)
        return user if user is not None and hashed is not NOBODYS and right and self.holds(user) else None

    def with_certificate(self, fingerprint: str) -> FileUser | None:
        """The user of the certificate with this SHA-256 fingerprint, in small hexadecimal digits."""
        return next((one for one in self._users.values() if one.certificate == fingerprint), None)

    def _read(self) -> Mapping[str, FileUser]:
        users = {user.name: user for user in read_users(self._file)}
        for name in users.keys() & self._taken:
            instead = "take it out of one of them"
            raise ConfigError(str(self._file), "users", f"{name!r} is a user in the configuration as well", instead)
        return users

    def _stamp(self) -> tuple[int, ...]:
        """Differs where the file was written or replaced; () where there is none."""
        try:
            found = os.stat(self._file)
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino
