"""What an inspection says: verdict, reason, detections, values, and the one answer that a trigger gets."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import product

UserValue = bool | int | float | str


class Verdict(IntEnum):
    """The `verdict` tag. OK and NOK come only from a boolean `result` in PEKAT's context."""

    NONE = 0
    OK = 1
    NOK = 2
    NO_DECISION = 3


class Reason(IntEnum):
    """The `reason` tag: why there was no decision. NONE goes with OK and NOK, and only with them.

    TOO_LATE alone goes with NOK: it marks a NOK that nobody has seen a fault for. BY_OPERATOR goes with OK and NOK: it
    marks a decision that is not PEKAT's.
    """

    NONE = 0
    UNDEFINED = 1
    PROCESSING_OFF = 2
    FLOW_ERROR = 3
    BAD_IMAGE = 4
    UNAUTHORISED = 5
    SERVER_ERROR = 6
    BAD_REPLY = 7
    TIMEOUT = 8
    INSPECTOR_OFFLINE = 9
    NO_IMAGE = 10
    SOURCE_FAILED = 11
    CANCELLED = 12
    RESET = 13
    SHUTDOWN = 14
    INTERNAL = 15
    EMPTY_IMAGE = 16
    NOT_AN_IMAGE = 17
    IMAGE_TOO_LARGE = 18
    FRAME_INCOMPLETE = 19
    PIXEL_FORMAT = 20
    JOURNAL = 21
    INTERRUPTED = 22
    REVIEW = 23
    UNCHECKED = 24
    TOO_LATE = 25
    BY_OPERATOR = 26
    UNPREPARED = 27


REASON_TEXTS: dict[Reason, str] = {
    Reason.NONE: "a decision was made",
    Reason.UNDEFINED: "PEKAT's context has no boolean result: no module of the project evaluates",
    Reason.PROCESSING_OFF: "'Process incoming images' is switched off in the PEKAT project",
    Reason.FLOW_ERROR: "the PEKAT flow reported an error",
    Reason.BAD_IMAGE: "the image is broken, or PEKAT refused it (HTTP 400)",
    Reason.UNAUTHORISED: "PEKAT refused the API key (HTTP 401 or 403)",
    Reason.SERVER_ERROR: "PEKAT answered with another HTTP error",
    Reason.BAD_REPLY: "PEKAT's reply could not be read",
    Reason.TIMEOUT: "no answer within the inspection's time",
    Reason.INSPECTOR_OFFLINE: "PEKAT cannot be reached",
    Reason.NO_IMAGE: "no image came from the source in time",
    Reason.SOURCE_FAILED: "the image source failed",
    Reason.CANCELLED: "cancelled by abort, by halt, by enable falling or by the watchdog",
    Reason.RESET: "cancelled by reset",
    Reason.SHUTDOWN: "the gateway was stopped",
    Reason.INTERNAL: "a fault inside the gateway; its log has the details",
    Reason.EMPTY_IMAGE: "the image is empty: a file or an answer of 0 bytes",
    Reason.NOT_AN_IMAGE: "the content is no whole image, whatever its name says",
    Reason.IMAGE_TOO_LARGE: "the image is over the configured limit; it was not decoded",
    Reason.FRAME_INCOMPLETE: "parts of the camera's frame got lost on the way",
    Reason.PIXEL_FORMAT: "the image's format, of the file or of its pixels, cannot be handed to PEKAT",
    Reason.JOURNAL: "there was a decision, but the journal could not keep it in time",
    Reason.INTERRUPTED: "the gateway was killed or lost its power before there was an answer",
    Reason.REVIEW: "the score lies between good and bad: somebody has to look at the part",
    Reason.UNCHECKED: "PEKAT found the part good, but its reply lacks what the recipe's rules go by",
    Reason.TOO_LATE: "no answer by the decision deadline, which counts as NOK here: not PEKAT's verdict",
    Reason.BY_OPERATOR: "an operator decided: the score lay between good and bad",
    Reason.UNPREPARED: "the PEKAT project of the recipe in force is not known to run; nothing was sent anywhere",
}

AT_THE_IMAGE = frozenset(
    {
        Reason.BAD_IMAGE,
        Reason.EMPTY_IMAGE,
        Reason.NOT_AN_IMAGE,
        Reason.IMAGE_TOO_LARGE,
        Reason.FRAME_INCOMPLETE,
        Reason.PIXEL_FORMAT,
    }
)
"""Reasons that lie in the image itself, not in a part of the system: such an image is put aside, never tried again."""

CUT_SHORT = frozenset({Reason.CANCELLED, Reason.RESET, Reason.SHUTDOWN, Reason.INTERRUPTED})
"""Reasons that follow from a command, not from what was seen."""

NOT_A_FAULT = CUT_SHORT | {Reason.NONE, Reason.REVIEW, Reason.BY_OPERATOR}
"""Reasons that latch no error: nothing is out of order."""


