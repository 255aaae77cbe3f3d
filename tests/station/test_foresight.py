"""What is made ready while the journal writes an answer: it is what the core says, or it does not count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.core import events as ev
from gateway.core.deadlines import next_wake
from gateway.core.handshake import step
from gateway.core.image import Projection
from gateway.core.result import Reason
from gateway.core.state import State
from gateway.ports import Step
from gateway.station import foresight
from gateway.station.foresight import ATTENTIVE_S, FRESH_US, QUIET_S, Foresight
from gateway.station.work import monotonic_us
from tests.station.parts import OK, MemoryInspector
from tests.station.rig import Rig, running
from tests.station.test_journaling import Journal, answered


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ev.Event]:
    """The events whose steps the core was asked for by a foresight, in order."""
    asked: list[ev.Event] = []

    def noted(state: State, event: ev.Event, now: int) -> object:
        asked.append(event)
        return step(state, event, now)

    monkeypatch.setattr(foresight, "step", noted)
    return asked


@asynccontextmanager
async def being_written(**options: object) -> AsyncIterator[tuple[Rig, Journal]]:
    """A station whose journal writes the answer of A1, and that has had the time to look ahead."""
    journal = Journal()
    async with running(**{"journal": journal, "keep_ms": 500, **options}) as rig:
        await answered(rig, journal, "A1")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        yield rig, journal


def ahead_of(state: State) -> Foresight:
    """One that has looked ahead from this state, in which an answer is written."""
    found = Foresight(Projection(), lambda: state)
    found._look_ahead(state.flight[0].id, Journal().wait)
    return found


async def test_what_was_made_ready_is_what_the_plc_is_shown(made: list[ev.Event]) -> None:
    steps: list[Step] = []
    async with being_written() as (rig, journal):
        kept = ev.Kept(1, True)
        assert made.count(kept) == 1
        end = rig.station.observe(steps.append)
        before, busy = rig.station.state, rig.tag("busy")
        recorded = journal.done()
        assert made.count(kept) == 1, "it was made a second time"
        end()
        assert (busy, rig.tag("busy"), rig.tag("ok"), rig.tag("result_part_id")) == (True, False, True, "A1")
        assert rig.sink.recorded == [recorded]
        assert journal.noted.owed == (recorded.result,)
        (told,) = [one for one in steps if one.event == kept]
        plain, actions = step(before, kept, told.at)
        assert 0 <= plain.valid_since - told.after.valid_since <= FRESH_US
        plain.valid_since = told.after.valid_since
        assert (told.before, told.after, told.actions) == (before, plain, actions)
        assert rig.station.image.values == Projection().image(plain).values


@pytest.mark.parametrize("tag", ["plc_heartbeat", "part_id", "enable"])
async def test_what_happens_in_between_counts(made: list[ev.Event], tag: str) -> None:
    written = {"plc_heartbeat": 7, "part_id": "A2", "enable": False}[tag]
    async with being_written() as (rig, journal):
        rig.write(**{tag: written})
        journal.done()
        assert made.count(ev.Kept(1, True)) == 2, "it was not made anew"
        assert getattr(rig.station.image.commands, tag) == written
        assert getattr(rig.station.state.commands, tag) == written
        assert rig.tag("result_part_id") == "A1"


async def test_an_answer_that_is_not_kept_is_never_shown_as_if_it_were() -> None:
    async with being_written() as (rig, journal):
        journal.done(ok=False)
        assert (rig.tag("ok"), rig.tag("no_decision"), rig.tag("reason")) == (False, True, Reason.JOURNAL)


async def test_what_was_made_ready_counts_for_that_state_that_event_and_once() -> None:
    async with being_written() as (rig, _):
        state = rig.station.state
        kept, at = ev.Kept(1, True), monotonic_us()
        plain, actions = step(state, kept, at)
        ahead = ahead_of(state)
        assert ahead.step(state, ev.Kept(1, False), at) == step(state, ev.Kept(1, False), at)
        assert ahead.step(state, kept, at) == (plain, actions), "it counted after another event"
        ahead = ahead_of(state)
        other = state.copy()
        other.error_count += 1
        after, _ = ahead.step(other, kept, at)
        assert after.error_count == other.error_count
        ahead = ahead_of(state)
        assert ahead._foreseen is not None
        made_ready = ahead._foreseen.image
        first, _ = ahead.step(state, kept, at)
        shown = ahead.image(first)
        assert shown is made_ready
        again, _ = ahead.step(state, kept, at)
        assert again is not first
        assert ahead.image(again).seq > shown.seq, "the same image twice"


async def test_it_does_not_count_once_it_is_old_or_time_itself_has_changed_something() -> None:
    async with being_written() as (rig, _):
        state, kept = rig.station.state, ev.Kept(1, True)
        ahead = ahead_of(state)
        first, _ = ahead.step(state, kept, (now := monotonic_us()))
        assert first.valid_since <= now, "it is not what was made ready"
        late = ahead_of(state).step(state, kept, (now := monotonic_us() + FRESH_US))[0]
        assert late.valid_since == now
        # The journal's time is over a moment after the look ahead: the core says so, whatever was made ready.
        soon = state.copy()
        soon.flight = (replace(soon.flight[0], keep_by=monotonic_us() + FRESH_US * 3 // 4),)
        assert next_wake(soon) <= soon.flight[0].keep_by
        ahead = ahead_of(soon)
        over = ahead.step(soon, kept, soon.flight[0].keep_by)[0]
        assert over.presented is not None
        assert over.presented.judgement.reason == Reason.JOURNAL


async def test_it_stands_still_at_once_and_again_when_all_is_ready(made: list[ev.Event]) -> None:
    stood: list[tuple[float, bool, bool]] = []

    class Watched(Journal):
        def wait(self, seconds: float) -> bool:
            stood.append((seconds, ev.Kept(1, True) in made, rig.station.state.flight[0].open))
            return False

    journal = Watched()
    async with running(journal=journal, keep_ms=500) as rig:
        await answered(rig, journal, "A1")
        await rig.until(lambda: len(stood) == 2)
        assert stood == [(QUIET_S, False, False), (ATTENTIVE_S, True, False)]


async def test_nobody_stands_still_for_an_answer_that_is_out_or_not_the_next(made: list[ev.Event]) -> None:
    async with being_written() as (rig, journal):
        assert journal.stood == [QUIET_S, ATTENTIVE_S]
        state = rig.station.state
        journal.done()
        made.clear()
        for look in (Foresight.expect, Foresight._look_ahead):
            for number in (1, 2):
                look(Foresight(Projection(), lambda: rig.station.state), number, journal.wait)
            look(Foresight(Projection(), lambda: state), 2, journal.wait)
        await asyncio.sleep(0)
        assert (journal.stood, made) == ([QUIET_S, ATTENTIVE_S], [])


async def test_two_answers_that_are_written_at_once_are_shown_in_order() -> None:
    """And nobody stands still for the second one: the first one's station would wait with it."""
    journal = Journal()
    async with running(journal=journal, keep_ms=500, max_in_flight=2) as rig:
        for part in ("A1", "A2"):
            await rig.until(lambda: rig.tag("ready"))
            await rig.trigger(part)
        await rig.until(lambda: len(journal.waiting) == 2)
        await asyncio.sleep(0.001)
        assert journal.stood == [QUIET_S, ATTENTIVE_S]
        journal.done()
        assert (rig.tag("result_part_id"), rig.tag("result_seq")) == ("A1", 1)
        rig.write(result_ack=True)
        rig.write(result_ack=False)
        journal.done()
        assert (rig.tag("result_part_id"), rig.tag("result_seq")) == ("A2", 2)
    assert [one.part_id for one in rig.sink.results] == ["A1", "A2"]


async def test_answers_of_one_step_are_all_on_their_way_before_anybody_could_stand_still() -> None:
    """A2 had its answer first, and waits for A1's: then both are kept at once, and nobody is alone."""
    journal, gate = Journal(), asyncio.Event()
    async with running(journal=journal, keep_ms=500, max_in_flight=2, inspector=MemoryInspector(gate=gate)) as rig:
        for part in ("A1", "A2"):
            await rig.until(lambda: rig.tag("ready"))
            await rig.trigger(part)
        await rig.until(lambda: len(rig.inspector.seen) == 2)
        rig.station.post(ev.Answered(2, OK))
        assert not journal.waiting
        rig.station.post(ev.Answered(1, OK))
        assert [one.result.part_id for one, _ in journal.waiting] == ["A1", "A2"]
        assert journal.stood == []
        for _ in range(2):
            journal.done()
        gate.set()
    assert [one.part_id for one in rig.sink.results] == ["A1", "A2"]
