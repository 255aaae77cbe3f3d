"""The PLC reads an old result again by its number (H37). Works on the step under way.

The world looks it up, off every trigger's path. The newest question alone is answered, once, and in time.
"""

from dataclasses import replace

from gateway.core import actions as act
from gateway.core.events import LookedUp
from gateway.core.query import Query, QueryStatus
from gateway.core.result import Result
from gateway.core.state import State
from gateway.core.turn import Turn

LOOK_UP_US = 3_000_000
"""How long a question waits for the journal: longer than that waits for a busy disk itself."""


def ask(turn: Turn, result_seq: int) -> None:
    """A new number in `result_query`: what was shown goes in this same step. 0 asks for nothing."""
    if not result_seq:
        clear(turn.s)
        return
    query = Query(turn.s.query.id + 1, result_seq, QueryStatus.LOOKING, turn.now + LOOK_UP_US)
    turn.s.query = query
    turn.actions.append(act.LookUp(query.id, result_seq))


def clear(state: State) -> None:
    """Nothing is asked any more; an answer that still comes is nobody's."""
    state.query = Query(state.query.id + 1)


def settle(state: State, answer: LookedUp) -> None:
    """Show the answer to the newest question; any other is dropped.

    What is still in flight is not told before its time: until it is shown, another answer may take its place (H30).
    """
    query = state.query
    if answer.query_id != query.id or query.status is not QueryStatus.LOOKING:
        return
    result = answer.result
    if result is not None and any(one.id == result.inspection_id for one in state.flight):
        result = None
    _end(state, _status(answer, result, query.result_seq), result, answer.answered_ms)


def give_up(state: State, now: int) -> None:
    """The journal has had its time."""
    if state.query.deadline and state.query.deadline <= now:
        _end(state, QueryStatus.UNREACHABLE)


def _status(answer: LookedUp, result: Result | None, asked: int) -> QueryStatus:
    """A journal that gives another result than the one asked for cannot be relied on."""
    if not answer.reached or (result is not None and result.result_seq != asked):
        return QueryStatus.UNREACHABLE
    return QueryStatus.NOT_FOUND if result is None else QueryStatus.FOUND


def _end(state: State, status: QueryStatus, result: Result | None = None, answered_ms: int = 0) -> None:
    found = status is QueryStatus.FOUND
    state.query = replace(
        state.query,
        status=status,
        deadline=0,
        result=result if found else None,
        answered_ms=answered_ms if found else 0,
    )
