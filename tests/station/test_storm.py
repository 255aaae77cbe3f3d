"""All that can be asked of a station, in any order, on the real event loop: no trigger stays without its answer."""

import asyncio
import random
from collections.abc import Callable

import pytest

from gateway.core import actions as act
from gateway.core.errors import RefusedError
from gateway.core.result import Judgement, Origin
from gateway.ports import Order, Picture, Step
from tests.station.parts import OK, MemoryInspector
from tests.station.rig import Rig

STEPS = 400


class Dawdling(MemoryInspector):
    """Takes a turn of the loop, or some milliseconds."""

    chance = random.Random(0)

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        await asyncio.sleep(self.chance.choice([0, 0, 0.002]))
        return OK


def asked(rig: Rig, chance: random.Random) -> Callable[[], object]:
    """One thing to do, by chance."""
    station, origin = rig.station, Origin(by="job")
    everything: list[Callable[[], object]] = [
        lambda: station.run_continuously("batch", origin),
        lambda: station.run_continuously("batch", origin),
        rig.source.pictures.release,
        rig.source.pictures.release,
        rig.simulation.pictures.release,
        lambda: station.trigger("J", origin),
        station.stop,
        station.abort,
        station.select_automatic,
        station.unprepare_recipe,
        lambda: station.simulate(chance.random() < 0.3),
        lambda: rig.write(enable=chance.random() < 0.8),
        lambda: rig.write(trigger=not rig.commands.trigger),
        lambda: rig.write(trigger_seq=chance.randrange(1, 9)),
        lambda: rig.write(set_offline=chance.random() < 0.2),
        lambda: rig.write(result_ack_seq=station.state.shown_seq),
        lambda: rig.write(buffer_results=chance.random() < 0.5),
        chance.choice([station.halt, station.reset, station.reset]),
    ]
    return chance.choice(everything)


@pytest.mark.parametrize("seed", range(6))
async def test_each_accepted_trigger_has_exactly_one_answer_and_nothing_is_left(seed: int) -> None:
    """H7, H25 to H29."""
    chance = random.Random(seed)
    before = asyncio.all_tasks()
    rig = Rig(inspector=Dawdling(), max_in_flight=1 + seed % 3, result_depth=3, inspection_timeout_ms=200)
    started: list[act.Start] = []

    def note(step: Step) -> None:
        started.extend(action for action in step.actions if isinstance(action, act.Start))

    async with rig.station:
        rig.station.observe(note)
        rig.write(enable=False)
        for _ in range(STEPS):
            do = asked(rig, chance)
            try:
                do()
            except RefusedError:
                await asyncio.sleep(0)
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        rig.write(set_offline=False, trigger=False, reset=True)
    assert asyncio.all_tasks() <= before
    assert [result.inspection_id for result in rig.sink.results] == [start.inspection_id for start in started]
    assert [result.origin for result in rig.sink.results] == [start.origin for start in started]
    assert not any(one.presented for one in rig.sink.recorded if one.result.origin.simulated)
    counts = rig.station.state.counts
    assert counts.triggers == sum(not start.origin.simulated for start in started)
    assert counts.ok + counts.nok + counts.no_decision == counts.triggers
    assert {start.pictures_from is not None for start in started} == {True, False}, "both runs and triggers took place"
