"""Whether a PEKAT endpoint is well: what its images and pings said of it, as a circuit breaker.

Pure: a breaker is a value, a sign makes the next one, time comes as monotonic microseconds. It decides nothing by
itself; who gets the next image is `pool.choose`.
"""

from dataclasses import dataclass, replace
from enum import Enum

from gateway.core.result import Reason


class Standing(Enum):
    """CLOSED is well. The three others get no image while another endpoint is well; HALF_OPEN gets one, to prove it."""

    CLOSED = "closed"
    DOUBTFUL = "doubtful"
    HALF_OPEN = "half open"
    OPEN = "open"


class Sign(Enum):
    """What an image or a ping said of its endpoint."""

    ANSWERED = "an image is answered"
    FAILED = "an image fails"
    UNREACHABLE = "cannot be connected to"
    PING_ANSWERED = "a ping is answered"
    PING_FAILED = "a ping fails"


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """`failures` images in a row that fail open it. The pause doubles from `pause_us` to `pause_max_us`."""

    failures: int = 3
    pause_us: int = 5_000_000
    pause_max_us: int = 60_000_000


USUAL_RULE = BreakerRule()


@dataclass(frozen=True, slots=True)
class Breaker:
    """One endpoint's. `failures` in a row, by images; `openings` in a row that images made; no image before the pause
    ends, as long as another endpoint is well."""

    standing: Standing = Standing.CLOSED
    failures: int = 0
    openings: int = 0
    pause_ends: int = 0


WELL = Breaker()
"""An endpoint that answered its last image, or was never asked."""


def after(breaker: Breaker, sign: Sign, now: int, rule: BreakerRule) -> Breaker:
    """The breaker once `sign` has been seen."""
    match sign:
        case Sign.ANSWERED:
            return WELL
        case Sign.FAILED:
            return _after_failure(breaker, now, rule)
        case Sign.UNREACHABLE:
            return _shut_out(breaker, now)
        case Sign.PING_ANSWERED:
            return _after_ping(breaker, now)
        case Sign.PING_FAILED if breaker.standing is Standing.CLOSED:
            return replace(breaker, standing=Standing.DOUBTFUL)
        case Sign.PING_FAILED:
            return _shut_out(breaker, now)


def _after_failure(breaker: Breaker, now: int, rule: BreakerRule) -> Breaker:
    """One that is open already was asked as a last resort, or before it opened: that makes no pause longer."""
    if breaker.standing is Standing.OPEN:
        return breaker
    failures = breaker.failures + 1
    if failures < rule.failures and breaker.standing is not Standing.HALF_OPEN:
        return replace(breaker, standing=Standing.DOUBTFUL, failures=failures)
    pause = min(rule.pause_us << min(breaker.openings, 62), rule.pause_max_us)
    return Breaker(Standing.OPEN, failures, breaker.openings + 1, now + pause)


def _shut_out(breaker: Breaker, now: int) -> Breaker:
    """Open until a ping is answered: trying costs no part, so there is no pause to wait for."""
    return breaker if breaker.standing is Standing.OPEN else replace(breaker, standing=Standing.OPEN, pause_ends=now)


def _after_ping(breaker: Breaker, now: int) -> Breaker:
    if breaker.standing is Standing.DOUBTFUL:
        return replace(breaker, standing=Standing.CLOSED)
    if breaker.standing is Standing.OPEN and now >= breaker.pause_ends:
        return replace(breaker, standing=Standing.HALF_OPEN)
    return breaker


# ---- what outcomes mean -----------------------------------------------------------------------------------------

HEALTHY = frozenset(
    {Reason.NONE, Reason.UNDEFINED, Reason.PROCESSING_OFF, Reason.FLOW_ERROR, Reason.BAD_IMAGE, Reason.UNAUTHORISED}
)
"""The project answered. A broken picture (400), a wrong key (401, 403), a project without a verdict or with processing
switched off are faults, but not of a server: another endpoint would not cure them, and hiding one would not either."""

ILL = frozenset({Reason.SERVER_ERROR, Reason.BAD_REPLY, Reason.TIMEOUT, Reason.INSPECTOR_OFFLINE})
"""The server failed. Every other reason says nothing of it."""


def sign_of(reason: Reason, *, sent: bool) -> Sign | None:
    """What an image's outcome says of its endpoint; None: nothing. `sent`: something of it may have reached it."""
    if reason in HEALTHY:
        return Sign.ANSWERED if sent else None  # a picture that was refused before it was sent
    if reason is Reason.INSPECTOR_OFFLINE and not sent:
        return Sign.UNREACHABLE
    return Sign.FAILED if reason in ILL else None


def sign_of_ping(reason: Reason, *, sent: bool) -> Sign | None:
    """What a ping's outcome says of its endpoint; None: nothing."""
    if reason is Reason.NONE:
        return Sign.PING_ANSWERED
    if reason is Reason.INSPECTOR_OFFLINE and not sent:
        return Sign.UNREACHABLE
    return Sign.PING_FAILED if reason in ILL else None
