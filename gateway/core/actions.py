"""What a step of the handshake asks the world to do. What can happen to a station stands in `events`."""

from dataclasses import dataclass

from gateway.core.counts import Counts
from gateway.core.errors import ErrorCode, RejectReason
from gateway.core.result import BY_TAGS, Judgement, Origin, Result, Review


@dataclass(frozen=True, slots=True)
class Start:
    """Take an image and have it judged; answer with `Exposed` and `Answered` for this id.

    With several views: one image of each, `Exposed` when all are taken, and a `ViewAnswered` for each view.

    `pictures_from`: it is for the picture of a continuous run that began at this moment (us); None for a trigger.
    """

    inspection_id: int
    trigger_seq: int
    part_id: str
    recipe: int
    deadline: int
    token: int = 0
    origin: Origin = BY_TAGS
    pictures_from: int | None = None


@dataclass(frozen=True, slots=True)
class AwaitPicture:
    """Say with `PictureCame` when a picture is there that came at or after `since` (us) and that nobody has got."""

    run_id: int
    since: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class EndRun:
    """The continuous run is over: no picture is awaited any more."""

    run_id: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """This inspection has its answer; whatever still works on it may stop."""

    inspection_id: int


@dataclass(frozen=True, slots=True)
class OfferReview:
    """Ask an operator about this inspection, and say with `ReviewDecided` what he decided, until `review_by` (H38).

    `found` is what PEKAT said.
    """

    inspection_id: int
    found: Judgement
    review_by: int


@dataclass(frozen=True, slots=True)
class EndReview:
    """No operator is asked about this inspection any more; `review` says how that ended."""

    inspection_id: int
    review: Review


@dataclass(frozen=True, slots=True)
class Record:
    """The one answer to an accepted trigger. `presented` False: it never goes to the PLC's tags (reset, simulation)."""

    result: Result
    presented: bool = True


@dataclass(frozen=True, slots=True)
class Keep:
    """Have the journal keep this answer, and say with `Kept` how that ended: it is not shown before (H30).

    `counts` are the counters as they will be with it. Should it be shown otherwise, its `Record` tells.
    """

    result: Result
    counts: Counts


@dataclass(frozen=True, slots=True)
class Reject:
    """A `TriggerAsked` was not accepted."""

    token: int
    reason: RejectReason


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that is no trigger was not taken. Nothing else has changed."""

    token: int
    reason: RejectReason | ErrorCode


@dataclass(frozen=True, slots=True)
class PrepareRecipe:
    """Get ready for this recipe and say so with `RecipePrepared`."""

    change_id: int
    recipe: int


@dataclass(frozen=True, slots=True)
class AbandonRecipe:
    """The change is over without its answer (time-out, reset): stop working on it."""

    change_id: int


@dataclass(frozen=True, slots=True)
class RecipeSettled:
    """How a `RecipeAsked` ended."""

    token: int
    error: ErrorCode


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """An answer came for an inspection that has one already; it was dropped and counted.

    `result`: what it would have been, for the journal, where the work had gone on after the decision deadline (H36).
    """

    inspection_id: int
    judgement: Judgement
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Find the newest result with this number that went to the PLC's tags, and say so with `LookedUp` (H37)."""

    query_id: int
    result_seq: int


Action = (
    Start
    | AwaitPicture
    | EndRun
    | Cancel
    | OfferReview
    | EndReview
    | Record
    | Keep
    | Reject
    | Refused
    | PrepareRecipe
    | AbandonRecipe
    | RecipeSettled
    | LateAnswer
    | LookUp
)
