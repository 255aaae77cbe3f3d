"""What is counted at a real station: answers by verdict and reason, rejections by reason, and times by bucket."""

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.metrics.tally import BOUNDS_S, Spread, Tally
from tests.station.parts import NOK, MemoryInspector, MemorySource
from tests.station.rig import running


async def test_answers_and_rejections() -> None:
    source = MemorySource()
    async with running(source=source, inspector=MemoryInspector({"bad": NOK})) as rig:
        tally = Tally(["total"])
        rig.station.observe(tally.note)
        for number, part in enumerate(("good", "bad", "good"), start=1):
            await rig.trigger(part)
            await rig.until(lambda count=number: len(rig.sink.results) == count)  # type: ignore[misc]  # bound at once
        source.error = SourceError("planted", reason=Reason.NO_IMAGE)
        await rig.trigger("blind")
        await rig.until(lambda: len(rig.sink.results) == 4)
        rig.write(set_offline=True)
        rig.write(trigger=True)
        rig.write(trigger=False)
        rig.write(trigger=True)
        rig.write(set_offline=False, trigger=False, enable=False)
        rig.write(trigger=True)
        missed = rig.tag("count_missed")
    assert tally.answers == {("ok", "none"): 2, ("nok", "none"): 1, ("no_decision", "no_image"): 1}
    assert tally.rejected == {"offline": 2, "not_enabled": 1}
    assert missed == 3


def test_a_time_is_in_the_bucket_that_its_bound_closes() -> None:
    spread = Spread()
    for microseconds in (500, 501, 10_000_000, 10_000_001):
        spread.add(microseconds)
    buckets, total = spread.buckets()
    assert [end for end, _ in buckets] == [*map(str, BOUNDS_S), "+Inf"]
    counted = dict(buckets)
    assert (counted["0.0005"], counted["0.001"], counted["5.0"], counted["10.0"], counted["+Inf"]) == (1, 2, 2, 3, 4)
    assert total == 20.001002
