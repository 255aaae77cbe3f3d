"""The handshake: `step(state, event, now) -> (state, actions)`. What affects a transition stands here.

Pure: no clock, no socket, no thread. `now` is monotonic microseconds. Time passes before the event happens, so
that a deadline before the event has its effect first: an answer after its deadline is always a late one.
The numbers H1..H24 in the comments are the rules of docs/handshake.md.
"""

from dataclasses import dataclass, field, replace

from gateway.core import events as ev
from gateway.core import fault_latch, heartbeat, presenting
from gateway.core.deadlines import acknowledgement_overdue, trigger_held_too_long
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason, RejectReason
from gateway.core.events import Action, Commands, Event
from gateway.core.result import NOT_A_FAULT, Judgement, Reason, Result, Verdict, no_decision
from gateway.core.state import Inspection, RecipeChange, RecipeOutcome, State, next_seq

_COUNTED = {Verdict.OK: "ok", Verdict.NOK: "nok", Verdict.NO_DECISION: "no_decision"}


def step(state: State, event: Event, now: int) -> tuple[State, tuple[Action, ...]]:
    """The state after `event` at `now`, and what the world has to do. `state` itself is left as it was."""
    turn = _Turn(state.copy(), now)
    turn.pass_time()
    turn.handle(event)
    presenting.flip_toggle(turn.s, state)
    return turn.s, tuple(turn.actions)


