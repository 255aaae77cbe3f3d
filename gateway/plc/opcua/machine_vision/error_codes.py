"""What the output argument `Error` of a method says. OPC 40100-1 leaves the numbers below 0 to each vision system.

-100 - n: a trigger was refused, n as in the tag `reject_reason`. -200 - n: a recipe change failed, n as `error_code`.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from gateway.core.errors import ErrorCode, RefusedError, RejectReason


class MethodError(IntEnum):
    """The one table of them."""

    NONE = 0
    WRONG_STATE = -1
    NOTHING_RUNS = -2
    RECIPE_NOT_PREPARED = -3
    PRODUCT_NOT_PREPARED = -4
    UNKNOWN_PRODUCT = -5
    UNKNOWN_RESULT = -6
    UNKNOWN_CONFIGURATION = -7
    UNKNOWN_HANDLE = -8
    STORE_UNREADABLE = -9
    TOO_FAR_BACK = -10
    REFUSED = -100
    OFFLINE = -101
    NOT_ENABLED = -102
    RECIPE_CHANGE = -103
    TRIGGER_HELD = -104
    EXPOSING = -105
    BUSY = -106
    RESULTS_FULL = -107
    SEVERAL_COMMANDS = -108
    OTHER_RECIPE = -109
    NO_RECIPE = -110
    CONTINUOUS = -111
    NO_SIMULATION = -112
    NO_REVIEW = -113
    RECIPE_BUSY = -206
    UNKNOWN_RECIPE = -207
    RECIPE_FAILED = -208
    RECIPE_TIMEOUT = -209
    RECIPE_MANAGER = -212
    RECIPE_PROJECT = -213
    RECIPE_WARM_UP = -214


ERROR_TEXTS: Mapping[MethodError, str] = MappingProxyType(
    {
        MethodError.NONE: "done",
        MethodError.WRONG_STATE: "the vision system is halted or in error: Reset comes first",
        MethodError.NOTHING_RUNS: "no job is running that could be stopped or aborted",
        MethodError.RECIPE_NOT_PREPARED: "this recipe is not the prepared one: PrepareRecipe comes first",
        MethodError.PRODUCT_NOT_PREPARED: "the prepared recipe is not for this product: PrepareProduct comes first",
        MethodError.UNKNOWN_PRODUCT: "no recipe is configured for this product",
        MethodError.UNKNOWN_RESULT: "there is no result with this id, or none any more",
        MethodError.UNKNOWN_CONFIGURATION: "this is not the gateway's one configuration",
        MethodError.UNKNOWN_HANDLE: "this session holds no such handle: released, expired or another session's",
        MethodError.STORE_UNREADABLE: "the result store cannot be read now",
        MethodError.TOO_FAR_BACK: "too many results lie before the ones asked for: use more filters",
        MethodError.REFUSED: "the station refused it",
        MethodError.OFFLINE: "the station is offline: the tag offline_reason says why",
        MethodError.NOT_ENABLED: "the station is not enabled: SelectModeAutomatic comes first",
        MethodError.RECIPE_CHANGE: "a recipe change is under way",
        MethodError.TRIGGER_HELD: "the PLC still holds its trigger bit",
        MethodError.EXPOSING: "an image is being taken",
        MethodError.BUSY: "as many inspections as configured are under way",
        MethodError.RESULTS_FULL: "the result buffer is full: the PLC has to acknowledge first",
        MethodError.SEVERAL_COMMANDS: "several commands came at once",
        MethodError.OTHER_RECIPE: "another recipe is in force",
        MethodError.NO_RECIPE: "no recipe is prepared: PrepareRecipe comes first",
        MethodError.CONTINUOUS: "a continuous job is running: Stop or Abort comes first",
        MethodError.NO_SIMULATION: "no simulation source is configured",
        MethodError.NO_REVIEW: "no operator is asked about this part, or not any more",
        MethodError.RECIPE_BUSY: "an inspection or another recipe change is under way",
        MethodError.UNKNOWN_RECIPE: "no recipe with this id is configured",
        MethodError.RECIPE_FAILED: "PEKAT could not be made ready for the recipe",
        MethodError.RECIPE_TIMEOUT: "PEKAT was not ready for the recipe in time",
        MethodError.RECIPE_MANAGER: "PEKAT's Projects Manager did not answer, or refused",
        MethodError.RECIPE_PROJECT: "PEKAT's Projects Manager could not start the recipe's project",
        MethodError.RECIPE_WARM_UP: "PEKAT did not judge the recipe's warm-up picture",
    }
)
"""What each of them means, for a person."""


class MethodFailedError(RefusedError):
    """A method ends with this error and without effect."""

    def __init__(self, error: MethodError) -> None:
        super().__init__(ErrorCode.NONE)
        self.error = error


def error_of(refusal: RefusedError) -> MethodError:
    """The number for what a station, or a method itself, refused."""
    if isinstance(refusal, MethodFailedError):
        return refusal.error
    base = -100 if isinstance(refusal.reason, RejectReason) else -200
    try:
        return MethodError(base - refusal.reason)
    except ValueError:
        return MethodError.REFUSED
