"""The real handshake against the oracle, driven by hypothesis with whatever a PLC and the world can do."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.deadlines import next_wake
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.core.inspection import Keeping
from gateway.core.result import Verdict
from tests.core.driver import NOK, OK, REVIEW, UNDEFINED
from tests.core.mode_rules import ModeRules

BITS = ("enable", "trigger", "result_ack", "error_ack", "set_offline", "abort", "flush_results", "change_recipe")
RARE_BITS = ("reset", "buffer_results")
FAULTS = {
    Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR): OfflineReason.INSPECTOR,
    Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE): OfflineReason.NONE,
}
NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 65534, 65535])
WRITES = st.fixed_dictionaries(
    {},
    optional={
        **{bit: st.booleans() for bit in BITS + RARE_BITS},
        "trigger_seq": NUMBERS,
        "result_ack_seq": NUMBERS,
        "recipe_request": st.integers(0, 3),
        "result_query": st.integers(0, 3),
        "plc_heartbeat": st.integers(0, 3),
        "part_id": st.sampled_from(["", "A", "B", "Zähler 7"]),
    },
)
NEW_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "inspection_timeout_ms": st.sampled_from([300, 500]),
        "ack_timeout_ms": st.sampled_from([0, 200, 700]),
        "recipe_timeout_ms": st.sampled_from([50, 400]),
        "decision_deadline_ms": st.sampled_from([0, 200]),
        "late_is_nok": st.booleans(),
        "stop_after_nok": st.sampled_from([0, 1, 2]),
    },
)
PARTS = st.tuples(
    st.booleans(),  # by number
    st.sampled_from([True, True, False]),  # exposed
    st.sampled_from([OK, NOK, UNDEFINED, REVIEW, None]),
    st.sampled_from(["", "", "number", "pulse", "rise"]),
)


class Handshake(ModeRules):
    """Each rule is one event. The clock is punctual, as the station's timer is, or jumps over deadlines."""

    # ---- the PLC -------------------------------------------------------------------------------------------

    @rule(bit=st.sampled_from(BITS + BITS + RARE_BITS), after_us=st.sampled_from([0, 1000]))
    def toggle(self, bit: str, after_us: int) -> None:
        self.write(after_us, **{bit: not getattr(self.bench.state.commands, bit)})

    @rule(tags=WRITES)
    def write_anything(self, tags: dict[str, Any]) -> None:
        self.write(**tags)

    @rule(tags=WRITES)
    def all_at_once(self, tags: dict[str, Any]) -> None:
        """A PLC that starts up, and has everything ready in the cycle in which it enables the station."""
        self.write(**dict.fromkeys(BITS, False))
        self.the_plc_reads_what_the_oracle_says()
        self.write(**tags | {"enable": True, "trigger": True})

    def trigger_well(self, part_id: str, by_seq: bool) -> None:
        if by_seq:
            self.write(trigger_seq=self.bench.state.commands.trigger_seq % 65535 + 1, part_id=part_id)
        else:
            self.write(trigger=False)
            self.write(trigger=True, part_id=part_id)
            self.write(trigger=False)

    @rule()
    def get_going(self) -> None:
        """The world well, commands low but enable: keeps the runs from ending up in dull corners."""
        self.leave_modes()
        for fault in FAULTS:
            self.part(fault, True)
        self.operator(False)
        if self.oracle.change:
            self.prepared(ErrorCode.NONE, False)
        low = dict.fromkeys(("trigger", "result_ack", "set_offline", "abort", "change_recipe"), False)
        self.write(**low, enable=True, plc_heartbeat=self.bench.state.commands.plc_heartbeat + 1)

    @rule(parts=st.lists(PARTS, min_size=1, max_size=5), going=st.booleans())
    def run_parts(self, parts: list[tuple[bool, bool, Any, str]], going: bool) -> None:
        """What a machine does most of the time: parts, each triggered, exposed, judged, acknowledged, or not."""
        if going:
            self.get_going()
        for by_seq, exposed, judgement, acknowledged in parts:
            self.trigger_well("AB"[by_seq], by_seq)
            self.the_plc_reads_what_the_oracle_says()
            if exposed:
                self.expose(True)
            if judgement is not None:
                self.judge(len(self.bench.state.flight) - 1, judgement, 1)
                self.the_plc_reads_what_the_oracle_says()
                self.keep_all()
            if acknowledged:
                self.acknowledge(acknowledged)
                self.the_plc_reads_what_the_oracle_says()

    @rule(judgements=st.lists(st.sampled_from([NOK, NOK, OK]), min_size=2, max_size=4), recipe=st.integers(1, 2))
    def two_products(self, judgements: list[Any], recipe: int) -> None:
        """The recipe is changed between the first part and the others."""
        first, *others = [(True, True, one, "number") for one in judgements]
        self.run_parts([first], True)
        if not self.oracle.change:
            self.call_recipe(recipe)
            self.prepared(ErrorCode.NONE, False)
        self.run_parts(others, False)

    @rule(judgement=st.sampled_from([OK, NOK, REVIEW]), wakes=st.integers(1, 3))
    def late_part(self, judgement: Any, wakes: int) -> None:
        """Judged when something of its time was over."""
        self.run_parts([(True, True, None, "")], True)
        for _ in range(wakes):
            self.wake()
            self.the_plc_reads_what_the_oracle_says()
        self.answer(0, judgement)
        self.keep_all()

    @rule(often=st.integers(0, 5), flying=st.integers(0, 3), answers=st.lists(st.sampled_from([OK, NOK]), max_size=3))
    def end_of_work(self, often: int, flying: int, answers: list[Any]) -> None:
        """A stop with parts on their way, or in the middle of a run; after it there is little to see."""
        if often:
            return
        if flying:
            self.run_parts([(True, True, None, "")] * flying, True)
        else:
            self.begin_run(True)
            self.picture_if_there_is_a_run(False)
        self.the_plc_reads_what_the_oracle_says()
        if answers:
            self.drain()
        for judgement in answers:
            self.the_plc_reads_what_the_oracle_says()
            self.answer(0, judgement)
        self.stop()

    @rule(place=st.integers(0, 2), judgement=st.sampled_from([OK, NOK]), times=st.sampled_from([1, 1, 2]))
    def judge(self, place: int, judgement: Any, times: int) -> None:
        """An answer for one that is in flight, now and then two that contradict each other."""
        for answer in [judgement, NOK if judgement is OK else OK][:times]:
            if 0 <= place < len(self.bench.state.flight):
                self.answer(place, answer)

    @rule(how=st.sampled_from(["number", "pulse", "rise"]))
    def acknowledge(self, how: str) -> None:
        if how == "number":
            self.write(result_ack_seq=self.bench.state.shown_seq)
            return
        self.write(result_ack=False)
        self.write(result_ack=True)
        if how == "pulse":
            self.write(result_ack=False)

    # ---- the world -----------------------------------------------------------------------------------------

    @rule(place=st.integers(0, 2), judgement=st.sampled_from([OK, NOK, UNDEFINED, REVIEW]))
    def answer(self, place: int, judgement: Any) -> None:
        """One in flight, or one whose number is long gone or not yet given."""
        flight = self.bench.state.flight
        number = flight[place].id if place < len(flight) else self.bench.state.next_id - 1 + place % 2
        self.happen(ev.Answered(number, judgement))
        self.oracle.answered(number, judgement)

    @rule(place=st.integers(0, 2), verdict=st.sampled_from([Verdict.OK, Verdict.NOK, Verdict.NO_DECISION]))
    def operator_decides(self, place: int, verdict: Verdict) -> None:
        """About one that he is asked about, or not, or no longer."""
        flight = self.bench.state.flight
        number = flight[place].id if place < len(flight) else self.bench.state.next_id - 1 + place % 2
        self.happen(calls.ReviewDecided(9, number, verdict, "anna"))
        self.refused(self.oracle.decided(number, verdict))

    @rule(place=st.integers(0, 2), ok=st.sampled_from([True, True, False]), late=st.booleans())
    def keep(self, place: int, ok: bool, late: bool) -> None:
        """The journal is through with one, after the deadline of its answer or before; or it was never asked."""
        flight = self.bench.state.flight
        number = flight[place].id if place < len(flight) else self.bench.state.next_id - 1 + place % 2
        after_us = 100_000 if late else 1000
        if not any(one.id == number and one.keeping is Keeping.ASKED for one in flight):
            self.happen(ev.Tick(), after_us)  # what is asked in this step is answered in a later one
            after_us = 0
        self.happen(ev.Kept(number, ok), after_us)
        self.oracle.kept(number, ok)

    def keep_all(self) -> None:
        while asked := [one.id for one in self.bench.state.flight if one.keeping is Keeping.ASKED]:
            self.happen(ev.Kept(asked[0], True))
            self.oracle.kept(asked[0], True)

    @rule(newest=st.booleans())
    def expose(self, newest: bool) -> None:
        number = self.bench.state.next_id - 1 if newest else 1
        self.happen(ev.Exposed(number))
        if number == self.oracle.ids and number in self.oracle.flying:
            self.oracle.flying[number].exposed = True

    @rule(after_us=st.sampled_from([0, 100, 50_000, 249_999, 250_000, 499_000, 500_000, 5_000_000]))
    def wait(self, after_us: int) -> None:
        self.happen(ev.Tick(), after_us)

    @rule()
    def wake(self) -> None:
        self.happen(ev.Tick(), next_wake(self.bench.state) - self.bench.now)

    @rule(recipe=st.integers(0, 2), timeout_ms=st.sampled_from([0, 100, 9_000]))
    def call(self, recipe: int, timeout_ms: int) -> None:
        self.happen(ev.TriggerAsked(7, "call", recipe, timeout_ms))
        why = self.oracle.trigger(self.oracle.accepted_seq % 65535 + 1, "call", recipe, timeout_ms, call=True)
        assert [start.token for start in self.bench.did(act.Start)] == ([] if why else [7])
        assert [(no.token, no.reason) for no in self.bench.did(act.Reject)] == ([(7, why)] if why else [])

    @rule(recipe=st.integers(1, 3))
    def call_recipe(self, recipe: int) -> None:
        self.happen(ev.RecipeAsked(8, recipe))
        self.oracle.begin_change(recipe, 8)

    @rule(error=st.sampled_from([ErrorCode.NONE, ErrorCode.RECIPE_FAILED]), stale=st.booleans())
    def prepared(self, error: ErrorCode, stale: bool) -> None:
        self.happen(ev.RecipePrepared(self.oracle.changes - stale, error))
        if self.oracle.change and not stale:
            self.oracle.end_change(error)

    @rule(kind=st.sampled_from([*FAULTS, "operator", "stop", "drain"]), gone=st.booleans(), really=st.integers(0, 7))
    def trouble(self, kind: Fault | str, gone: bool, really: int) -> None:
        if isinstance(kind, Fault):
            self.part(kind, not gone)
        elif kind == "operator":
            self.operator(gone)
        elif not really and kind == "drain":
            self.drain()
        elif not really:
            self.stop()

    @rule(new=NEW_OPTIONS)
    def reconfigure(self, new: dict[str, Any]) -> None:
        options = replace(self.oracle.options, **new)
        self.happen(ev.Reconfigured(frozenset({1, 2}), options))
        self.oracle.reconfigure(options)

    def part(self, fault: Fault, over: bool) -> None:
        reason = FAULTS[fault]
        self.happen(ev.PartRecovered(fault, reason) if over else ev.PartFailed(fault, reason))
        (self.oracle.well if over else self.oracle.fault)(fault.code)
        self.oracle.set_down(reason, not over)

    def operator(self, gone: bool) -> None:
        reason = OfflineReason.OPERATOR
        self.happen(ev.WentOffline(reason) if gone else ev.CameOnline(reason))
        self.oracle.set_down(reason, gone)

    def drain(self) -> None:
        self.happen(ev.Draining())
        self.oracle.drain()

    def stop(self) -> None:
        self.happen(ev.Stopped())
        self.oracle.stop()

    def teardown(self) -> None:
        """H7, H9: when all time has passed, each accepted trigger has one answer, in order and in time."""
        for _ in range(4):
            self.happen(ev.Tick(), 1_000_000)
        starts, results = self.bench.all(act.Start), self.bench.results
        assert [result.inspection_id for result in results] == [start.inspection_id for start in starts]
        for start, result in zip(starts, results, strict=True):
            assert (result.part_id, result.trigger_seq) == (start.part_id, start.trigger_seq)
            assert result.origin == start.origin
            assert not self.punctual or result.answered_at <= start.deadline


TestHandshake = Handshake.TestCase
TestHandshake.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,  # two busy cores are no fault of the handshake
    suppress_health_check=[HealthCheck.too_slow],
)
