"""The bounded state space of the handshake, walked breadth first.

Two states that differ only in names (ids, sequence numbers, counters, the clock's reading, what a verdict says) are
one state here: `canonical` gives each class one representative, and every step starts from a representative. The
invariants are checked on the real successor, before it is made canonical.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter

from gateway.core import events as ev
from gateway.core import nok_row
from gateway.core.commands import Commands
from gateway.core.counts import NO_COUNTS
from gateway.core.deadlines import acknowledgement_overdue, trigger_held_too_long
from gateway.core.errors import Cause, ErrorCode, Fault, RejectReason
from gateway.core.handshake import step
from gateway.core.inspection import Inspection, Keeping
from gateway.core.nok_row import NOK_IN_A_ROW
from gateway.core.queries import LOOK_UP_US
from gateway.core.result import Origin, Result
from gateway.core.state import State
from tests.core.driver import NOK, OK, REVIEW
from tests.core.invariants import check_image, check_step
from tests.core.moves import NOW, Move, Scope, moves, written

SOME_ERROR = Fault(ErrorCode.SEVERAL_COMMANDS, Cause.COMMANDS)


def first_state(scope: Scope) -> State:
    """Online, the PLC seen with enable 0."""
    begin = State(scope.options, 1, 1, frozenset({1, 2}), started_at=NOW, offline=frozenset())
    begin.plc_beat_at = begin.beat_at = NOW
    commands = Commands(buffer_results=scope.buffered)
    return canonical(step(begin, ev.PlcWrote(commands), NOW)[0], NOW, scope)


# ---- one representative for each class --------------------------------------------------------------------------


def canonical(state: State, now: int, scope: Scope) -> State:
    """The representative of this state's class, at the moment NOW."""
    s, past = state.copy(), now - NOW
    s.started_at = s.plc_beat_at = s.beat_at = NOW
    s.heartbeat, s.toggle, s.counts, s.error_count, s.boot_id = 0, False, NO_COUNTS, 0, 1
    s.trigger_seq_accepted = 1
    places = {number: place for place, number in enumerate(sorted({one.id for one in (*s.overdue, *s.flight)}), 1)}
    s.flight = tuple(_plain(one, places[one.id], past) for one in s.flight)
    s.overdue = tuple(_late(one, places[one.id], past) for one in s.overdue)
    s.next_id = len(places) + 1
    _number_results(s)
    if s.changing is not None:
        s.changing = replace(s.changing, id=1, deadline=s.changing.deadline - past, token=min(s.changing.token, 1))
    s.next_change_id = 2
    s.query = replace(s.query, id=2, deadline=NOW + LOOK_UP_US if s.query.deadline else 0)
    if s.continuous is not None:
        s.continuous = replace(s.continuous, id=1, since=NOW)
    s.next_run_id = 2
    s.ack_since = s.ack_since - past if trigger_held_too_long(s) is not None else NOW
    s.valid_since = s.valid_since - past if acknowledgement_overdue(s) is not None else NOW
    alarm = nok_row.raised(s)
    if not scope.latches:
        s.error, s.reject_reason, s.overrun = None, RejectReason.NONE, False
    elif s.error is not None and s.error != NOK_IN_A_ROW:
        s.error = SOME_ERROR
    s.standing = (NOK_IN_A_ROW,) if alarm and s.error == SOME_ERROR else ()
    s.error = NOK_IN_A_ROW if alarm and s.error is None else s.error
    return s


def _plain(one: Inspection, place: int, past: int) -> Inspection:
    deadline = one.deadline - past if one.open else NOW + 1
    journal = one.open or (one.keeping is not Keeping.OVER and one.keep_by != one.deadline)
    keep_by = one.keep_by - past if journal else NOW + 1
    judgement = one.judgement if one.judgement in (None, NOK) else OK
    exposed_at, origin = NOW if one.exposed_at else 0, Origin(simulated=one.origin.simulated)
    plain = Inspection(place, 1, "", 1, NOW, deadline, exposed_at, judgement, 0, origin, keep_by, one.keeping)
    if one.open and one.work_by > one.deadline:
        plain = replace(plain, work_by=one.work_by - past)
    if not one.reviewing:
        return plain
    return replace(plain, found=REVIEW, offered_at=one.offered_at - past, review_by=one.review_by - past)


