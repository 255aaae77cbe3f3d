"""Who logs in: user names and passwords, what an identity token may look like, and what failing costs.

asyncua takes anybody who calls himself `admin` for its administrator, whatever the password, accepts passwords in
plain text over an open connection, decrypts weak encryptions, and never looks at the nonce in an encrypted password,
so that one that was overheard works for ever. Nothing of it is used here.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import unpack_from
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.server.internal_server import InternalServer
from asyncua.server.user_managers import UserManager
from asyncua.ua.status_codes import StatusCodes
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.plc.opcua.rights import Role

log = logging.getLogger(__name__)

LONGEST_NAME = 64
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

_OAEP = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
"""What Basic256Sha256 encrypts secrets by (the SHA-1 in it is no signature, and no weakness here)."""

BUCKETS = 256
"""Places to count wrong passwords in, whatever names are tried. Two names in one place only share their waiting."""


@dataclass
class Visitor(User):
    """A client that was let in. To asyncua everybody is a plain user, never its administrator."""

    rights: Role = Role.VIEWER


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


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    free_at: float = 0.0


class Doorman(UserManager):
    """Tells who may come in, and as what. `anonymous` None: nobody without a name."""

    def __init__(self, anonymous: Role | None, accounts: Iterable[Account]) -> None:
        self._key = secrets.token_bytes(32)
        self._anonymous = anonymous
        self._known = [(self._mark(one.name), self._mark(one.password), one.name, one.role) for one in accounts]
        self._failures = [_Failures() for _ in range(BUCKETS)]

    @property
    def tokens(self) -> list[type]:
        """The kinds of identity that are offered to clients."""
        anonymous: list[type] = [ua.AnonymousIdentityToken] if self._anonymous is not None else []
        return [*anonymous, ua.UserNameIdentityToken] if self._known else anonymous

    def get_user(
        self, iserver: InternalServer, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        """Who this is; None for a wrong name or password. `username` None is somebody who came without a name."""
        if username is None:
            return None if self._anonymous is None else Visitor(UserRole.User, None, self._anonymous)
        return self._find(username, password or "")

    def _find(self, username: str, password: str) -> User | None:
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

        Tries take turns: many connections at once are no quicker. Nobody else waits, other addresses neither.
        """
        now = asyncio.get_running_loop().time()
        failures = self._bucket(name, address)
        if now - failures.last > FORGET_S:
            failures.count = 0
        if failures.count:
            start = max(now, failures.free_at) + min(FIRST_DELAY_S * 2 ** min(failures.count - 1, 10), LONGEST_DELAY_S)
            if start - now > PATIENCE_S:
                raise ServiceError(StatusCodes.BadUserAccessDenied)
            failures.free_at = start
            await asyncio.sleep(start - now)

    def refused(self, name: str, address: str, peer: object) -> None:
        """A login failed: the next one waits. Logged at its 1st, 2nd, 4th, 8th.. time, so that no log is flooded."""
        failures = self._bucket(name, address)
        failures.count += 1
        failures.last = asyncio.get_running_loop().time()
        if failures.count & (failures.count - 1) == 0:
            log.warning("OPC UA login as %.80r from %s refused (%d times)", name, peer, failures.count)

    def welcomed(self, name: str, address: str) -> None:
        """A login succeeded: the next one does not wait."""
        self._bucket(name, address).count = 0

    def _bucket(self, name: str, address: str) -> _Failures:
        return self._failures[int.from_bytes(self._mark(f"{address} {name}")[:4], "big") % BUCKETS]


def credentials(
    token: ua.UserNameIdentityToken, key: RSAPrivateKey, nonce: bytes, channel: Channel | None
) -> tuple[str, str]:
    """Name and password of a token.

    In plain text only where the channel is encrypted, else by RSA-OAEP, with the nonce that the server gave last.
    Raises ServiceError for what is not allowed, ValueError (UnicodeError with it) for what cannot be read.
    """
    name, sealed = token.UserName, token.Password or b""
    if not name or len(name) > LONGEST_NAME:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    if not token.EncryptionAlgorithm:
        if channel is None or not channel.encrypted:
            raise ServiceError(StatusCodes.BadIdentityTokenRejected)
        if len(sealed) > LONGEST_PASSWORD:
            raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
        return name, sealed.decode()
    if token.EncryptionAlgorithm != SecurityPolicyBasic256Sha256.AsymmetricEncryptionURI:
        raise ServiceError(StatusCodes.BadIdentityTokenRejected)
    return name, _unsealed(key.decrypt(bytes(sealed), _OAEP), nonce).decode()


def _unsealed(plain: bytes, nonce: bytes) -> bytes:
    """The password in an encrypted secret of OPC UA Part 4, 7.41.2.2: length, password, nonce."""
    length = unpack_from("<I", plain)[0] if len(plain) >= 4 else -1
    if length != len(plain) - 4 or not hmac.compare_digest(plain[-len(nonce) :], nonce):
        raise ValueError("not sealed for this session")
    return plain[4 : -len(nonce)]