@dataclass(slots=True)
class _Turn:
    """One step under way: the new state `s` and the actions so far."""

    s: State
    now: int
    actions: list[Action] = field(default_factory=list)

    # ---- time ----------------------------------------------------------------------------------------------

    def pass_time(self) -> None:
        s, now = self.s, self.now
        heartbeat.beat(s, now)
        for inspection in s.flight:
            if inspection.open and inspection.deadline <= now:
                self._judge(inspection.id, no_decision(Reason.TIMEOUT))
                self.actions.append(ev.Cancel(inspection.id))
        self._release()
        if s.changing is not None and s.changing.deadline <= now:
            self._abandon_recipe(ErrorCode.RECIPE_TIMEOUT)
        if heartbeat.trip(s, now):
            self._cancel_all(Reason.CANCELLED)
        held, overdue = trigger_held_too_long(s), acknowledgement_overdue(s)
        if held is not None and held <= now:
            s.ack_overdue = True
            self._error(ErrorCode.TRIGGER_HELD, Cause.TRIGGER)
        if overdue is not None and overdue <= now:
            s.result_overdue = True
            self._error(ErrorCode.ACK_OVERDUE, Cause.RESULT_ACK)

    def handle(self, event: Event) -> None:
        match event:
            case ev.PlcWrote(commands):
                self._plc_wrote(commands)
            case ev.Exposed(inspection_id):
                self._exposed(inspection_id)
            case ev.Answered(inspection_id, judgement):
                if not self._judge(inspection_id, judgement):
                    self._late(inspection_id, judgement)
                self._release()
            case ev.TriggerAsked(token, part_id, recipe, timeout_ms):
                self._trigger(next_seq(self.s.trigger_seq_accepted), part_id, token, recipe, timeout_ms)
            case ev.RecipeAsked(token, recipe):
                self._change_recipe(recipe, token)
            case ev.RecipePrepared(change_id, error):
                if self.s.changing is not None and self.s.changing.id == change_id:
                    self._settle_recipe(error)
            case ev.PartFailed(fault, offline):
                fault_latch.stand(self.s, fault)
                self._offline(offline, True)
            case ev.PartRecovered(fault, offline):
                fault_latch.clear(self.s, fault)
                self._offline(offline, False)
            case ev.WentOffline(reason):
                self._offline(reason, True)
            case ev.CameOnline(reason):
                self._offline(reason, False)
            case ev.Stopped():
                self._offline(OfflineReason.STOPPING, True)
                self._cancel_all(Reason.SHUTDOWN)
                self._abandon_recipe(ErrorCode.RECIPE_FAILED)

    # ---- what the PLC wrote --------------------------------------------------------------------------------

    def _plc_wrote(self, new: Commands) -> None:
        """One request: first all its values, then its edges (H19). Acknowledgements come before all else."""
        s, old, first, seq_known = self.s, self.s.commands, not self.s.plc_seen, self.s.seq_known
        heartbeat.hear(s, new, self.now)
        s.commands, s.plc_seen = new, True
        s.seq_known = seq_known or not new.enable or new.trigger_seq != 0  # H6
        self._offline(OfflineReason.PLC, new.set_offline)  # H17
        if new.reset and not old.reset:  # H16, H19
            self._reset()
            return
        if new.error_ack and not old.error_ack:  # H20, H4
            fault_latch.acknowledge(s)
            self._forget_rejection()
        if not first and (slip := presenting.acknowledge(s, old, new)):
            self._error(slip, Cause.RESULT_ACK)
        presenting.change_mode(s, old, new, self.now)
        presenting.present_next(s, self.now)
        self._levels(old, new)
        fresh = first or (new.enable and not old.enable)  # H6: a bit that is already 1 is no edge
        self._commands(
            bit=new.trigger and not old.trigger and not fresh,
            seq=seq_known and new.trigger_seq not in (0, old.trigger_seq),
            abort=new.abort and not old.abort,
            flush=new.flush_results and not old.flush_results,
            change=new.change_recipe and not old.change_recipe,
        )

    def _levels(self, old: Commands, new: Commands) -> None:
        """What falling bits take back."""
        s = self.s
        if old.enable and not new.enable:  # H15
            self._cancel_all(Reason.CANCELLED)
            self._lower_trigger_ack()
        if not new.trigger:  # H5
            self._lower_trigger_ack()
        if not new.change_recipe:  # H18
            s.recipe_outcome = RecipeOutcome.NONE
            if s.changing is not None:
                s.changing = replace(s.changing, heard=False)

    def _commands(self, *, bit: bool, seq: bool, abort: bool, flush: bool, change: bool) -> None:
        s = self.s
        if bit + seq + abort + flush + change > 1:  # H19
            self._error(ErrorCode.SEVERAL_COMMANDS, Cause.COMMANDS)
            if bit or seq:
                self._reject(RejectReason.SEVERAL_COMMANDS)
        elif bit:
            if self._trigger(next_seq(s.trigger_seq_accepted), s.commands.part_id):
                s.trigger_ack, s.ack_since = True, self.now
        elif seq:
            self._trigger(s.commands.trigger_seq, s.commands.part_id)
        elif abort:  # H15
            self._cancel_all(Reason.CANCELLED)
            self._lower_trigger_ack()
        elif flush:
            s.waiting = ()  # H14
        elif change:
            self._change_recipe(s.commands.recipe_request)

    def _reset(self) -> None:
        """Back to a known idle state, from anywhere, in this one step (H16)."""
        s = self.s
        self._cancel_all(Reason.RESET, present=False)
        presenting.drop_all(s)
        self._abandon_recipe(ErrorCode.RECIPE_FAILED)
        s.recipe_outcome, s.exposure_done = RecipeOutcome.NONE, False
        self._lower_trigger_ack()
        self._forget_rejection()
        fault_latch.acknowledge(s)

    # ---- triggers ------------------------------------------------------------------------------------------

    def _trigger(self, seq: int, part_id: str, token: int = 0, recipe: int = 0, timeout_ms: int = 0) -> bool:
        """Accept (H3) or reject (H4) a trigger; True where it was accepted."""
        s = self.s
        reason = s.reject
        if reason is RejectReason.NONE and recipe not in (0, s.recipe):
            reason = RejectReason.OTHER_RECIPE
        if reason is not RejectReason.NONE:
            self._reject(reason, token)
            return False
        timeout = min(timeout_ms or s.options.inspection_timeout_ms, s.options.inspection_timeout_ms)
        deadline = self.now + timeout * 1000
        if s.flight:  # answers leave in order: none may have to wait for one with a later deadline (H7, H9)
            deadline = max(deadline, s.flight[-1].deadline)
        inspection = Inspection(s.next_id, seq, part_id, s.recipe, self.now, deadline)
        s.flight = (*s.flight, inspection)
        s.next_id += 1
        s.trigger_seq_accepted = seq
        s.counts = replace(s.counts, triggers=s.counts.triggers + 1)
        s.exposure_done = False
        self._forget_rejection()
        if not s.buffered and s.options.max_in_flight == 1:  # H11
            s.valid = False
        self.actions.append(ev.Start(inspection.id, seq, part_id, s.recipe, deadline, token))
        return True

    def _reject(self, reason: RejectReason, token: int = 0) -> None:
        s = self.s
        s.reject_reason = reason
        s.overrun = s.overrun or reason is RejectReason.RESULTS_FULL
        s.counts = replace(s.counts, missed=s.counts.missed + 1)
        if token:
            self.actions.append(ev.Reject(token, reason))

    def _forget_rejection(self) -> None:
        self.s.reject_reason, self.s.overrun = RejectReason.NONE, False

    def _lower_trigger_ack(self) -> None:
        self.s.trigger_ack, self.s.ack_overdue = False, False

    # ---- work and answers ----------------------------------------------------------------------------------

    def _exposed(self, inspection_id: int) -> None:
        s = self.s
        if s.flight and s.flight[-1].id == inspection_id and s.flight[-1].exposing:
            s.flight = (*s.flight[:-1], replace(s.flight[-1], exposed_at=self.now))
            s.exposure_done = True

    def _judge(self, inspection_id: int, judgement: Judgement) -> bool:
        """Give an inspection its answer; False where it has one or is unknown (H8)."""
        s = self.s
        for place, inspection in enumerate(s.flight):
            if inspection.id == inspection_id and inspection.open:
                judged = replace(inspection, judgement=judgement, answered_at=self.now)
                s.flight = (*s.flight[:place], judged, *s.flight[place + 1 :])
                if judgement.reason not in NOT_A_FAULT:
                    self._error(ErrorCode(100 + judgement.reason), Cause.INSPECTION)
                return True
        return False

    def _late(self, inspection_id: int, judgement: Judgement) -> None:
        self.s.counts = replace(self.s.counts, late=self.s.counts.late + 1)
        self.actions.append(ev.LateAnswer(inspection_id, judgement))

    def _cancel_all(self, reason: Reason, *, present: bool = True) -> None:
        """Answer everything that is still open (H15, H16), and let all answers out."""
        for inspection in self.s.flight:
            if self._judge(inspection.id, no_decision(reason)):
                self.actions.append(ev.Cancel(inspection.id))
        self._release(present=present)

    def _release(self, *, present: bool = True) -> None:
        """Let answers out in the order of acceptance (H9)."""
        s = self.s
        while s.flight and (judgement := s.flight[0].judgement) is not None:
            inspection, s.flight = s.flight[0], s.flight[1:]
            self._record(inspection, judgement, present)

    def _record(self, done: Inspection, judgement: Judgement, present: bool) -> None:
        s = self.s
        s.result_seq = next_seq(s.result_seq)
        result = Result(
            done.id, s.result_seq, done.trigger_seq, done.part_id, done.recipe, judgement,
            done.accepted_at, done.exposed_at, done.answered_at,
        )  # fmt: skip
        counter = _COUNTED[judgement.verdict]
        s.counts = replace(s.counts, **{counter: getattr(s.counts, counter) + 1})
        self.actions.append(ev.Record(result, present))
        if present:
            presenting.offer(s, result, self.now)

    # ---- recipe, availability, errors ----------------------------------------------------------------------

    def _change_recipe(self, recipe: int, token: int = 0) -> None:
        """Begin a change, or refuse it (H18)."""
        s = self.s
        error = s.recipe_error(recipe)
        if error is not ErrorCode.NONE:
            self._recipe_ended(error, token)
            return
        s.changing = RecipeChange(s.next_change_id, recipe, self.now + s.options.recipe_timeout_ms * 1000, token)
        s.next_change_id += 1
        self.actions.append(ev.PrepareRecipe(s.changing.id, recipe))

    def _settle_recipe(self, error: ErrorCode) -> None:
        """The change under way is over; the old recipe stays in force where it failed."""
        s, change = self.s, self.s.changing
        if change is None:
            return
        s.changing = None
        if error is ErrorCode.NONE:
            s.recipe = change.recipe
        self._recipe_ended(error, change.token, heard=change.heard)

    def _abandon_recipe(self, error: ErrorCode) -> None:
        if self.s.changing is not None:
            self.actions.append(ev.AbandonRecipe(self.s.changing.id))
            self._settle_recipe(error)

    def _recipe_ended(self, error: ErrorCode, token: int, *, heard: bool = True) -> None:
        s = self.s
        if error is not ErrorCode.NONE:
            self._error(error, Cause.CHANGE_RECIPE)
        if token:
            self.actions.append(ev.RecipeSettled(token, error))
        elif heard:
            s.recipe_outcome = RecipeOutcome.FAILED if error else RecipeOutcome.DONE

    def _offline(self, reason: OfflineReason, gone: bool) -> None:
        if reason is not OfflineReason.NONE:
            self.s.offline = self.s.offline | {reason} if gone else self.s.offline - {reason}

    def _error(self, code: ErrorCode, cause: Cause) -> None:
        fault_latch.latch(self.s, Fault(code, cause))
