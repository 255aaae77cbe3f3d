"""Every state of a bounded handshake, every event in each: all rules hold, reset always works, nothing is a dead end.

The rules are those in tests/core/invariants.py, checked over each edge; H16 (reset) and the absence of dead ends are
checked here from each state.
"""

from dataclasses import replace

import pytest

from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import OfflineReason, RejectReason
from gateway.core.handshake import step
from gateway.core.nok_row import NOK_IN_A_ROW
from gateway.core.state import State
from tests.core.moves import NOW, PEKAT_DOWN, Scope
from tests.core.walk import Walk


def _plain(bits: bool, buffered: bool) -> list[Scope]:
    """in flight 1..3 and depth 1..3; the depth means nothing to free running."""
    depths = (1, 2, 3) if buffered else (1,)
    return [Scope(bits, buffered, flight, depth) for flight in (1, 2, 3) for depth in depths]


PLAIN = [scope for bits in (True, False) for buffered in (True, False) for scope in _plain(bits, buffered)]
RICH = [
    Scope(True, True, 1, 2, ack_timeout_ms=700, latches=True),
    Scope(False, True, 2, 2, ack_timeout_ms=700, latches=True),
    Scope(True, False, 2, 1, also=frozenset({"modes"})),
    Scope(False, True, 2, 2, also=frozenset({"modes", "calls"})),
    Scope(True, True, 1, 1, also=frozenset({"recipes", "calls"})),
    Scope(False, True, 1, 1, also=frozenset({"recipes"})),
    Scope(False, True, 2, 1, also=frozenset({"offline"})),
    Scope(True, True, 1, 1, also=frozenset({"halt", "calls"})),
    Scope(False, True, 2, 2, also=frozenset({"run"})),
    Scope(True, True, 1, 1, also=frozenset({"run", "halt", "modes"})),
    Scope(False, False, 2, 1, also=frozenset({"run", "offline"})),
    Scope(True, False, 1, 1, also=frozenset({"unprepare", "recipes", "run"})),
    Scope(False, True, 2, 1, also=frozenset({"simulation", "calls", "run"})),
    Scope(True, False, 1, 1, also=frozenset({"simulation", "calls", "halt"})),
    Scope(False, True, 2, 2, also=frozenset({"journal"})),
    Scope(True, False, 1, 1, also=frozenset({"journal", "run", "halt"})),
    Scope(False, True, 1, 2, also=frozenset({"journal", "simulation", "calls"})),
    Scope(False, True, 2, 2, also=frozenset({"end", "journal"})),
    Scope(True, False, 1, 1, also=frozenset({"end", "run", "recipes"})),
    Scope(False, False, 2, 1, also=frozenset({"row"})),
    Scope(True, False, 1, 1, latches=True, also=frozenset({"row"})),
    Scope(False, True, 2, 2, also=frozenset({"review"})),
    Scope(False, True, 1, 1, also=frozenset({"review", "journal"})),
    Scope(True, False, 1, 1, also=frozenset({"review", "end", "simulation", "calls"})),
    Scope(True, False, 1, 1, also=frozenset({"query"})),
    Scope(True, True, 1, 2, also=frozenset({"late"})),
    Scope(False, False, 2, 1, also=frozenset({"late", "nok"})),
]
BIG = [
    Scope(False, True, 2, 2, also=frozenset({"late", "journal"})),
    Scope(True, False, 2, 1, also=frozenset({"late", "review", "halt"})),
    Scope(False, True, 2, 1, also=frozenset({"late", "nok", "run", "end"})),
    Scope(False, False, 3, 1, also=frozenset({"late", "offline"})),
    Scope(True, False, 1, 1, also=frozenset({"review", "halt"})),
    Scope(False, False, 2, 1, also=frozenset({"review", "run"})),
    *(Scope(bits, True, 3, 3, also=frozenset({"modes", "calls"})) for bits in (True, False)),
    *(Scope(bits, True, 2, 2, also=frozenset({"modes", "recipes"})) for bits in (True, False)),
    Scope(False, True, 1, 2, also=frozenset({"recipes", "offline"})),
    Scope(False, True, 2, 3, ack_timeout_ms=700, latches=True),
    Scope(False, True, 1, 1, also=frozenset({"run", "halt", "unprepare", "recipes"})),
    Scope(False, True, 1, 1, also=frozenset({"query", "journal"})),
    Scope(False, True, 2, 2, also=frozenset({"journal", "modes", "calls"})),
    Scope(False, True, 1, 1, also=frozenset({"run", "halt", "simulation", "calls", "offline"})),
]
LEAST_STATES = 20
"""A walk that finds fewer has lost its alphabet."""


def _ready(state: State) -> bool:
    return state.reject is RejectReason.NONE


def _ending(state: State) -> bool:
    return OfflineReason.STOPPING in state.offline


