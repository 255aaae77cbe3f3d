"""Which security token a chunk may be secured by: OPC 10000-4, 5.6.2, and OPC 10000-6, 6.7.7. Pure: the time is given.

A client renews its token before it ends, goes on with the old one until it has the answer, and uses the new one from
then on. What it sent with the old one may still be under way, so the old one is good until its own end.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.transport.chunk_rules import ViolationError

SHORTEST_MS: Final = 10_000
LONGEST_MS: Final = 3_600_000
"""A token's lifetime is what the client asks for, within these. An hour is what clients ask for."""

OVERLAP: Final = 1.25
"""The token in use is taken for a quarter of its lifetime longer than that: clocks differ, and networks are slow."""


class Key(Enum):
    """Whose keys a chunk is secured by."""

    PREVIOUS = "previous"
    CURRENT = "current"
    NEXT = "next"


@dataclass(slots=True)
class _Token:
    number: int
    ends: float
    """When no chunk by it is taken any more."""


@dataclass(slots=True)
class Tokens:
    """The tokens of one channel. Times are monotonic seconds."""

    _known: dict[Key, _Token] = field(default_factory=dict)
    _last: int = 0

    @property
    def ends(self) -> float:
        """When the channel ends unless it is renewed."""
        return max((token.ends for token in self._known.values()), default=0.0)

    def issue(self, lifetime_ms: int, now: float) -> int:
        """A new token: its number, never given before on this channel. It is the current one if it is the first."""
        self._last += 1
        token = _Token(self._last, now + lifetime_ms / 1000 * OVERLAP)
        self._known[Key.NEXT if Key.CURRENT in self._known else Key.CURRENT] = token
        return token.number

    def use(self, number: int, now: float) -> Key:
        """Whose keys a chunk with this token is secured by; NEXT is the current one from then on.

        Raises ViolationError for a token that is unknown or past its end.
        """
        for key, token in self._known.items():
            if token.number == number:
                if now > token.ends:
                    raise ViolationError(
                        StatusCodes.BadSecureChannelTokenUnknown, f"token {number} is past its lifetime"
                    )
                if key is Key.NEXT:
                    self._known[Key.PREVIOUS] = self._known[Key.CURRENT]
                    self._known[Key.CURRENT] = self._known.pop(Key.NEXT)
                return key
        raise ViolationError(StatusCodes.BadSecureChannelTokenUnknown, f"token {number} was never given, or replaced")


def revised(asked_ms: int) -> int:
    """The lifetime that a client gets. 0 is no wish."""
    return min(max(asked_ms or LONGEST_MS, SHORTEST_MS), LONGEST_MS)
