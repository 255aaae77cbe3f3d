"""What can happen to a station. What it then asks the world to do stands in `actions`.

Every event goes into `handshake.step` together with the moment it happened. One PLC request is one
`PlcWrote`: it carries all command tags as they stand after the request, and `step` finds the edges. What has no
tag and comes as a call alone stands in `calls`.
"""

from dataclasses import dataclass

from gateway.core.calls import Call
from gateway.core.commands import Commands
from gateway.core.counts import ImagesLost
from gateway.core.errors import ErrorCode, Fault, OfflineReason
from gateway.core.result import BY_TAGS, Judgement, Origin, Result
from gateway.core.state import Options


@dataclass(frozen=True, slots=True)
class PlcWrote:
    """The PLC wrote command tags; `commands` is their state after this one request, `client` who made it."""

    commands: Commands
    client: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; nothing else happened."""


@dataclass(frozen=True, slots=True)
class TriggerAsked:
    """A trigger that comes as a call, not as a tag, as OPC UA `Inspect`. `token` comes back in the outcome.

    `recipe` 0 means the one in force. `timeout_ms` 0 means the recipe's or the station's own; it can only shorten it.
    """

    token: int
    part_id: str = ""
    recipe: int = 0
    timeout_ms: int = 0
    origin: Origin = BY_TAGS


@dataclass(frozen=True, slots=True)
class RecipeAsked:
    """A recipe change that comes as a call. `token` comes back in `RecipeSettled`."""

    token: int
    recipe: int


@dataclass(frozen=True, slots=True)
class PictureCame:
    """The picture that `AwaitPicture` asked for is there."""

    run_id: int


@dataclass(frozen=True, slots=True)
class Exposed:
    """The image of this inspection is taken: the part may move."""

    inspection_id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The source or the inspector is through with this inspection. Of several views: what no view has answered yet."""

    inspection_id: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Kept:
    """The journal has the answer of this inspection; not `ok`: it could not keep it."""

    inspection_id: int
    ok: bool


@dataclass(frozen=True, slots=True)
class ViewAnswered:
    """One of several views is through with this inspection. `view` counts from 1."""

    inspection_id: int
    view: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class RecipePrepared:
    """The world is ready for the recipe of change `change_id`, or `error` says why not."""

    change_id: int
    error: ErrorCode = ErrorCode.NONE


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What became of a `LookUp`. `result` None: there is none, or, not `reached`, the journal could not be asked.

    `answered_ms` is when it was answered: UTC, milliseconds since 1970.
    """

    query_id: int
    reached: bool
    result: Result | None = None
    answered_ms: int = 0


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A source or an inspector is ill. `offline` NONE: the station stays online and answers each trigger."""

    fault: Fault
    offline: OfflineReason = OfflineReason.NONE


@dataclass(frozen=True, slots=True)
class PartRecovered:
    """That fault is over."""

    fault: Fault
    offline: OfflineReason = OfflineReason.NONE


@dataclass(frozen=True, slots=True)
class WentOffline:
    """Somebody took the station offline; no error by itself."""

    reason: OfflineReason


@dataclass(frozen=True, slots=True)
class CameOnline:
    """That reason is gone."""

    reason: OfflineReason


@dataclass(frozen=True, slots=True)
class Draining:
    """The gateway is about to go down: no trigger is accepted any more, what is in flight is finished (H33)."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The gateway goes down: everything in flight is answered now, no trigger is accepted any more."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration was read anew (H35): recipes, the one in force among them, and options.

    Of the options only those may differ that nothing was sized or named by: not depths, views and the watchdog, nor
    whether a journal keeps answers.
    """

    recipes: frozenset[int]
    options: Options


Event = (
    PlcWrote
    | Tick
    | TriggerAsked
    | RecipeAsked
    | Call
    | PictureCame
    | Exposed
    | Answered
    | Kept
    | ViewAnswered
    | RecipePrepared
    | LookedUp
    | PartFailed
    | PartRecovered
    | ImagesLost
    | WentOffline
    | CameOnline
    | Draining
    | Stopped
    | Reconfigured
)
