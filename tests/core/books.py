"""What the oracle writes down, and what a PLC should read by it (H2, H10, H20)."""

from dataclasses import dataclass, field

from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Judgement, Reason, Verdict
from gateway.core.state import Options

TOO_LATE = Judgement(Verdict.NOK, Reason.TOO_LATE)
NAMES = {Verdict.OK: "ok", Verdict.NOK: "nok", Verdict.NO_DECISION: "no_decision"}


@dataclass
class Ticket:
    """One accepted trigger."""

    trigger_seq: int
    part_id: str
    recipe: int
    deadline: int
    exposed: bool = False
    answer: Judgement | None = None
    result_seq: int = 0
    simulated: bool = False
    give_up: int = 0
    """When the journal has to have it (H30)."""
    asked: bool = False
    asked_until: int = 0
    """An operator is asked about it until then (H38)."""
    out: bool = False
    """The journal has it, or nobody waits for the journal any more."""


@dataclass
class Books:
    options: Options
    now: int
    result_seq: int = 0
    row: int = 0
    """NOK since the last OK (H34)."""
    accepted_seq: int = 0
    plc: Commands = field(default_factory=Commands)
    heard: bool = False
    armed: bool = False
    beat_at: int = 0
    tripped: bool = False
    down: set[OfflineReason] = field(default_factory=set)
    held_since: int | None = None
    held_told: bool = False
    refusal: RejectReason = RejectReason.NONE
    overrun: bool = False
    flying: dict[int, Ticket] = field(default_factory=dict)
    accepted: int = 0
    ids: int = 0
    automatic: bool = False
    unprepared: bool = False
    run: bool = False
    stopped: bool = False
    queue: list[Ticket] = field(default_factory=list)
    shown: Ticket | None = None
    shown_seq: int = 0
    valid_since: int | None = None
    overdue_told: bool = False
    hold_back: bool = False
    recipe: int = 1
    change: tuple[int, int, int] | None = None
    change_heard: bool = True
    changes: int = 0
    outcome: str = ""
    errors: int = 0
    latched: int = 0
    standing: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(["ok", "nok", "no_decision", "missed"], 0))

    # ---- what the PLC should read --------------------------------------------------------------------------

    def tags(self) -> dict[str, bool | int | str]:
        verdict = self.shown.answer.verdict if self.shown and self.shown.answer and self.valid_since is not None else 0
        return {
            "online": not self.down,
            "ready": self.refuse() is RejectReason.NONE,
            "trigger_ack": self.held_since is not None,
            "busy": bool(self.flying),
            "result_valid": self.valid_since is not None,
            **{name: verdict == which for which, name in NAMES.items()},
            "overrun": self.overrun,
            "reject_reason": int(self.refusal),
            "recipe_ack": self.outcome == "done",
            "recipe_error": self.outcome == "failed",
            "watchdog_tripped": self.tripped,
            "offline_reason": max(self.down, default=0),
            "trigger_seq_accepted": self.accepted_seq,
            "result_seq": self.shown_seq,
            "result_trigger_seq": self.shown.trigger_seq if self.shown else 0,
            "result_part_id": self.shown.part_id if self.shown else "",
            "result_recipe": self.shown.recipe if self.shown else 0,
            "recipe": self.recipe,
            "results_pending": len(self.queue),
            "stop_line": self.alarm,
            "review_waiting": bool(self.in_doubt),
            "error_code": self.latched,
            "error_count": self.errors,
            "count_triggers": self.accepted,
            **{f"count_{name}": count for name, count in self.counts.items()},
        }

    @property
    def alarm(self) -> bool:
        return ErrorCode.NOK_IN_A_ROW in (self.latched, *self.standing)

    @property
    def in_doubt(self) -> list[Ticket]:
        """Those that an operator is asked about (H38)."""
        return [ticket for ticket in self.flying.values() if ticket.answer is None and ticket.asked_until]

    @property
    def simulating(self) -> bool:
        return OfflineReason.SIMULATION in self.down

    def refuse(self, *, call: bool = False, picture: bool = False) -> RejectReason:
        """H2, as a list of questions. A call is let through by simulation mode (H29), a picture by its run (H28)."""
        down = self.down - {OfflineReason.SIMULATION} if call or picture else self.down
        buffering = self.plc.buffer_results or bool(self.queue)
        places = len(self.flying) + len(self.queue) + (self.valid_since is not None)
        questions = [
            (bool(down), RejectReason.OFFLINE),
            (self.run and not picture, RejectReason.CONTINUOUS),
            (not (self.plc.enable or self.automatic), RejectReason.NOT_ENABLED),
            (self.change is not None, RejectReason.RECIPE_CHANGE),
            (self.unprepared, RejectReason.NO_RECIPE),
            (self.held_since is not None, RejectReason.TRIGGER_HELD),
            (
                any(not (t.exposed or t.answer or t.asked_until) for t in self.flying.values()),
                RejectReason.EXPOSING,
            ),
            (len(self.flying) >= self.options.max_in_flight, RejectReason.BUSY),
            (buffering and places >= self.options.result_depth and not self.simulating, RejectReason.RESULTS_FULL),
        ]
        return next((reason for holds, reason in questions if holds), RejectReason.NONE)

    # ---- recipes, being offline ----------------------------------------------------------------------------

    def begin_change(self, recipe: int, token: int) -> None:
        refused = ErrorCode.NONE
        if recipe not in (1, 2):
            refused = ErrorCode.RECIPE_UNKNOWN
        elif self.flying or self.change or self.run:
            refused = ErrorCode.RECIPE_BUSY
        elif OfflineReason.STOPPING in self.down:
            refused = ErrorCode.RECIPE_FAILED
        if refused:
            self.err(refused)
            if not token:
                self.outcome = "failed"
            return
        self.changes += 1
        self.change = (recipe, self.now + self.options.recipe_timeout_ms * 1000, token)
        self.change_heard = True

    def end_change(self, error: ErrorCode) -> None:
        assert self.change is not None
        (recipe, _, token), self.change = self.change, None
        if error:
            self.err(error)
        else:
            self.recipe, self.unprepared, self.row = recipe, False, 0
        if not token and self.change_heard:
            self.outcome = "failed" if error else "done"

    def set_down(self, reason: OfflineReason, gone: bool) -> None:
        if gone and reason is not OfflineReason.NONE:
            self.down.add(reason)
        if not gone:
            self.down.discard(reason)

    # ---- errors (H20) ---------------------------------------------------------------------------------------

    def err(self, code: int) -> None:
        self.errors += 1
        self.latched = self.latched or code

    def fault(self, code: int) -> None:
        """A fault that lasts: one that is shown or waits already is not counted again."""
        if code == self.latched or code in self.standing:
            return
        if self.latched:
            self.standing.append(code)
        self.err(code)

    def well(self, code: int) -> None:
        if code in self.standing:
            self.standing.remove(code)

    def note_row(self, outcome: str) -> None:
        """H34."""
        if self.alarm or not self.options.stop_after_nok:
            return
        self.row = {"ok": 0, "nok": self.row + 1}.get(outcome, self.row)
        if outcome == "nok" and self.row >= self.options.stop_after_nok:
            self.row = 0
            self.fault(ErrorCode.NOK_IN_A_ROW)