def _all_well(state: State) -> State:
    """The world outside becomes well; whatever the gateway itself does about it has been done."""
    for event in (ev.CameOnline(OfflineReason.OPERATOR), ev.PartRecovered(PEKAT_DOWN, OfflineReason.INSPECTOR)):
        state, _ = step(state, event, NOW)
    return state


def _reset_leads_to_ready(walk: Walk) -> None:
    """H16: one write with all bits low and reset, one with enable: ready."""
    for at, state in walk.states.items():
        low = Commands(trigger_seq=state.commands.trigger_seq, buffer_results=state.commands.buffer_results)
        after, _ = step(_all_well(state), ev.PlcWrote(replace(low, reset=True)), NOW)
        left = (after.flight, after.valid, after.waiting, after.error, after.changing)
        assert not any(left), walk.way(at)
        if _ending(state):  # H33: this end alone no reset takes back
            continue
        after, actions = step(after, ev.PlcWrote(replace(low, enable=True)), NOW)
        assert _ready(after), walk.way(at)
        assert actions == (), walk.way(at)


def _check(scope: Scope, most_states: int) -> None:
    walk = Walk(scope).run(most_states)
    print(f"{scope}: {len(walk.states)} states, {walk.edges} edges")
    assert len(walk.states) >= LEAST_STATES
    assert walk.edges >= 10 * len(walk.states)
    _reset_leads_to_ready(walk)
    stuck = walk.cannot_reach(lambda state: _ready(state) or state.halted or _ending(state))
    assert not stuck, f"{len(stuck)} dead ends, one of them after {walk.way(stuck[0])}"


@pytest.mark.parametrize("scope", PLAIN, ids=str)
def test_the_rules_hold_in_every_state(scope: Scope) -> None:
    _check(scope, most_states=20_000)


@pytest.mark.parametrize("scope", RICH, ids=str)
def test_the_rules_hold_with_time_outs_modes_recipes_calls_and_faults(scope: Scope) -> None:
    _check(scope, most_states=20_000)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scope", BIG, ids=str)
def test_the_rules_hold_in_the_big_space(scope: Scope) -> None:
    _check(scope, most_states=200_000)


def test_the_walk_reaches_what_it_is_for() -> None:
    """Not an empty proof: it sees full FIFOs, answers out of turn, withheld acknowledgements and time-outs."""
    walk = Walk(Scope(True, True, 2, 2)).run(20_000)
    states = list(walk.states.values())
    assert any(len(state.waiting) == 1 and state.valid for state in states)
    assert any(state.flight and state.flight[0].open and not state.flight[-1].open for state in states)
    assert any(state.ack_must_fall and state.waiting for state in states)
    assert any(state.reject is RejectReason.RESULTS_FULL for state in states)
    assert "until the next deadline" in {name for _, name in walk.came.values()}


def test_the_walk_reaches_the_alarm_by_itself_and_behind_another_error() -> None:
    states = list(Walk(Scope(True, False, 1, 1, latches=True, also=frozenset({"row"}))).run(20_000).states.values())
    assert any(state.error == NOK_IN_A_ROW for state in states)
    assert any(NOK_IN_A_ROW in state.standing for state in states)
    assert any(state.nok_row == 1 and state.error is not None for state in states)


def test_the_walk_reaches_operators_that_are_asked() -> None:
    states = list(Walk(Scope(False, True, 2, 2, also=frozenset({"review"}))).run(20_000).states.values())
    assert any(all(one.reviewing for one in state.flight) and len(state.flight) == 2 for state in states)
    assert any(state.flight and state.flight[0].reviewing and not state.flight[-1].open for state in states)


def test_the_walk_reaches_late_work() -> None:
    """Of a part that has its answer, of two, and beside a fresh one."""
    walk = Walk(Scope(False, False, 2, 1, also=frozenset({"late", "nok"}))).run(20_000)
    states = list(walk.states.values())
    assert any(len(state.overdue) == 2 for state in states)
    assert any(state.overdue and state.flight and state.flight[-1].open for state in states)


def test_the_walk_reaches_every_mode() -> None:
    """Runs that wait for a place, for a picture, with work in flight; simulated work; a halt."""
    runs = list(Walk(Scope(False, True, 2, 2, also=frozenset({"run"}))).run(20_000).states.values())
    assert any(s.continuous and s.full and not s.flight for s in runs)
    assert any(s.continuous and s.continuous.awaiting and not s.flight for s in runs)
    assert any(s.continuous and s.continuous.awaiting and s.flight for s in runs)
    assert any(s.continuous and s.continuous.awaiting and s.full for s in runs) is False, (
        "no mode changes in this scope"
    )
    also = frozenset({"simulation", "calls", "halt"})
    modes = list(Walk(Scope(True, False, 1, 1, also=also)).run(20_000).states.values())
    assert any(s.simulating and s.flight and s.valid for s in modes)
    assert any(s.halted and s.simulating for s in modes)
    assert any(s.automatic and s.commands.enable for s in modes)
