"""What a station knows of its handshake. Times are monotonic microseconds (int), options are milliseconds.

A `State` is a value: `handshake.step` works on a copy and never changes the one it is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.core.commands import Commands
from gateway.core.counts import NO_COUNTS, Counts
from gateway.core.errors import ErrorCode, Fault, OfflineReason, RejectReason
from gateway.core.inspection import Inspection
from gateway.core.query import NO_QUERY, Query
from gateway.core.recipe_change import RecipeChange, RecipeOutcome
from gateway.core.result import Origin, Result

LAST_SEQ = 65535
"""Sequence numbers run 1..65535 and then 1 again; 0 means none."""


def next_seq(seq: int) -> int:
    """The sequence number after `seq`."""
    return seq % LAST_SEQ + 1


class WatchdogAction(IntEnum):
    """What a silent PLC leads to."""

    NOTHING = 0
    OFFLINE = 1
    CANCEL = 2


class StationState(IntEnum):
    """The `state` tag: one number for displays. The handshake itself goes by the status bits."""

    OFFLINE = 0
    DISABLED = 1
    READY = 2
    ACQUIRING = 3
    INSPECTING = 4
    RESULT_PENDING = 5
    ACKNOWLEDGING = 6
    CHANGING_RECIPE = 7
    NO_RECIPE = 8
    CONTINUOUS = 9


@dataclass(frozen=True, slots=True)
class Options:
    """What the configuration says of a station's handshake. Times in milliseconds.

    0 switches `ack_timeout_ms` and `watchdog_ms` off; an inspection and a recipe change always have an end (H7).
    `keep_ms` is the journal's share of an inspection's time: an answer is shown when the journal has it (H30). With 0
    it is shown at once. `show_unkept`: so is one that the journal could not keep in that time.
    `decision_deadline_ms` is when the PLC has its answer; what judges may go on until the inspection's time-out. With 0
    the two are one. `late_is_nok`: what has no answer then is NOK (H36).
    `review_wait_ms` is how long an operator is asked about a part whose score is in doubt, at most until the decision
    deadline (H38). With 0 nobody is asked.
    `stop_after_nok` is how many parts NOK in a row raise the alarm (H34); with 0 there is none.
    """

    max_in_flight: int = 1
    result_depth: int = 16
    inspection_timeout_ms: int = 5_000
    ack_timeout_ms: int = 10_000
    recipe_timeout_ms: int = 30_000
    watchdog_ms: int = 0
    watchdog_action: WatchdogAction = WatchdogAction.NOTHING
    keep_ms: int = 0
    show_unkept: bool = False
    stop_after_nok: int = 0
    decision_deadline_ms: int = 0
    late_is_nok: bool = False
    review_wait_ms: int = 0
    own_timeouts_ms: Mapping[int, int] = field(default_factory=dict, hash=False)
    """By recipe: its inspection's time-out, where it is another than `inspection_timeout_ms`, longer or shorter."""
    views: tuple[str, ...] = ()
    """Names of the views, where each trigger takes several images (H32); empty where it takes one."""

    def timeout_of(self, recipe: int) -> int:
        """An inspection's time by this recipe (ms)."""
        return self.own_timeouts_ms.get(recipe, self.inspection_timeout_ms)


@dataclass(frozen=True, slots=True)
class ContinuousRun:
    """Each picture that comes at or after `since` is one trigger (H28)."""

    id: int
    part_id: str
    origin: Origin
    since: int
    awaiting: bool = False
    """The world was asked to say when the next picture is there."""


NO_COMMANDS = Commands()


