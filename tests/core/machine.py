"""The real handshake and the oracle, driven side by side: the base of hypothesis' state machines."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from gateway.core import events as ev
from gateway.core.deadlines import next_wake
from gateway.core.state import Options, WatchdogAction
from tests.core.driver import START_US, Rig, fresh
from tests.core.oracle_modes import ModeOracle

OPTIONS = st.builds(
    Options,
    max_in_flight=st.integers(1, 3),
    result_depth=st.integers(1, 3),
    inspection_timeout_ms=st.just(500),
    ack_timeout_ms=st.sampled_from([0, 700]),
    recipe_timeout_ms=st.just(400),
    watchdog_ms=st.sampled_from([0, 0, 900]),
    watchdog_action=st.sampled_from(WatchdogAction),
    keep_ms=st.sampled_from([0, 0, 100, 400]),
    show_unkept=st.booleans(),
    stop_after_nok=st.sampled_from([0, 1, 2]),
    decision_deadline_ms=st.sampled_from([0, 0, 200]),
    late_is_nok=st.booleans(),
    review_wait_ms=st.sampled_from([0, 100, 300]),
    own_timeouts_ms=st.sampled_from([{}, {2: 300}, {1: 900}]),
)


class Machine(RuleBasedStateMachine):
    """Each rule is one event. The clock is punctual, as the station's timer is, or jumps over deadlines."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Rig(fresh())
        self.oracle = ModeOracle(Options(), START_US)
        self.punctual = True

    @initialize(options=OPTIONS, seq=st.sampled_from([0, 65533]), punctual=st.booleans(), start_well=st.integers(0, 3))
    def start(self, options: Options, seq: int, punctual: bool, start_well: int) -> None:
        self.bench = Rig(fresh(options, result_seq=seq, trigger_seq_accepted=seq))
        self.oracle = ModeOracle(options, START_US, result_seq=seq, accepted_seq=seq, beat_at=START_US)
        self.punctual = punctual
        if start_well:
            self.write(buffer_results=seq > 0)
            self.write(enable=True)

    # ---- driving both --------------------------------------------------------------------------------------

    def at(self, event: ev.Event, now: int) -> None:
        self.oracle.tend()
        self.bench.happen(event, (now - self.bench.now) / 1000)
        assert self.bench.now == now
        self.oracle.pass_to(now)

    def happen(self, event: ev.Event, after_us: int = 1000) -> None:
        until = self.bench.now + after_us
        while self.punctual and (wake := next_wake(self.bench.state)) < until:
            self.at(ev.Tick(), wake)
            assert next_wake(self.bench.state) > wake
        self.at(event, until)

    def write(self, after_us: int = 1000, **tags: Any) -> None:
        commands = replace(self.bench.state.commands, **tags)
        self.happen(ev.PlcWrote(commands), after_us)
        self.oracle.write(commands)

    @invariant()
    def the_plc_reads_what_the_oracle_says(self) -> None:
        self.oracle.tend()
        self.bench.reads(**self.oracle.tags())
