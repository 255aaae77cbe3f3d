"""The drawings of docs/handshake.md, made by running the real handshake: none of them can promise what it does not do.

`render()` gives every drawing by the name of its marker. Timing diagrams are scripts that go through `step`, one
column for each event; the state diagram is what a walk over the reachable states finds.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from gateway.cli.timing_scripts import OK, SCRIPTS, Script, Tags
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import OfflineReason
from gateway.core.handshake import step
from gateway.core.image import result_values, status
from gateway.core.state import Options, State, StationState
from gateway.core.tags import STANDARD_TAGS, Direction, TagType, TagValue

START_US = 1_000_000
LOW, HIGH = "▁", "█"
COLUMN = 5
"""Characters of a column: the widest value, 65535, just fits."""


def timing(script: Script) -> str:
    """One timing diagram as text, with the list of what happened in each column."""
    state, now = _begun(script), START_US
    columns = [_tags(state)]
    for moment in script.moments:
        now += moment.after_ms * 1000
        event = moment.event or ev.PlcWrote(replace(state.commands, **(moment.tags or {})))  # type: ignore[arg-type]  # by name
        state, _ = step(state, event, now)
        columns.append(_tags(state))
    width = max(map(len, script.rows)) + 8
    numbers = "".join(f"{number:<{COLUMN}}" for number in range(len(columns)))
    lines = [" " * width + numbers.rstrip()]
    lines += [_row(name, [column[name] for column in columns], width) for name in script.rows]
    told = [f"{number}. {moment.told}" for number, moment in enumerate(script.moments, 1)]
    return "\n".join(["```text", *lines, "```", "", *told]) + "\n"


def _row(name: str, values: Sequence[TagValue], width: int) -> str:
    tag = STANDARD_TAGS[name]
    side = "PLC   " if tag.direction is Direction.CONTROL else "      "
    cells = [(HIGH if value else LOW) * COLUMN if tag.type is TagType.BIT else f"{value:<{COLUMN}}" for value in values]
    return f"{side}{name}".ljust(width) + "".join(cells).rstrip()


def _begun(script: Script) -> State:
    """Online; the PLC has written enable 0 and then enable 1, as it should."""
    begin = State(script.options, 1, 1, frozenset({1, 2}), started_at=START_US, beat_at=START_US, offline=frozenset())
    low = Commands(buffer_results=script.buffered)
    begin, _ = step(begin, ev.PlcWrote(low), START_US)
    return step(begin, ev.PlcWrote(replace(low, enable=True)), START_US)[0]


def _tags(state: State) -> Tags:
    commands = {name: getattr(state.commands, name) for name in Commands.__slots__}
    return {**commands, **result_values(state.presented), **status(state)}


# ---- the state diagram ------------------------------------------------------------------------------------------

Edges = dict[tuple[StationState, StationState], set[str]]


def _moves(state: State) -> Iterator[tuple[str, int, ev.Event]]:
    """The events of the state diagram: a name, how much later (microseconds), the event."""
    write, c = partial(replace, state.commands), state.commands
    for bit in ("enable", "trigger", "result_ack", "set_offline", "change_recipe"):
        level = not getattr(c, bit)
        yield f"{bit} {int(level)}", 0, ev.PlcWrote(write(recipe_request=2, **{bit: level}))
    for bit in ("abort", "reset"):
        yield bit, 0, ev.PlcWrote(write(**{bit: True}))
    for one in state.flight:
        yield "image taken", 0, ev.Exposed(one.id)
        yield "answer", 0, ev.Answered(one.id, OK)
        yield "time-out", one.deadline - START_US, ev.Tick()
    if state.changing is not None:
        yield "recipe ready", 0, ev.RecipePrepared(state.changing.id)
        yield "recipe time-out", state.changing.deadline - START_US, ev.Tick()
    yield "run begins", 0, calls.RunAsked(0)
    yield "unprepare", 0, calls.UnprepareAsked(0)
    if state.continuous is not None:
        yield "picture comes", 0, ev.PictureCame(state.continuous.id)
        yield "run stops", 0, calls.StopAsked()
    yield "part fails", 0, ev.WentOffline(OfflineReason.INSPECTOR)
    yield "part recovers", 0, ev.CameOnline(OfflineReason.INSPECTOR)


def _key(state: State) -> Hashable:
    """What matters to the events above, without numbers and times."""
    flight = tuple((one.open, one.exposing) for one in state.flight)
    bits = (state.valid, state.ack_must_fall, state.trigger_ack, state.changing is None, len(state.waiting))
    commands = replace(state.commands, abort=False, reset=False, recipe_request=0)
    modes = (state.unprepared, state.continuous is not None, bool(state.continuous and state.continuous.awaiting))
    return commands, state.offline, flight, bits, modes


def walked() -> Edges:
    """Each change of `state` that one event can make, with the names of these events. Buffered, a FIFO of one."""
    first = _begun(Script((), (), Options(result_depth=1, ack_timeout_ms=0), buffered=True))
    seen, todo, edges = {_key(first)}, deque([first]), defaultdict[tuple[StationState, StationState], set[str]](set)
    while todo:
        before = todo.popleft()
        for name, later, event in _moves(before):
            after, _ = step(before, event, START_US + later)
            after.commands = replace(after.commands, abort=False, reset=False)
            after.beat_at = START_US
            if after.station_state is not before.station_state:
                edges[before.station_state, after.station_state].add(name)
            if _key(after) not in seen:
                seen.add(_key(after))
                todo.append(after)
    return edges


def state_diagram() -> str:
    """The `state` tag's changes as Mermaid. Those from and to OFFLINE are many and alike, and are said in words."""
    edges, offline = walked(), StationState.OFFLINE
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> DISABLED: parts are up"]
    for (before, after), names in sorted(edges.items()):
        if offline not in (before, after):
            lines.append(f"    {before.name} --> {after.name}: {', '.join(sorted(names))}")
    away = {before: names for (before, after), names in edges.items() if after is offline}
    back = {after: names for (before, after), names in edges.items() if before is offline}
    lines += ["```", "", f"To OFFLINE, from {_states(away)}: {_names(away)}."]
    return "\n".join([*lines, f"From OFFLINE, to {_states(back)}, whichever then applies: {_names(back)}."]) + "\n"


def _states(ends: Mapping[StationState, set[str]]) -> str:
    if set(ends) == set(StationState) - {StationState.OFFLINE}:
        return "every other state"
    return ", ".join(state.name for state in sorted(ends))


def _names(ends: Mapping[StationState, set[str]]) -> str:
    return ", ".join(sorted(set().union(*ends.values())))


DRAWINGS: dict[str, Callable[[], str]] = {
    "handshake-states": state_diagram,
    **{name: partial(timing, script) for name, script in SCRIPTS.items()},
}
"""What can be drawn, by the name in the document's markers."""


def render() -> dict[str, str]:
    """Every drawing as Markdown, by the name in the document's markers."""
    return {name: draw() for name, draw in DRAWINGS.items()}