UNDECIDED = frozenset(Reason) - {Reason.NONE, Reason.TOO_LATE, Reason.BY_OPERATOR}
"""Reasons that go with no decision."""


def _go_together(verdict: Verdict, reason: Reason) -> bool:
    decided = verdict in (Verdict.OK, Verdict.NOK)
    if reason is Reason.TOO_LATE:
        return verdict is Verdict.NOK
    if reason is Reason.BY_OPERATOR:
        return decided
    return verdict is not Verdict.NONE and decided == (reason is Reason.NONE)


_TOGETHER = frozenset(both for both in product(Verdict, Reason) if _go_together(*both))
"""What verdicts and reasons can go together: a judgement is made faster than the rule is gone through."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One found object. `x`, `y` is the top left corner; all lengths in pixels of the processed image."""

    label: str
    class_number: int
    """From the recipe's class table; 0 where the label is not in it. PEKAT's own ids exceed 32 bits."""
    confidence: float
    """0..1"""
    x: float
    y: float
    width: float
    height: float
    view: int = 0
    """Which view of several found it, from 1; 0 where the station has only one."""


@dataclass(frozen=True, slots=True)
class ViewJudgement:
    """What one of several views said of the part. `view` counts from 1, in the order of the configuration.

    `detection_count`, `defect_class` (of its surest detection), `score` and `inspector_us` are as in `Judgement`.
    """

    view: int
    name: str
    verdict: Verdict
    reason: Reason = Reason.NONE
    detection_count: int = 0
    defect_class: int = 0
    score: float | None = None
    inspector_us: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an inspector says of one image, or why nobody could say anything.

    `detections` are sorted by falling confidence, then by x. `user_values` are (tag name without the
    `user.` prefix, value) pairs. `detail` is a sentence for the log and the person at the line.
    Raises ValueError where verdict and reason contradict each other: a fault is never an OK.
    """

    verdict: Verdict
    reason: Reason = Reason.NONE
    detections: tuple[Detection, ...] = ()
    score: float | None = None
    user_values: tuple[tuple[str, UserValue], ...] = ()
    detail: str = ""
    inspector_us: int = 0
    """Time from asking the inspector to its answer, in microseconds; 0 where it was never asked."""
    views: tuple[ViewJudgement, ...] = ()
    """What each view said, where the station has several: `core/views.py` made one judgement of them."""

    def __post_init__(self) -> None:
        if (self.verdict, self.reason) not in _TOGETHER:
            raise ValueError(f"verdict {self.verdict.name} cannot go with reason {self.reason.name}")


def no_decision(reason: Reason, detail: str = "") -> Judgement:
    """The judgement for everything that is not a decision."""
    return Judgement(Verdict.NO_DECISION, reason, detail=detail or REASON_TEXTS[reason])


def too_late() -> Judgement:
    """The judgement of a part without an answer at the decision deadline, where that counts as NOK (H36)."""
    return Judgement(Verdict.NOK, Reason.TOO_LATE, detail=REASON_TEXTS[Reason.TOO_LATE])


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for an inspection, and what they call it: handed through to the result.

    `job_id`, `meas_id` and `product_id` are names of OPC 40100-1; they mean nothing here.
    """

    by: str = "tags"
    """"tags", "inspect", "job" or "continuous"."""
    job_id: str = ""
    meas_id: str = ""
    product_id: str = ""
    simulated: bool = False
    """Made in simulation mode: never presented to the PLC's tags (H29). Set by the handshake alone."""
    client: str = ""
    """Which client of which link asked, as `modbus 10.0.0.7`; "" where nobody knows."""


BY_TAGS = Origin()


@dataclass(frozen=True, slots=True)
class Review:
    """An operator was asked (H38). Times are monotonic microseconds; what PEKAT found is in the result's judgement."""

    offered_at: int
    ended_at: int
    decision: Verdict = Verdict.NONE
    """OK, NOK, or NO_DECISION where the operator could not tell either. NONE: nobody decided in time."""
    operator: str = ""
    over: str = ""
    """How the operator reached the station, "opcua" or "command line": only the first one proves who it was."""


@dataclass(frozen=True, slots=True)
class Result:
    """The one answer to one accepted trigger. Times are monotonic microseconds.

    `result_seq` and `trigger_seq` are 0 for a simulated one: it takes no number from the PLC's (H29).
    """

    inspection_id: int
    result_seq: int
    trigger_seq: int
    part_id: str
    recipe: int
    judgement: Judgement
    accepted_at: int
    exposed_at: int
    """0 where no image was ever taken."""
    answered_at: int
    origin: Origin = BY_TAGS
    late: bool = False
    """It came after the answer that the PLC got, and is for the journal alone (H36)."""
    review: Review | None = None
    """What came of asking an operator; None where nobody was asked (H38)."""

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    @property
    def total_us(self) -> int:
        return self.answered_at - self.accepted_at
