"""Which of a recipe's PEKAT endpoints gets the next image. Pure: no clock, no socket; time is monotonic microseconds.

Where one endpoint is well, only such get images: the one with the fewest in flight, and of these the one that waited
longest for its turn. One that is on probation (half open) counts as well while nothing is in flight there. Where none
is well all are tried: a part that may be judged beats one that surely is not. So a single endpoint is always tried.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.vision.breaker import WELL, Breaker, BreakerRule, Sign, Standing, after

_LAST_RESORT = (Standing.CLOSED, Standing.HALF_OPEN, Standing.DOUBTFUL, Standing.OPEN)
"""The order in which endpoints are tried where none may be had that is well."""


@dataclass(slots=True, eq=False)
class Endpoint:
    """One PEKAT project's address, for every recipe that names it. At most `limit` images are there at a time."""

    url: str
    limit: int
    rule: BreakerRule
    in_flight: int = 0
    asked_at: int = 0
    """When it got its newest image."""
    breaker: Breaker = WELL

    @property
    def free(self) -> bool:
        return self.in_flight < self.limit

    @property
    def standing(self) -> Standing:
        return self.breaker.standing

    def begin(self, now: int) -> None:
        """An image goes there."""
        self.in_flight += 1
        self.asked_at = now

    def end(self) -> None:
        """The image is through, however it ended."""
        self.in_flight -= 1

    def tell(self, sign: Sign, now: int) -> None:
        """What an image or a ping said of it."""
        self.breaker = after(self.breaker, sign, now, self.rule)


def choose(endpoints: Sequence[Endpoint], tried: AbstractSet[Endpoint] = frozenset()) -> Endpoint | None:
    """Who gets the next image, `tried` excepted; None: nobody now, wait until something changes."""
    if len(endpoints) == 1:
        only = endpoints[0]
        return only if only.free and only not in tried else None
    left = [endpoint for endpoint in endpoints if endpoint not in tried]
    if any(endpoint.standing is Standing.CLOSED for endpoint in left):
        return _next(endpoint for endpoint in left if endpoint.free and _takes_turns(endpoint))
    return _next((endpoint for endpoint in left if endpoint.free), desperate=True)


def _takes_turns(endpoint: Endpoint) -> bool:
    return endpoint.standing is Standing.CLOSED or (endpoint.standing is Standing.HALF_OPEN and endpoint.in_flight == 0)


def _next(endpoints: Iterable[Endpoint], *, desperate: bool = False) -> Endpoint | None:
    def rank(endpoint: Endpoint) -> tuple[int, int, int]:
        worse = _LAST_RESORT.index(endpoint.standing) if desperate else 0
        return worse, endpoint.in_flight, endpoint.asked_at

    return min(endpoints, key=rank, default=None)