@dataclass
class State:
    """Availability, trigger, work, results: the whole of one station's handshake.

    Without slots, unlike all else: `copy` is on the path of every trigger, and a dictionary is copied at once.
    """

    options: Options
    boot_id: int
    recipe: int
    recipes: frozenset[int]
    started_at: int = 0
    """When the station came up: from then on a PLC that was never heard counts as silent (H22)."""
    # the PLC
    commands: Commands = NO_COMMANDS
    plc_seen: bool = False
    seq_known: bool = False
    """The number in `trigger_seq` is a baseline: the next other one is a trigger (H6)."""
    plc_beat_at: int = 0
    watchdog_tripped: bool = False
    automatic: bool = False
    """Enabled by call, beside the `enable` bit (H25)."""
    # availability
    offline: frozenset[OfflineReason] = frozenset({OfflineReason.STARTING})
    stopped: bool = False
    """What was in flight when the gateway went down has its answer; the journal may still have to take it (H30)."""
    # trigger
    trigger_ack: bool = False
    ack_since: int = 0
    ack_overdue: bool = False
    reject_reason: RejectReason = RejectReason.NONE
    overrun: bool = False
    trigger_seq_accepted: int = 0
    exposure_done: bool = False
    # work
    flight: tuple[Inspection, ...] = ()
    overdue: tuple[Inspection, ...] = ()
    """Those that were answered at the decision deadline and are still worked on (H36); at most `max_in_flight`."""
    next_id: int = 1
    continuous: ContinuousRun | None = None
    next_run_id: int = 1
    # results
    waiting: tuple[Result, ...] = ()
    presented: Result | None = None
    valid: bool = False
    valid_since: int = 0
    result_overdue: bool = False
    ack_must_fall: bool = False
    """The presented result was acknowledged by the bit: the next waits until `result_ack` is seen 0 (H12)."""
    toggle: bool = False
    result_seq: int = 0
    """The last number given to an answer."""
    shown_seq: int = 0
    """The number in the tags: that of the newest result ever presented."""
    nok_row: int = 0
    """Parts NOK since the last OK, as long as no alarm is on (H34)."""
    # recipe
    changing: RecipeChange | None = None
    recipe_outcome: RecipeOutcome = RecipeOutcome.NONE
    next_change_id: int = 1
    unprepared: bool = False
    """No recipe is in force until a change succeeds; `recipe` keeps its number (H27)."""
    # errors
    error: Fault | None = None
    standing: tuple[Fault, ...] = ()
    """Conditions that hold now and are not the latched one, oldest first (H20)."""
    error_count: int = 0
    images_lost: int = 0
    # an old result, read again
    query: Query = NO_QUERY
    # life signs
    heartbeat: int = 0
    beat_at: int = 0
    counts: Counts = NO_COUNTS

    def copy(self) -> "State":
        """Another state with the same values; values are immutable, so nothing is shared that could change."""
        twin = State.__new__(State)
        twin.__dict__.update(self.__dict__)
        return twin

    @property
    def online(self) -> bool:
        return not self.offline

    @property
    def offline_reason(self) -> OfflineReason:
        """The gravest of the reasons."""
        return max(self.offline, default=OfflineReason.NONE)

    @property
    def in_flight(self) -> int:
        """How many accepted triggers still wait for their answer."""
        return sum(1 for inspection in self.flight if inspection.open)

    @property
    def buffered(self) -> bool:
        """Results queue. A backlog left from buffered mode keeps its order until it is acknowledged (H14)."""
        return self.commands.buffer_results or bool(self.waiting)

    @property
    def enabled(self) -> bool:
        """By the `enable` bit or by call (H25)."""
        return self.commands.enable or self.automatic

    @property
    def halted(self) -> bool:
        """Until a reset (H26)."""
        return OfflineReason.HALTED in self.offline

    @property
    def simulating(self) -> bool:
        """Calls take their pictures from the simulation source, tags trigger nothing (H29)."""
        return OfflineReason.SIMULATION in self.offline

    @property
    def idle(self) -> bool:
        """Nothing is in flight, no recipe change and no continuous run is under way."""
        return not self.flight and self.changing is None and self.continuous is None

    @property
    def reject(self) -> RejectReason:
        """Why a trigger by tags would not be accepted now; NONE means `ready` (H2)."""
        if self.offline:
            return RejectReason.OFFLINE
        return self.reject_picture if self.continuous is None else RejectReason.CONTINUOUS

    @property
    def reject_call(self) -> RejectReason:
        """The same for a trigger by call: simulation mode is no obstacle to it (H29)."""
        if not self.simulating:
            return self.reject
        if len(self.offline) > 1:
            return RejectReason.OFFLINE
        return self.reject_picture if self.continuous is None else RejectReason.CONTINUOUS

    @property
    def reject_picture(self) -> RejectReason:
        """Why the station would not take another picture now, offline and a continuous run apart."""
        if not (self.commands.enable or self.automatic):
            return RejectReason.NOT_ENABLED
        if self.changing is not None:
            return RejectReason.RECIPE_CHANGE
        if self.unprepared:
            return RejectReason.NO_RECIPE
        if self.trigger_ack:
            return RejectReason.TRIGGER_HELD
        if any(inspection.exposing for inspection in self.flight):
            return RejectReason.EXPOSING
        if len(self.flight) >= self.options.max_in_flight:
            return RejectReason.BUSY
        return RejectReason.RESULTS_FULL if self.full else RejectReason.NONE

    @property
    def full(self) -> bool:
        """Every place of the result FIFO is taken or promised. A simulated result needs none."""
        taken = len(self.flight) + len(self.waiting) + int(self.valid)
        return self.buffered and taken >= self.options.result_depth and not self.simulating

    @property
    def station_state(self) -> StationState:
        """The gravest thing that keeps the station from being ready, or READY."""
        return self.state_where(self.reject)

    def state_where(self, reject: RejectReason) -> StationState:
        """`station_state`, for who has asked for `reject` already."""
        if reject is RejectReason.NONE:
            return StationState.READY
        if self.offline:
            return StationState.OFFLINE
        if self.changing is not None:
            return StationState.CHANGING_RECIPE
        if any(inspection.exposing for inspection in self.flight):
            return StationState.ACQUIRING
        if self.flight:
            return StationState.INSPECTING
        if not self.enabled:
            return StationState.DISABLED
        if self.unprepared:
            return StationState.NO_RECIPE
        if self.trigger_ack:
            return StationState.ACKNOWLEDGING
        return StationState.RESULT_PENDING if self.full else StationState.CONTINUOUS

    def recipe_error(self, recipe: int) -> ErrorCode:
        """Why a change to this recipe cannot begin now; NONE where it can (H18, H33)."""
        if recipe not in self.recipes:
            return ErrorCode.RECIPE_UNKNOWN
        if not self.idle:
            return ErrorCode.RECIPE_BUSY
        return ErrorCode.RECIPE_FAILED if OfflineReason.STOPPING in self.offline else ErrorCode.NONE