def _late(one: Inspection, place: int, past: int) -> Inspection:
    """Answered already: its work matters, and when that ends."""
    return Inspection(place, 1, "", 1, NOW, NOW + 1, NOW, work_by=one.work_by - past)


def _number_results(s: State) -> None:
    """Shown 1, waiting 2.., last given after them; an acknowledged number only matters if it is the shown one."""
    acked = 1 if s.commands.result_ack_seq == s.shown_seq != 0 else 0
    shown = 1 if s.shown_seq else 0
    s.waiting = tuple(_nameless(number) for number in range(2, len(s.waiting) + 2))
    s.presented = _nameless(1) if s.presented is not None else None
    s.result_seq, s.shown_seq = len(s.waiting) + 1, shown
    seq = 1 if s.commands.trigger_seq else 0
    s.commands = written(s.commands, result_ack_seq=acked * shown, trigger_seq=seq, plc_heartbeat=0)
    s.recipe = 1


def _nameless(number: int) -> Result:
    return Result(0, number, 1, "", 1, OK, 0, 0, 0)


UNMOVED = {"options", "recipes", "boot_id", "started_at", "plc_beat_at", "beat_at"}
"""The same in every state of a walk."""
key: Callable[[State], Hashable] = attrgetter(*(f.name for f in fields(State) if f.name not in UNMOVED))


# ---- the walk ---------------------------------------------------------------------------------------------------


@dataclass
class Walk:
    """The graph that was found: its states by number, as they were found. `back` has the edges that do not need
    `reset`, from successor to predecessors.
    """

    scope: Scope
    states: dict[int, State] = field(default_factory=dict)
    came: dict[int, tuple[int, str]] = field(default_factory=dict)
    back: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    edges: int = 0
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def run(self, most_states: int) -> "Walk":
        """Find every state that can be reached. AssertionError with the way there where a rule is broken."""
        first = first_state(self.scope)
        self.states[0], self._numbers[key(first)] = first, 0
        todo = deque([0])
        while todo:
            at = todo.popleft()
            for move in moves(self.states[at], self.scope):
                after = self._go(at, move)
                there = self._numbers.setdefault(key(after), len(self.states))
                self.edges += 1
                if "'reset'" not in move[0]:
                    self.back[there].add(at)
                if there not in self.states:
                    self.states[there], self.came[there] = after, (at, move[0])
                    todo.append(there)
            assert len(self.states) <= most_states, f"{self.scope}: over {most_states} states, not bounded any more"
        return self

    def _go(self, at: int, move: Move) -> State:
        name, wait, event = move
        before, now = self.states[at], NOW + wait
        untouched = dict(vars(before))
        try:
            after, actions = step(before, event, now)
            assert vars(before) == untouched, "step changed the state it was given"
            check_image(after)
            check_step(before, event, after, actions, now)
            return canonical(lowered(after, now), now, self.scope)
        except AssertionError as error:
            raise AssertionError(f"{error}\nway: {[*self.way(at), name]}") from error

    def way(self, at: int) -> list[str]:
        """The moves that led here first."""
        names: list[str] = []
        while at in self.came:
            at, name = self.came[at]
            names.append(name)
        return names[::-1]

    def cannot_reach(self, good: Callable[[State], bool]) -> list[int]:
        """The states from which no sequence of moves without `reset` leads to a good one."""
        seen = {at for at, state in self.states.items() if good(state)}
        todo = deque(seen)
        while todo:
            for before in self.back[todo.popleft()] - seen:
                seen.add(before)
                todo.append(before)
        return [at for at in self.states if at not in seen]


def lowered(state: State, now: int) -> State:
    """The pulsed bits low again: their falling edge means nothing, and it is checked here that nothing happens."""
    c = state.commands
    if not (c.abort or c.flush_results or c.reset or c.error_ack):
        return state
    low = written(c, abort=False, flush_results=False, reset=False, error_ack=False)
    after, actions = step(state, ev.PlcWrote(low), now)
    expected = state.copy()
    expected.commands = low
    assert (after, actions) == (expected, ()), "a falling pulse had an effect"
    return after
