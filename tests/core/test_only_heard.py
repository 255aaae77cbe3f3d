"""The short cut for a write that only moves the PLC's heartbeat: it is no other than the whole step, in every state."""

from dataclasses import fields, replace

import pytest

from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.handshake import step
from gateway.core.heartbeat import BEAT_US, only_heard
from gateway.core.image import status
from gateway.core.state import State
from tests.core.moves import NOW, Scope
from tests.core.walk import Walk

SCOPES = [
    Scope(True, True, 2, 2),
    Scope(False, False, 2, 2),
    Scope(True, False, ack_timeout_ms=500, latches=True),
    Scope(False, True, ack_timeout_ms=500),
    Scope(False, True, 2, 2, also=frozenset({"run"})),
    Scope(True, True, 1, 1, also=frozenset({"run", "halt", "modes"})),
    Scope(True, False, 1, 1, also=frozenset({"unprepare"})),
    Scope(True, False, 1, 1, also=frozenset({"recipes", "run"})),
    Scope(True, False, 1, 1, also=frozenset({"simulation", "calls", "halt"})),
    Scope(False, True, 2, 2, also=frozenset({"journal"})),
    Scope(True, False, 1, 1, also=frozenset({"query"})),
]
LARGE = Scope(True, False, 1, 1, also=frozenset({"unprepare", "recipes", "run"}))
"""More states than all the others together: nightly."""
LATER_US = (0, BEAT_US - 1, BEAT_US, 600_000)
WATCHDOG_MS = 200
LEAST_TAKEN = 20
"""A walk in which the short cut is hardly ever taken proves nothing of it."""


def watched(state: State) -> State:
    """The same station with the watchdog on."""
    state = state.copy()
    state.options = replace(state.options, watchdog_ms=WATCHDOG_MS)
    return state


def beaten(state: State, now: int) -> State:
    """The same station, its heart having beaten just now: so nothing but what is due otherwise stands in the way."""
    state = state.copy()
    state.beat_at = now
    return state


def check(state: State, now: int) -> bool:
    """Whether the short cut was taken; then it must have come out where the step does."""
    commands = state.commands.beating(state.commands.plc_heartbeat + 1)
    heard = only_heard(state, commands, now)
    if heard is None:
        return False
    after, actions = step(state, ev.PlcWrote(commands), now)
    assert actions == ()
    assert heard == after
    assert status(heard) == status(state)
    return True


@pytest.mark.parametrize("scope", [*SCOPES, pytest.param(LARGE, marks=pytest.mark.soak)], ids=str)
def test_it_comes_out_where_the_step_does_in_every_state(scope: Scope) -> None:
    """H19, H21, H22."""
    states = list(Walk(scope).run(20_000).states.values())
    states += [watched(state) for state in states]
    moments = [NOW + later for later in LATER_US]
    taken = sum(check(state, now) for state in states for now in moments)
    taken += sum(check(beaten(state, now), now) for state in states for now in moments)
    assert taken >= LEAST_TAKEN


def test_it_is_not_taken_where_any_other_command_has_changed() -> None:
    state = State(Scope(False, False).options, 1, 1, frozenset({1}), started_at=NOW, offline=frozenset())
    state.plc_beat_at = state.beat_at = NOW
    state, _ = step(state, ev.PlcWrote(Commands(enable=True)), NOW)
    assert only_heard(state, Commands(enable=True, plc_heartbeat=1), NOW) is not None
    assert only_heard(state, Commands(enable=True), NOW) is None
    for field in fields(Commands):
        if field.name != "plc_heartbeat":
            value = {"enable": False, "part_id": "x"}.get(field.name, 1)
            changed = replace(state.commands, plc_heartbeat=1, **{field.name: value})  # type: ignore[arg-type]  # its own
            assert only_heard(state, changed, NOW) is None, field.name


def test_a_beating_is_a_replacement() -> None:
    commands = Commands(enable=True, trigger_seq=5, result_ack_seq=7, recipe_request=9, plc_heartbeat=1, part_id="Ž")
    assert commands.beating(77) == replace(commands, plc_heartbeat=77)
