"""A second opinion: what the PLC should read, kept by simple bookkeeping from the text of H1..H22, H25..H30, H34,
H36, H38.

Deliberately slow and plain, with other structures than the core: one list of everything accepted, one list of
results that nobody has seen yet. It shares the events, the enumerations and the answers with the core, no logic.
"""

from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Judgement, Reason, Verdict, no_decision
from gateway.core.state import WatchdogAction
from tests.core.books import NAMES, TOO_LATE, Books, Ticket

QUIET = (Reason.NONE, Reason.CANCELLED, Reason.RESET, Reason.SHUTDOWN, Reason.REVIEW, Reason.BY_OPERATOR)


class Oracle(Books):
    """The books, and how each event changes them."""

    # ---- time ----------------------------------------------------------------------------------------------

    def pass_to(self, now: int) -> None:
        self.now = now
        for ticket in self.flying.values():
            if ticket.answer is None and ticket.asked_until:
                if now >= ticket.asked_until:
                    self.say(ticket, no_decision(Reason.REVIEW))
            elif ticket.answer is None and now >= ticket.deadline:
                self.say(ticket, TOO_LATE if self.options.late_is_nok else no_decision(Reason.TIMEOUT))
        self.let_out()
        self.give_up(now)
        if self.change and now >= self.change[1]:
            self.end_change(ErrorCode.RECIPE_TIMEOUT)
        watch = self.options.watchdog_ms * 1000
        if watch and not self.tripped and now >= self.beat_at + watch:
            self.trip()
        limit = self.options.ack_timeout_ms * 1000
        if limit and self.held_since is not None and not self.held_told and now >= self.held_since + limit:
            self.held_told = True
            self.err(ErrorCode.TRIGGER_HELD)
        owed = self.valid_since is not None and (self.plc.buffer_results or bool(self.queue))
        if limit and owed and not self.overdue_told and now >= (self.valid_since or 0) + limit:
            self.overdue_told = True
            self.err(ErrorCode.ACK_OVERDUE)

    def trip(self) -> None:
        self.tripped = True
        self.fault(ErrorCode.WATCHDOG)
        if self.options.watchdog_action is WatchdogAction.OFFLINE:
            self.down.add(OfflineReason.WATCHDOG)
        if self.options.watchdog_action is WatchdogAction.CANCEL:
            self.run = False
            self.cancel(Reason.CANCELLED)

    # ---- the PLC -------------------------------------------------------------------------------------------

    def write(self, new: Commands) -> None:
        old, self.plc = self.plc, new
        first, self.heard = not self.heard, True
        armed, self.armed = self.armed, self.armed or not new.enable or new.trigger_seq != 0
        if new.plc_heartbeat != old.plc_heartbeat:
            self.alive()
        self.set_down(OfflineReason.PLC, new.set_offline)
        if old.enable and not new.enable:
            self.automatic = self.run = False
        if new.reset and not old.reset:
            self.reset()
            return
        if new.error_ack and not old.error_ack:
            self.latched = self.standing.pop(0) if self.standing else 0
            self.refusal, self.overrun = RejectReason.NONE, False
        if new.buffer_results and not old.buffer_results and self.valid_since is not None:
            self.valid_since, self.overdue_told = self.now, False
        self.take_ack(old, new, first)
        if old.enable and not new.enable:
            self.cancel(Reason.CANCELLED)
        if not new.trigger or (old.enable and not new.enable):
            self.held_since, self.held_told = None, False
        if not new.change_recipe:
            self.outcome, self.change_heard = "", False
        self.commands(old, new, first, armed)

    def alive(self) -> None:
        self.beat_at = self.now
        if self.tripped:
            self.tripped = False
            self.down.discard(OfflineReason.WATCHDOG)
            self.well(ErrorCode.WATCHDOG)

    def take_ack(self, old: Commands, new: Commands, first: bool) -> None:
        """H12, H13."""
        by_bit = new.result_ack and not old.result_ack
        by_seq = new.result_ack_seq not in (0, old.result_ack_seq)
        if not new.result_ack:
            self.hold_back = False
        if (by_bit or by_seq) and not first:
            if self.valid_since is None:
                self.err(ErrorCode.ACK_WITHOUT_RESULT)
            elif by_seq and new.result_ack_seq != self.shown_seq:
                self.err(ErrorCode.ACK_WRONG_RESULT)
            else:
                self.valid_since, self.hold_back = None, by_bit and not by_seq
        self.next_one()

    def commands(self, old: Commands, new: Commands, first: bool, armed: bool) -> None:
        rose = {name for name in ("trigger", "abort", "flush_results", "change_recipe") if self.rises(name, old, new)}
        if first or (new.enable and not old.enable):
            rose.discard("trigger")
        if armed and new.trigger_seq not in (0, old.trigger_seq):
            rose.add("trigger_seq")
        if len(rose) > 1:
            self.err(ErrorCode.SEVERAL_COMMANDS)
            if rose & {"trigger", "trigger_seq"}:
                self.miss(RejectReason.SEVERAL_COMMANDS)
        elif rose == {"trigger"}:
            if self.trigger(self.accepted_seq % 65535 + 1, new.part_id) is RejectReason.NONE:
                self.held_since, self.held_told = self.now, False
        elif rose == {"trigger_seq"}:
            self.trigger(new.trigger_seq, new.part_id)
        elif rose == {"abort"}:
            self.abort()
        elif rose == {"flush_results"}:
            self.queue.clear()
        elif rose == {"change_recipe"}:
            self.begin_change(new.recipe_request, 0)

    @staticmethod
    def rises(name: str, old: Commands, new: Commands) -> bool:
        return getattr(new, name) and not getattr(old, name)

    def abort(self) -> None:
        self.run = False
        self.held_since, self.held_told = None, False
        self.cancel(Reason.CANCELLED)

    def reset(self) -> None:
        self.run = self.automatic = self.unprepared = False
        self.down -= {OfflineReason.HALTED, OfflineReason.SIMULATION}
        for ticket in self.flying.values():
            if ticket.answer is None:
                ticket.answer = no_decision(Reason.RESET)
        for ticket in self.flying.values():
            self.count(ticket)
        self.flying.clear()
        self.queue.clear()
        self.shown, self.valid_since, self.overdue_told, self.hold_back = None, None, False, False
        self.held_since, self.held_told = None, False
        if self.change:
            self.end_change(ErrorCode.RECIPE_FAILED)
        self.outcome, self.refusal, self.overrun, self.row = "", RejectReason.NONE, False, 0
        self.well(ErrorCode.NOK_IN_A_ROW)
        self.latched = self.standing.pop(0) if self.standing else 0

    # ---- triggers and answers ------------------------------------------------------------------------------

    def trigger(
        self, seq: int, part_id: str, recipe: int = 0, timeout_ms: int = 0, *, call: bool = False
    ) -> RejectReason:
        why = self.refuse(call=call)
        if why is RejectReason.NONE and recipe not in (0, self.recipe):
            why = RejectReason.OTHER_RECIPE
        if why is not RejectReason.NONE:
            if not (call and self.simulating):
                self.miss(why)
            return why
        self.accept(seq, part_id, timeout_ms)
        return why

    def accept(self, seq: int, part_id: str, timeout_ms: int = 0) -> None:
        limit = self.options.own_timeouts_ms.get(self.recipe, self.options.inspection_timeout_ms)
        limit = min(limit, self.options.decision_deadline_ms or limit)
        ends = self.now + min(timeout_ms or limit, limit) * 1000
        share = min(self.options.keep_ms, min(timeout_ms or limit, limit) / 2) * 1000
        latest = max([ends, *(ticket.give_up for ticket in self.flying.values())])
        ends = max([ends - int(share), *(ticket.deadline for ticket in self.flying.values())])
        self.ids += 1
        self.flying[self.ids] = Ticket(seq, part_id, self.recipe, ends, simulated=self.simulating, give_up=latest)
        if self.simulating:
            return
        self.accepted += 1
        self.accepted_seq, self.refusal, self.overrun = seq, RejectReason.NONE, False
        if self.options.max_in_flight == 1 and not self.plc.buffer_results and not self.queue:
            self.valid_since = None

    def miss(self, why: RejectReason) -> None:
        self.refusal = why
        self.overrun |= why is RejectReason.RESULTS_FULL
        self.counts["missed"] += 1

    def answered(self, number: int, judgement: Judgement) -> None:
        ticket = self.flying.get(number)
        if ticket is None or ticket.answer is not None or ticket.asked_until:
            return
        wait = 0 if ticket.simulated or OfflineReason.STOPPING in self.down else self.options.review_wait_ms
        if judgement.reason is Reason.REVIEW and wait:
            ticket.asked_until = min(self.now + wait * 1000, ticket.deadline)
            return
        self.say(ticket, judgement)
        self.let_out()

    def decided(self, number: int, verdict: Verdict) -> RejectReason:
        """H38."""
        ticket = self.flying.get(number)
        if ticket is None or ticket.answer is not None or not ticket.asked_until:
            return RejectReason.NO_REVIEW
        undecided = verdict is Verdict.NO_DECISION
        self.say(ticket, Judgement(verdict, Reason.REVIEW if undecided else Reason.BY_OPERATOR))
        self.let_out()
        return RejectReason.NONE

    def say(self, ticket: Ticket, judgement: Judgement) -> None:
        ticket.answer = judgement
        if ticket.simulated:
            return
        if judgement.reason not in QUIET:
            self.err(ErrorCode(100 + judgement.reason))

    def cancel(self, reason: Reason) -> None:
        for ticket in self.flying.values():
            ticket.answer = ticket.answer or no_decision(reason)
        self.let_out()

    def let_out(self) -> None:
        """H9, H11, H12."""
        for number, ticket in list(self.flying.items()):
            if ticket.answer is None:
                break
            if self.options.keep_ms and not ticket.simulated and not ticket.out:
                break
            del self.flying[number]
            if ticket.simulated:
                continue
            self.count(ticket)
            if self.plc.buffer_results or self.queue:
                self.queue.append(ticket)
                self.next_one()
            else:
                self.show(ticket)
        for ticket in self.flying.values():
            if ticket.answer is None:
                return
            ticket.asked = ticket.asked or bool(self.options.keep_ms)

    # ---- the journal (H30) ---------------------------------------------------------------------------------

    def kept(self, number: int, ok: bool) -> None:
        ticket = self.flying.get(number)
        if ticket is not None and ticket.asked and not ticket.out:
            self.journal_done(ticket, ok)
            self.let_out()

    def give_up(self, now: int) -> None:
        for ticket in self.flying.values():
            if ticket.asked and not ticket.out and ticket.give_up <= now:
                self.journal_done(ticket, False)
        self.let_out()

    def journal_done(self, ticket: Ticket, ok: bool) -> None:
        assert ticket.answer is not None
        ticket.out = True
        if ok:
            return
        if ticket.answer.verdict != Verdict.NO_DECISION and not self.options.show_unkept:
            self.say(ticket, no_decision(Reason.JOURNAL))
        else:
            self.err(ErrorCode.JOURNAL_DOWN)

    def count(self, ticket: Ticket) -> None:
        assert ticket.answer is not None
        if ticket.simulated:
            return
        self.counts[NAMES[ticket.answer.verdict]] += 1
        self.note_row(NAMES[ticket.answer.verdict])
        self.result_seq = self.result_seq % 65535 + 1
        ticket.result_seq = self.result_seq

    def next_one(self) -> None:
        if self.queue and self.valid_since is None and not self.hold_back:
            self.show(self.queue.pop(0))

    def show(self, ticket: Ticket) -> None:
        self.shown, self.shown_seq = ticket, ticket.result_seq
        self.valid_since, self.overdue_told = self.now, False
