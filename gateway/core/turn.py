"""One step under way: what becomes of inspections in it, from the trigger to the one answer.

The numbers H1..H38 in the comments here and in the modules around are the rules of docs/handshake.md.
"""

from dataclasses import dataclass, field, replace

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core import fault_latch, nok_row, presenting, review, views
from gateway.core.actions import Action
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason, RejectReason
from gateway.core.inspection import Inspection, Keeping
from gateway.core.result import BY_TAGS, NOT_A_FAULT, Judgement, Origin, Reason, Result, Verdict, no_decision, too_late
from gateway.core.state import State, next_seq


@dataclass(slots=True)
class Turn:
    """The new state `s`, which is this step's own, the moment, and the actions so far."""

    s: State
    now: int
    actions: list[Action] = field(default_factory=list)
    client: str = ""
    """Whose write this step is of."""

    # ---- triggers ------------------------------------------------------------------------------------------

    def trigger_by_call(self, asked: ev.TriggerAsked) -> None:
        """A trigger that comes as a call takes the gateway's own next number."""
        s = self.s
        reason = s.reject_call
        if reason is RejectReason.NONE and asked.recipe not in (0, s.recipe):
            reason = RejectReason.OTHER_RECIPE
        if reason is not RejectReason.NONE:
            self.reject(reason, asked.token)
            return
        origin = replace(asked.origin, simulated=s.simulating)
        seq = next_seq(s.trigger_seq_accepted)
        self.accept(seq, asked.part_id, origin, token=asked.token, timeout_ms=asked.timeout_ms)

    def trigger_by_tags(self, seq: int) -> bool:
        """Accept or reject the PLC's trigger; True where it was accepted."""
        reason = self.s.reject
        if reason is not RejectReason.NONE:
            self.reject(reason)
            return False
        self.accept(seq, self.s.commands.part_id, Origin(client=self.client) if self.client else BY_TAGS)
        return True

    def accept(
        self,
        seq: int,
        part_id: str,
        origin: Origin,
        *,
        token: int = 0,
        timeout_ms: int = 0,
        pictures_from: int | None = None,
    ) -> None:
        """Begin an inspection (H3). A simulated one leaves the PLC's tags as they are (H29)."""
        s = self.s
        longest = s.options.timeout_of(s.recipe)
        timeout = min(timeout_ms or longest, longest)
        decide = min(s.options.decision_deadline_ms or timeout, timeout)  # H36
        keep_by = self.now + decide * 1000
        deadline = keep_by - min(s.options.keep_ms * 1000, decide * 1000 // 2)  # H30
        if s.flight:  # answers leave in order: none may have to wait for one with a later deadline (H7, H9)
            deadline, keep_by = max(deadline, s.flight[-1].deadline), max(keep_by, s.flight[-1].keep_by)
        work_by = max(deadline, self.now + timeout * 1000 if decide < timeout else 0)
        if origin.simulated:
            seq = 0
        else:
            s.trigger_seq_accepted = seq
            s.counts = replace(s.counts, triggers=s.counts.triggers + 1)
            s.exposure_done = False
            self.forget_rejection()
            if not s.buffered and s.options.max_in_flight == 1:  # H11
                s.valid = False
        inspection = Inspection(
            s.next_id, seq, part_id, s.recipe, self.now, deadline, origin=origin, keep_by=keep_by,
            work_by=work_by, answers=(None,) * len(s.options.views),
        )  # fmt: skip
        s.flight = (*s.flight, inspection)
        s.next_id += 1
        self.end_late_work(most=s.options.max_in_flight - len(s.flight))  # a fresh part comes first
        self.actions.append(act.Start(inspection.id, seq, part_id, s.recipe, work_by, token, origin, pictures_from))

    def reject(self, reason: RejectReason, token: int = 0) -> None:
        """Refuse a trigger (H4). In simulation mode a refused call is no part that was missed (H29)."""
        s = self.s
        if not (token and s.simulating):
            s.reject_reason = reason
            s.overrun = s.overrun or reason is RejectReason.RESULTS_FULL
            s.counts = replace(s.counts, missed=s.counts.missed + 1)
        if token:
            self.actions.append(act.Reject(token, reason))

    def forget_rejection(self) -> None:
        self.s.reject_reason, self.s.overrun = RejectReason.NONE, False

    def lower_trigger_ack(self) -> None:
        self.s.trigger_ack, self.s.ack_overdue = False, False

    # ---- work and answers ----------------------------------------------------------------------------------

    def expose(self, inspection_id: int) -> None:
        s = self.s
        if s.flight and s.flight[-1].id == inspection_id and s.flight[-1].exposing:
            s.flight = (*s.flight[:-1], replace(s.flight[-1], exposed_at=self.now))
            s.exposure_done = s.exposure_done or not s.flight[-1].origin.simulated

    def judge(self, inspection_id: int, judgement: Judgement) -> bool:
        """Give an inspection its answer; False where it has one or is unknown (H8).

        Of several views it is the answer of those that have none yet (H32).
        """
        s = self.s
        for place, inspection in enumerate(s.flight):
            if inspection.id == inspection_id and inspection.open and not inspection.reviewing:
                if inspection.answers:
                    judgement = views.completed(s.options.views, inspection.answers, judgement)
                if review.wanted(s, inspection, judgement):
                    self._put(place, asked := review.offered(s, inspection, judgement, self.now))
                    self.actions.append(act.OfferReview(asked.id, judgement, asked.review_by))
                    return True
                self._put(place, replace(inspection, judgement=judgement, answered_at=self.now))
                if judgement.reason not in NOT_A_FAULT and not inspection.origin.simulated:
                    self.error(ErrorCode(100 + judgement.reason), Cause.INSPECTION)
                return True
        return False

    def judge_view(self, inspection_id: int, view: int, judgement: Judgement) -> bool:
        """Take the answer of one of several views; the last one is the inspection's (H32). False as with `judge`."""
        s = self.s
        asked = next((one for one in s.flight if one.open and one.id == inspection_id), None)
        before = asked.answers if asked is not None else ()
        if not 1 <= view <= len(before) or before[view - 1] is not None:
            return False
        answers = (*before[: view - 1], judgement, *before[view:])
        s.flight = tuple(replace(one, answers=answers) if one is asked else one for one in s.flight)
        return None in answers or self.judge(inspection_id, judgement)

    def late(self, inspection_id: int, judgement: Judgement) -> None:
        """Count an answer that nobody waits for, and drop it (H8); one that is overdue goes to the journal (H36)."""
        s = self.s
        s.counts = replace(s.counts, late=s.counts.late + 1)
        one = next((one for one in s.overdue if one.id == inspection_id), None)
        result = _result(replace(one, answered_at=self.now), judgement, 0) if one is not None else None
        if one is not None and not one.answers:  # the one view has spoken
            s.overdue = tuple(other for other in s.overdue if other is not one)
        self.actions.append(act.LateAnswer(inspection_id, judgement, result and replace(result, late=True)))

    def time_out(self, one: Inspection) -> None:
        """Its time is up. What judges may go on for the journal where the part's picture is taken (H36)."""
        if one.reviewing:  # PEKAT has judged
            self.end_review(review.not_decided(one))
            return
        self.judge(one.id, too_late() if self.s.options.late_is_nok else no_decision(Reason.TIMEOUT))
        if one.exposed_at and one.work_by > self.now:
            self.s.overdue = (*self.s.overdue, one)
        else:
            self.actions.append(act.Cancel(one.id))

    def end_late_work(self, *, until: int = 0, most: int = 0) -> None:
        """Stop working on what is overdue since before `until`, and on the oldest of more than `most` (H36)."""
        late = self.s.overdue
        kept = tuple(one for one in late if one.work_by > until)
        kept = kept[max(len(kept) - most, 0) :]
        self.actions += [act.Cancel(one.id) for one in late if one not in kept]
        self.s.overdue = kept

    def end_review(self, over: Inspection) -> None:
        """Nobody is asked about this inspection any more, and it has its answer (H38)."""
        assert over.review is not None
        ended = replace(over.review, ended_at=self.now)
        place = next(at for at, one in enumerate(self.s.flight) if one.id == over.id)
        self._put(place, replace(over, answered_at=self.now, review=ended))
        self.actions.append(act.EndReview(over.id, ended))

    def cancel_all(self, reason: Reason, *, present: bool = True) -> None:
        """Answer everything that is still open (H15, H16), and let all answers out."""
        self.end_late_work()
        for inspection in self.s.flight:
            if inspection.reviewing:
                self.end_review(review.not_decided(inspection, reason))
            elif self.judge(inspection.id, no_decision(reason)):
                self.actions.append(act.Cancel(inspection.id))
        self.release(present=present)

    def release(self, *, present: bool = True) -> None:
        """Let answers out in the order of acceptance (H9); where they are shown, once the journal has them (H30)."""
        s = self.s
        keep = s.options.keep_ms > 0 and present
        if keep:
            self._have_kept()
        while s.flight and (judgement := s.flight[0].judgement) is not None:
            if keep and s.flight[0].keeping is not Keeping.OVER and not s.flight[0].origin.simulated:
                return
            inspection, s.flight = s.flight[0], s.flight[1:]
            if inspection.origin.simulated:
                self.actions.append(act.Record(_result(inspection, judgement, 0), presented=False))
            else:
                self._record(inspection, judgement, present)

    def _record(self, done: Inspection, judgement: Judgement, present: bool) -> None:
        s = self.s
        s.result_seq = next_seq(s.result_seq)
        result = _result(done, judgement, s.result_seq)
        s.counts = s.counts.with_answer(judgement.verdict)
        nok_row.count(s, judgement.verdict)
        self.actions.append(act.Record(result, present))
        if present:
            presenting.offer(s, result, self.now)

    # ---- the journal ---------------------------------------------------------------------------------------

    def _have_kept(self) -> None:
        """Ask for each answer whose turn it is, with the number and the counters that it is going to have."""
        s = self.s
        seq, counts = s.result_seq, s.counts
        for place, one in enumerate(s.flight):
            if one.judgement is None:
                return
            if one.origin.simulated:
                continue
            seq, counts = next_seq(seq), counts.with_answer(one.judgement.verdict)
            if one.keeping is Keeping.NOT_YET:
                self._put(place, replace(one, keeping=Keeping.ASKED))
                self.actions.append(act.Keep(_result(one, one.judgement, seq), counts))

    def kept(self, inspection_id: int, ok: bool) -> None:
        """The journal has this answer, or never will; of one that is out already it means nothing (H30)."""
        for place, one in enumerate(self.s.flight):
            if one.id == inspection_id and one.keeping is Keeping.ASKED:
                self._keeping_over(place, ok)
                self.release()
                return

    def wait_no_longer(self, until: int) -> None:
        """Those answers that the journal should have had by `until` do without it."""
        for place, one in enumerate(self.s.flight):
            if one.keeping is Keeping.ASKED and one.keep_by <= until:
                self._keeping_over(place, False)
        self.release()

    def _keeping_over(self, place: int, ok: bool) -> None:
        """What is not kept is no decision, unless the configuration says otherwise; it is never silent."""
        one = replace(self.s.flight[place], keeping=Keeping.OVER)
        decided = one.judgement is not None and one.judgement.verdict is not Verdict.NO_DECISION
        if not ok and decided and not self.s.options.show_unkept:
            unkept = no_decision(Reason.JOURNAL)
            if one.answers:  # no view decides for itself what the whole does not
                unkept = views.completed(self.s.options.views, [None] * len(one.answers), unkept)
            one = replace(one, judgement=unkept)
            self.error(ErrorCode.NO_DECISION_JOURNAL, Cause.INSPECTION)
        elif not ok:
            self.error(ErrorCode.JOURNAL_DOWN, Cause.JOURNAL)
        self._put(place, one)

    def _put(self, place: int, one: Inspection) -> None:
        self.s.flight = (*self.s.flight[:place], one, *self.s.flight[place + 1 :])

    # ---- availability, errors ------------------------------------------------------------------------------

    def offline(self, reason: OfflineReason, gone: bool) -> None:
        if reason is not OfflineReason.NONE:
            self.s.offline = self.s.offline | {reason} if gone else self.s.offline - {reason}

    def error(self, code: ErrorCode, cause: Cause) -> None:
        fault_latch.latch(self.s, Fault(code, cause))


def _result(done: Inspection, judgement: Judgement, seq: int) -> Result:
    return Result(
        done.id, seq, done.trigger_seq, done.part_id, done.recipe, judgement,
        done.accepted_at, done.exposed_at, done.answered_at, done.origin, review=done.review,
    )  # fmt: skip
