"""What can be asked of a station by call alone: no command tag says it. Part of `events.Event`.

A call that can be refused has a `token`, which comes back in `events.Refused`; the others always work.
"""

from dataclasses import dataclass

from gateway.core.result import BY_TAGS, Origin, Verdict


@dataclass(frozen=True, slots=True)
class UnprepareAsked:
    """A call: no recipe is to be in force until the next change (H27). Refused with `Refused` while busy."""

    token: int


@dataclass(frozen=True, slots=True)
class AutomaticAsked:
    """A call that enables the station as the `enable` bit does (H25)."""


@dataclass(frozen=True, slots=True)
class HaltAsked:
    """A call: cancel everything, and be offline until a reset (H26)."""


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """The `reset` bit's rising edge, as a call (H16)."""


@dataclass(frozen=True, slots=True)
class AbortAsked:
    """The `abort` bit's rising edge, as a call (H15)."""


@dataclass(frozen=True, slots=True)
class RunAsked:
    """A call that begins a continuous run (H28); `Refused` where a trigger by call would be rejected."""

    token: int
    part_id: str = ""
    origin: Origin = BY_TAGS


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A call: the continuous run ends; what is in flight is finished."""


@dataclass(frozen=True, slots=True)
class SimulationAsked:
    """A call: simulation mode on or off (H29). Refused with `Refused` while busy."""

    token: int
    on: bool


@dataclass(frozen=True, slots=True)
class ReviewDecided:
    """A call: an operator's answer to `OfferReview` (H38), OK, NOK, or NO_DECISION where he cannot tell either.

    `Refused` where nobody is asked about this inspection, or not any more. `over`: see `Review`.
    """

    token: int
    inspection_id: int
    verdict: Verdict
    operator: str
    over: str = ""


Call = (
    UnprepareAsked
    | AutomaticAsked
    | HaltAsked
    | ResetAsked
    | AbortAsked
    | RunAsked
    | StopAsked
    | SimulationAsked
    | ReviewDecided
)
