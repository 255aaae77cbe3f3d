"""What hypothesis can do by call: automatic mode, halt, reset, no recipe, runs, simulation; and an old result."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.result import Origin, Result
from tests.core.driver import NOK, OK, UNDEFINED
from tests.core.machine import Machine

BATCH = Origin(by="continuous", job_id="J1")


class ModeRules(Machine):
    """Rules for `Machine`; by themselves they would be dull."""

    @rule(
        told=st.sampled_from([1, 1, 2, 3]),
        stale=st.sampled_from([False, False, True]),
        asks=st.booleans(),
        other=st.sampled_from([0, 0, 1]),
        flies=st.booleans(),
    )
    def looked_up(self, told: int, stale: bool, asks: bool, other: int, flies: bool) -> None:
        """The journal has an answer: to the newest question, to one before it, or to none; or a wrong one."""
        if asks:
            self.write(result_query=self.bench.state.commands.result_query % 3 + 1)
        seq, flight = self.bench.state.commands.result_query + other, self.bench.state.flight
        number = flight[-1].id if flies and flight else -1
        found = Result(number, seq, seq, "old", 1, NOK, 0, 0, 0) if told == 1 else None
        self.happen(ev.LookedUp(self.bench.state.query.id - stale, told != 3, found, 1_700_000_000_123))
        if found is not None and found.inspection_id in self.oracle.flying:
            told = 2
        elif found is not None and other:
            told = 3
        self.oracle.looked_up(told, stale)

    def refused(self, reason: int) -> None:
        assert [no.reason for no in self.bench.did(act.Refused)] == ([reason] if reason else [])

    @rule(falls=st.booleans())
    def automatic(self, falls: bool) -> None:
        """Beside the enable bit, which may fall then."""
        if falls:
            self.get_going()
        self.happen(calls.AutomaticAsked())
        self.oracle.select_automatic()
        if falls:
            self.write(enable=False)

    @rule(often=st.integers(0, 5))
    def halt(self, often: int) -> None:
        """Seldom, but rather in the middle of work than out of boredom."""
        if not often or (often < 3 and self.bench.state.flight):
            self.happen(calls.HaltAsked())
            self.oracle.halt()

    @rule(often=st.integers(0, 3))
    def reset_by_call(self, often: int) -> None:
        if not often:
            self.happen(calls.ResetAsked())
            self.oracle.reset()

    @rule()
    def abort_by_call(self) -> None:
        self.happen(calls.AbortAsked())
        self.oracle.abort()

    @rule(often=st.integers(0, 2))
    def unprepare(self, often: int) -> None:
        if not often:
            self.happen(calls.UnprepareAsked(4))
            self.refused(self.oracle.unprepare())

    @rule(on=st.booleans())
    def simulate(self, on: bool) -> None:
        self.happen(calls.SimulationAsked(5, on))
        self.refused(self.oracle.simulate(on))

    @rule(answers=st.lists(st.sampled_from([OK, NOK, UNDEFINED, None]), min_size=1, max_size=3))
    def simulated_parts(self, answers: list[Any]) -> None:
        """A whole session of it; what has no answer is still in flight at the end, and the mode stays on."""
        self.get_going()
        self.simulate(True)
        for answer in answers:
            self.call(0, 0)
            if answer is not None and self.bench.state.flight:
                self.happen(ev.Answered(self.bench.state.flight[-1].id, answer))
                self.oracle.answered(self.oracle.ids, answer)
            self.the_plc_reads_what_the_oracle_says()
        self.simulate(False)

    @rule(going=st.booleans())
    def begin_run(self, going: bool) -> None:
        if going:
            self.write(buffer_results=False, flush_results=True)
            self.get_going()
        self.happen(calls.RunAsked(6, "batch", BATCH))
        self.refused(self.oracle.begin_run())

    @rule()
    def end_run(self) -> None:
        self.happen(calls.StopAsked())
        self.oracle.run = False

    @rule(stale=st.booleans(), after_us=st.sampled_from([1000, 1000, 500_000]), full=st.sampled_from([False, True]))
    @precondition(lambda self: self.bench.state.continuous is not None)
    def picture(self, stale: bool, after_us: int, full: bool) -> None:
        """The awaited picture, its place taken meanwhile or not; or one that nobody awaits: of long ago, told twice."""
        if full:
            self.write(buffer_results=True)
        if self.punctual:  # then a deadline is a step of its own, after which a picture may be awaited again
            self.happen(ev.Tick(), after_us)
            after_us = 0
        run = self.bench.state.continuous
        if run is None:  # the watchdog was faster
            return
        self.happen(ev.PictureCame(run.id - stale), after_us)
        if run.awaiting and not stale and self.oracle.run:
            self.oracle.picture("batch")

    @rule(answers=st.lists(st.sampled_from([OK, OK, NOK, None]), min_size=1, max_size=4), full=st.booleans())
    @precondition(lambda self: self.bench.state.continuous is not None)
    def run_pictures(self, answers: list[Any], full: bool) -> None:
        """What a run does most of the time; each picture that is due is awaited."""
        for answer in answers:
            self.the_plc_reads_what_the_oracle_says()
            run = self.bench.state.continuous
            assert self.oracle.run == (run is not None)
            assert not self.oracle.wants_picture() or (run is not None and run.awaiting)
            self.picture_if_there_is_a_run(False)
            if answer is None:  # its time runs out while it is told of again
                self.picture_if_there_is_a_run(False, 500_000)
            elif self.bench.state.flight:
                self.happen(ev.Answered(self.bench.state.flight[-1].id, answer))
                self.oracle.answered(self.oracle.ids, answer)

        if full:
            self.picture_if_there_is_a_run(True)

    def picture_if_there_is_a_run(self, full: bool, after_us: int = 1000) -> None:
        if self.bench.state.continuous is not None:
            self.picture(False, after_us, full)

    def leave_modes(self) -> None:
        """A halt and the like would keep all else from happening."""
        state = self.bench.state
        if state.halted or state.simulating or state.unprepared:
            self.happen(calls.ResetAsked())
            self.oracle.reset()

    def get_going(self) -> None:
        raise NotImplementedError

    def call(self, recipe: int, timeout_ms: int) -> None:
        raise NotImplementedError
