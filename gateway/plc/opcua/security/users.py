"""Who may log in, and what failing costs.

asyncua takes anybody who calls himself `admin` for its administrator, whatever the password. It is not asked here.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.security.accounts_file import FileUser
from gateway.plc.opcua.security.rights import Role
from gateway.plc.opcua.security.user_book import UserBook

log = logging.getLogger(__name__)

LONGEST_PASSWORD = 128
"""Bytes of UTF-8. With the nonce it fits into one block of a 2048 bit key."""

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 2.0
"""Each wrong password doubles the wait for the next try: 43 000 tries a day at most, and no person minds 2 s."""

PATIENCE_S = 6.0
"""A try that would have to wait longer is refused unseen: clients give up at about this time themselves, and a
connection without a session is closed soon after."""

FORGET_S = 60.0
"""So long without a wrong password makes the next try free again: about the time to look a password up."""

FREE_TRIES_OF_AN_ADDRESS = 10
"""So many wrong passwords for whatever names cost an address nothing: a terminal server has many users, a cell one
address. Beyond that it is somebody who tries names."""

BUCKETS = 256
"""Places to count wrong passwords in, whatever names are tried. Two names in one place only share their waiting."""


@dataclass
class Visitor(User):
    """A client that was let in. To asyncua everybody is a plain user, never its administrator.

    `entry` is what the users file said of him when he came.
    """

    rights: Role = Role.VIEWER
    entry: FileUser | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A user as configured."""

    name: str
    role: Role
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """What a session is tied to: how its connection is secured, and by whose certificate."""

    encrypted: bool
    policy: str
    mode: int
    certificate: bytes
    server_certificate: bytes = field(default=b"", compare=False)


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    free_at: float = 0.0

    def turn(self, now: float, free: int) -> float:
        """When the next try may be made; the first `free` failures cost nothing."""
        if now - self.last > FORGET_S:
            self.count = 0
        costly = self.count - free
        if costly <= 0:
            return now
        return max(now, self.free_at) + min(FIRST_DELAY_S * float(1 << min(costly - 1, 10)), LONGEST_DELAY_S)

    def take(self, start: float, free: int) -> None:
        """Somebody takes that turn."""
        if self.count > free:
            self.free_at = start


class Doorman:
    """Tells who may come in, and as what. `anonymous` None: nobody without a name. `book`: users in a file."""

    def __init__(self, anonymous: Role | None, accounts: Iterable[Account], book: UserBook | None = None) -> None:
        self.book = book
        self._key = secrets.token_bytes(32)
        self._anonymous = anonymous
        self._known = [(self._mark(one.name), self._mark(one.password), one.name, one.role) for one in accounts]
        self._failures = [_Failures() for _ in range(BUCKETS)]
        self._of_addresses = [_Failures() for _ in range(BUCKETS)]

    @property
    def tokens(self) -> list[type]:
        """The kinds of identity that are offered to clients."""
        anonymous: list[type] = [ua.AnonymousIdentityToken] if self._anonymous is not None else []
        names: list[type] = [ua.UserNameIdentityToken] if self.has_users else []
        return [*anonymous, *names, *([ua.X509IdentityToken] if self.book is not None else [])]

    @property
    def has_users(self) -> bool:
        """Whether anybody may log in by a name."""
        return bool(self._known) or self.book is not None

    @property
    def nobody(self) -> Visitor | None:
        """Somebody who came without a name; None where such may not come in."""
        return None if self._anonymous is None else Visitor(UserRole.User, None, self._anonymous)

    async def admit(self, name: str, password: str) -> Visitor | None:
        """Who this is; None for a wrong name or password. Raises ServiceError where too many try at once.

        Where there is a users file, all names take the time that its passwords take.
        """
        found = self._find(name, password)
        if self.book is None:
            return found
        entry = await self.book.check(name, password)
        return found or (_visitor(entry) if entry is not None else None)

    def holder(self, fingerprint: str) -> Visitor | None:
        """Whose certificate this is; None where it is nobody's. That he has its key, is proven elsewhere."""
        entry = self.book.with_certificate(fingerprint) if self.book is not None else None
        return _visitor(entry) if entry is not None else None

    def still_knows(self, visitor: Visitor) -> bool:
        """Whether the users file still says of him what it said when he came."""
        return visitor.entry is None or (self.book is not None and self.book.holds(visitor.entry))

    def _find(self, username: str, password: str) -> Visitor | None:
        """Looks at every account, so that the time tells neither which names there are nor how near a guess was."""
        name, word = self._mark(username), self._mark(password)
        found = None
        for known_name, known_word, shown, role in self._known:
            if hmac.compare_digest(known_name, name) & hmac.compare_digest(known_word, word):
                found = Visitor(UserRole.User, shown, role)
        return found

    def _mark(self, text: str) -> bytes:
        """What is kept of a name or password: worth nothing outside this process."""
        return hmac.digest(self._key, text.encode(), hashlib.sha256)

    # ---- what failing costs --------------------------------------------------------------------------------

    async def turn(self, name: str, address: str) -> None:
        """Wait until this name may be tried from this address. Raises ServiceError where that takes too long.

        Tries take turns: many connections at once are no quicker. Nobody else waits, other addresses neither; only an
        address that tries one name after the other waits with whatever name it tries.
        """
        now = asyncio.get_running_loop().time()
        start = max(bucket.turn(now, free) for bucket, free in self._counted(name, address))
        if start - now > PATIENCE_S:
            raise ServiceError(StatusCodes.BadUserAccessDenied)
        if start > now:
            for bucket, free in self._counted(name, address):
                bucket.take(start, free)
            await asyncio.sleep(start - now)

    def refused(self, name: str, address: str, peer: object, why: str = "") -> None:
        """A login failed: the next one waits. Logged at its 1st, 2nd, 4th, 8th.. time, so that no log is flooded."""
        now = asyncio.get_running_loop().time()
        for bucket, _ in self._counted(name, address):
            bucket.count += 1
            bucket.last = now
        count = self._bucket(name, address).count
        if count & (count - 1) == 0:
            log.warning("OPC UA login as %.80r from %s refused (%d times)%s", name, peer, count, why and f": {why}")

    def welcomed(self, name: str, address: str) -> None:
        """A login succeeded: the next one by this name does not wait."""
        self._bucket(name, address).count = 0

    def _counted(self, name: str, address: str) -> tuple[tuple[_Failures, int], ...]:
        """Where a failure is counted, and how many are free there."""
        whole = self._of_addresses[self._place(address)]
        return (self._bucket(name, address), 0), (whole, FREE_TRIES_OF_AN_ADDRESS)

    def _bucket(self, name: str, address: str) -> _Failures:
        return self._failures[self._place(f"{address} {name}")]

    def _place(self, text: str) -> int:
        return int.from_bytes(self._mark(text)[:4], "big") % BUCKETS


def _visitor(entry: FileUser) -> Visitor:
    return Visitor(UserRole.User, entry.name, Role[entry.role.upper()], entry)
