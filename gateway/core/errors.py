"""What can go wrong, with the numbers that the PLC sees in `error_code`, `error_cause` and the reason tags.

GatewayError
+-- ConfigError      the files are wrong: exit code 2 before anything starts
+-- SourceError      no image
+-- InspectorError   no judgement
    +-- RecipeError       a recipe could not be made ready
+-- LinkError        the PLC side: a port is taken, a certificate is missing
+-- SinkError        a result could not be kept, read back or sent on
+-- ControlError     the running gateway cannot be reached, or does not do what the command line asks
+-- RefusedError          a command that the station did not take
"""

from dataclasses import dataclass
from enum import IntEnum

from gateway.core.result import Reason


class GatewayError(Exception):
    """Root of the tree. `hint` tells the person at the line what to do next."""

    retriable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(GatewayError):
    """A configuration file is wrong. Names the file, the key, what is wrong and what to write instead."""

    def __init__(self, file: str, key: str, wrong: str, instead: str) -> None:
        super().__init__(f"{file}: {key}: {wrong}", hint=instead)
        self.file = file
        self.key = key
        self.wrong = wrong


class SourceError(GatewayError):
    """No image could be had. `reason` becomes the result's reason."""

    retriable = True

    def __init__(self, message: str, *, reason: Reason = Reason.SOURCE_FAILED, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class InspectorError(GatewayError):
    """No judgement could be had. `reason` becomes the result's reason."""

    retriable = True

    def __init__(self, message: str, *, reason: Reason, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class LinkError(GatewayError):
    """The PLC side cannot be served."""


class SinkError(GatewayError):
    """A result could not be kept, read back or handed on."""

    retriable = True


class ControlError(GatewayError):
    """The running gateway cannot be reached from the command line, or says no."""


class RejectReason(IntEnum):
    """The `reject_reason` tag: why a trigger was not accepted."""

    NONE = 0
    OFFLINE = 1
    NOT_ENABLED = 2
    RECIPE_CHANGE = 3
    TRIGGER_HELD = 4
    EXPOSING = 5
    BUSY = 6
    RESULTS_FULL = 7
    SEVERAL_COMMANDS = 8
    OTHER_RECIPE = 9
    NO_RECIPE = 10
    CONTINUOUS = 11
    NO_SIMULATION = 12
    """Only the answer to a call: no simulation source is configured."""
    NO_REVIEW = 13
    """Only the answer to a call: no operator is asked about this part, or not any more (H38)."""


class RefusedError(GatewayError):
    """The station did not take a trigger or a command. `reason` says why; `why` does in words."""

    def __init__(self, reason: "RejectReason | ErrorCode", why: str = "") -> None:
        super().__init__(why or f"refused: {reason.name.lower().replace('_', ' ')}")
        self.reason = reason


class OfflineReason(IntEnum):
    """The `offline_reason` tag, by rising gravity: where several hold, the greatest is shown.

    The last two are the gravest because they never go by themselves: somebody has to end them.
    """

    NONE = 0
    STARTING = 1
    PLC = 2
    OPERATOR = 3
    WATCHDOG = 4
    SOURCE = 5
    INSPECTOR = 6
    STOPPING = 7
    SIMULATION = 8
    HALTED = 9


class ErrorCode(IntEnum):
    """The `error_code` tag. 100 + n: an inspection ended without a decision, n is its `reason`."""

    NONE = 0
    SEVERAL_COMMANDS = 1
    TRIGGER_HELD = 2
    ACK_WITHOUT_RESULT = 3
    ACK_WRONG_RESULT = 4
    ACK_OVERDUE = 5
    RECIPE_BUSY = 6
    RECIPE_UNKNOWN = 7
    RECIPE_FAILED = 8
    RECIPE_TIMEOUT = 9
    WATCHDOG = 10
    NOK_IN_A_ROW = 11
    RECIPE_MANAGER = 12
    RECIPE_PROJECT = 13
    RECIPE_WARM_UP = 14
    SOURCE_DOWN = 20
    INSPECTOR_DOWN = 21
    JOURNAL_DOWN = 22
    ARCHIVE_DOWN = 23
    LINK_DOWN = 24
    NO_DECISION_UNDEFINED = 101
    NO_DECISION_PROCESSING_OFF = 102
    NO_DECISION_FLOW_ERROR = 103
    NO_DECISION_BAD_IMAGE = 104
    NO_DECISION_UNAUTHORISED = 105
    NO_DECISION_SERVER_ERROR = 106
    NO_DECISION_BAD_REPLY = 107
    NO_DECISION_TIMEOUT = 108
    NO_DECISION_INSPECTOR_OFFLINE = 109
    NO_DECISION_NO_IMAGE = 110
    NO_DECISION_SOURCE_FAILED = 111
    NO_DECISION_INTERNAL = 115
    NO_DECISION_EMPTY_IMAGE = 116
    NO_DECISION_NOT_AN_IMAGE = 117
    NO_DECISION_IMAGE_TOO_LARGE = 118
    NO_DECISION_FRAME_INCOMPLETE = 119
    NO_DECISION_PIXEL_FORMAT = 120
    NO_DECISION_JOURNAL = 121
    NO_DECISION_UNCHECKED = 124
    NO_DECISION_TOO_LATE = 125
    NO_DECISION_UNPREPARED = 127


class Cause(IntEnum):
    """The `error_cause` tag: which command, or which part, an error came from."""

    NONE = 0
    TRIGGER = 1
    RESULT_ACK = 2
    CHANGE_RECIPE = 3
    COMMANDS = 4
    PLC = 5
    INSPECTION = 6
    SOURCE = 7
    INSPECTOR = 8
    JOURNAL = 9
    ARCHIVE = 10
    LINK = 11


class RecipeError(InspectorError):
    """A recipe could not be made ready. `code` tells the PLC what kind of fault it was."""

    def __init__(self, message: str, code: ErrorCode, *, reason: Reason = Reason.UNPREPARED, hint: str = "") -> None:
        super().__init__(message, reason=reason, hint=hint)
        self.code = code


@dataclass(frozen=True, slots=True)
class Fault:
    """What is latched in `error_code` and `error_cause`. `view`: which one of several is ill, from 1."""

    code: ErrorCode
    cause: Cause
    view: int = 0
