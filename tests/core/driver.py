"""A handshake on the bench: the real `step`, a clock in the test's hand, and the invariants checked at each step."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import OfflineReason, RejectReason
from gateway.core.handshake import step
from gateway.core.image import query_values, result_values, status
from gateway.core.result import Judgement, Reason, Result, Verdict, no_decision
from gateway.core.state import Options, State
from gateway.core.tags import TagValue
from tests.core.invariants import check_image, check_step

START_US = 1_000_000
BOOT_ID = 4711
OK = Judgement(Verdict.OK)
NOK = Judgement(Verdict.NOK)
UNDEFINED = no_decision(Reason.UNDEFINED)
REVIEW = no_decision(Reason.REVIEW)

A = TypeVar("A")


def fresh(options: Options | None = None, **changes: Any) -> State:
    """A station as it is right after its start, with its parts well: recipes 1 and 2, recipe 1 in force."""
    begin = State(options or Options(), BOOT_ID, recipe=1, recipes=frozenset({1, 2}))
    begin.started_at = begin.plc_beat_at = begin.beat_at = START_US
    begin.offline = frozenset()
    for name, value in changes.items():
        setattr(begin, name, value)
    return begin


@dataclass
class Rig:
    """Drives one station. Each call is one event, 1 ms after the one before unless `after_ms` says otherwise."""

    state: State
    now: int = START_US
    actions: tuple[act.Action, ...] = ()
    """Those of the last step."""
    log: list[act.Action] = field(default_factory=list)
    trace: list[dict[str, TagValue]] = field(default_factory=list)

    def happen(self, event: ev.Event, after_ms: float = 1) -> "Rig":
        self.now += round(after_ms * 1000)
        before, kept = self.state, deepcopy(self.state)
        self.state, self.actions = step(before, event, self.now)
        assert before == kept, "step changed the state it was given"
        self.log += self.actions
        check_image(self.state)
        check_step(before, event, self.state, self.actions, self.now)
        self.trace.append(self.tags)
        return self

    # ---- the PLC -------------------------------------------------------------------------------------------

    def write(self, after_ms: float = 1, **tags: Any) -> "Rig":
        """One request: these command tags change, the others stay."""
        return self.happen(ev.PlcWrote(replace(self.state.commands, **tags)), after_ms)

    def pulse(self, *bits: str) -> "Rig":
        """Raise these bits in one write, lower them in the next."""
        return self.write(**dict.fromkeys(bits, True)).write(**dict.fromkeys(bits, False))

    def trigger(self, part_id: str = "") -> int:
        """Pulse the trigger bit; the id of the inspection that it started."""
        self.write(trigger=True, part_id=part_id)
        started = self.did(act.Start)
        self.write(trigger=False)
        return started[-1].inspection_id if started else 0

    # ---- the world -----------------------------------------------------------------------------------------

    def expose(self, inspection_id: int) -> "Rig":
        return self.happen(ev.Exposed(inspection_id))

    def answer(self, inspection_id: int, judgement: Judgement = OK, after_ms: float = 1) -> "Rig":
        return self.happen(ev.Answered(inspection_id, judgement), after_ms)

    def pass_ms(self, after_ms: float) -> "Rig":
        return self.happen(ev.Tick(), after_ms)

    def picture(self, after_ms: float = 1) -> int:
        """The picture that the continuous run awaits is there; the id of the inspection that it started, or 0."""
        self.happen(ev.PictureCame(self.awaited[-1].run_id), after_ms)
        started = self.did(act.Start)
        return started[-1].inspection_id if started else 0

    # ---- what came of it -----------------------------------------------------------------------------------

    def did(self, kind: type[A]) -> list[A]:
        """The actions of this kind in the last step."""
        return [action for action in self.actions if isinstance(action, kind)]

    def all(self, kind: type[A]) -> list[A]:
        """The actions of this kind since the start."""
        return [action for action in self.log if isinstance(action, kind)]

    @property
    def awaited(self) -> list[act.AwaitPicture]:
        """Every request for a run's next picture so far."""
        return self.all(act.AwaitPicture)

    @property
    def results(self) -> list[Result]:
        """Every answer so far, in the order in which they were given."""
        return [record.result for record in self.all(act.Record)]

    @property
    def tags(self) -> dict[str, TagValue]:
        s = self.state
        return {**status(s), **result_values(s.presented), **query_values(s.query)}

    def __getitem__(self, tag: str) -> TagValue:
        return self.tags[tag]

    def reads(self, **tags: TagValue) -> "Rig":
        """Assert that the PLC reads these values."""
        now = self.tags
        assert {name: now[name] for name in tags} == tags
        return self


def rig(*, enabled: bool = True, buffered: bool = False, **options: Any) -> Rig:
    """A station that is online; enabled in the order that the documentation recommends: enable 0 first."""
    bench = Rig(fresh(Options(**options)))
    bench.write()
    if enabled:
        bench.write(enable=True, buffer_results=buffered)
        bench.reads(ready=True, online=True)
    return bench


def rejected(bench: Rig, reason: RejectReason, missed: int = 1) -> None:
    """Assert that the last trigger was refused for this reason and started nothing (H4)."""
    bench.reads(trigger_rejected=True, reject_reason=int(reason), count_missed=missed)
    assert not bench.did(act.Start)


def offline(bench: Rig, reason: OfflineReason) -> None:
    """Assert that the station is offline, and says why."""
    bench.reads(online=False, ready=False, offline_reason=int(reason))
