"""Several in flight on the real event loop: whatever source and inspector do, each answer is its own, in order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import InspectorError, SourceError
from gateway.core.result import Judgement, Reason, Result, Verdict
from gateway.ports import Order, Picture, Step, ignored
from gateway.station import health
from gateway.station.station import Station
from tests.station.parts import NOK, OK, MemoryInspector, MemorySource
from tests.station.rig import Rig

TIMEOUT_MS = 120
Ending = Literal["ok", "nok", "fails", "crashes", "never"]


@dataclass(frozen=True)
class Part:
    """What happens to one part: after how many milliseconds there is a picture and an answer, and what they are.

    `early`: the source tells the end of the exposure before the picture is there.
    """

    taking_ms: int
    early: bool
    picture: Literal["there", "fails", "never"]
    judging_ms: int
    ending: Ending

    def allows(self, result: Result, *, crashes: bool) -> bool:
        """Is this its answer? A machine that stands still may make a time-out of any.

        `crashes`: the inspector crashes at some part, which may cost any other in flight its decision too.
        """
        if crashes and result.judgement.reason is Reason.INSPECTOR_OFFLINE:
            return True
        if result.judgement.reason is Reason.TIMEOUT and result.total_us >= TIMEOUT_MS * 1000:
            return True
        if self.picture == "fails":
            return result.judgement.reason is Reason.SOURCE_FAILED
        wanted = {"ok": Verdict.OK, "nok": Verdict.NOK}.get(self.ending, Verdict.NO_DECISION)
        reasons = {"fails": Reason.INSPECTOR_OFFLINE, "crashes": Reason.INTERNAL}
        decided = self.picture == "there" and self.ending != "never"
        return decided and (result.verdict, result.judgement.reason) == (wanted, reasons.get(self.ending, Reason.NONE))


PARTS = st.builds(
    Part,
    taking_ms=st.sampled_from([0, 0, 1, 3]),
    early=st.booleans(),
    picture=st.sampled_from(["there"] * 8 + ["fails", "never"]),
    judging_ms=st.sampled_from([0, 1, 5, 20]),
    ending=st.sampled_from(["ok", "nok"] * 4 + ["fails", "crashes", "never"]),
)


class ScriptedSource(MemorySource):
    """Takes part n's picture as the script says."""

    script: list[Part]
    taking = 0
    most_taking = 0

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        part = self.script[int(order.part_id)]
        self.taking += 1
        self.most_taking = max(self.most_taking, self.taking)
        try:
            if part.early:
                self.taking -= 1
                exposed()
            await asyncio.sleep(part.taking_ms / 1000)
            if part.picture == "never":
                await asyncio.sleep(3600)
            if part.picture == "fails":
                raise SourceError("no light")
        finally:
            self.taking -= not part.early
        return Picture(order.part_id, order.part_id.encode())


class ScriptedInspector(MemoryInspector):
    """Judges part n as the script says. It must be given part n's picture."""

    script: list[Part]
    judging = 0
    most_judging = 0

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        assert picture.data == order.part_id.encode()
        part = self.script[int(order.part_id)]
        self.judging += 1
        self.most_judging = max(self.most_judging, self.judging)
        try:
            await asyncio.sleep(part.judging_ms / 1000 if part.ending != "never" else 3600)
        finally:
            self.judging -= 1
        match part.ending:
            case "fails":
                raise InspectorError("gone", reason=Reason.INSPECTOR_OFFLINE)
            case "crashes":
                raise ZeroDivisionError
        return OK if part.ending == "ok" else NOK


def scripted(script: list[Part], in_flight: int, depth: int) -> Rig:
    rig = Rig(max_in_flight=in_flight, result_depth=depth, inspection_timeout_ms=TIMEOUT_MS)
    source, inspector = ScriptedSource(), ScriptedInspector()
    source.script = inspector.script = script
    rig.station = Station(
        "s1",
        source=source,
        inspector=inspector,
        recipes=rig.station.recipes,
        recipe=1,
        boot_id=7,
        options=rig.station.state.options,
        sinks=[rig.sink],
    )
    rig.source, rig.inspector = source, inspector
    return rig


async def played(rig: Rig, script: list[Part], *, buffered: bool, slow_plc: bool) -> list[str]:
    """Trigger all parts as soon as there is `ready`, and take what is shown; the part ids in the order of showing."""
    shown: list[str] = []

    def take() -> None:
        if rig.tag("result_valid") and (not shown or rig.tag("result_part_id") != shown[-1]):
            shown.append(rig.tag("result_part_id"))
            rig.write(result_ack_seq=rig.tag("result_seq"))

    async with rig.station:
        rig.write(enable=False, buffer_results=buffered)
        rig.write(enable=True)
        async with asyncio.timeout(60):
            number = 0
            while number < len(script) or rig.tag("busy") or rig.tag("result_valid"):
                if number < len(script) and rig.tag("ready"):
                    rig.write(trigger_seq=number + 1, part_id=str(number))
                    assert rig.tag("trigger_seq_accepted") == number + 1
                    number += 1
                await asyncio.sleep(0.004 if slow_plc else 0)
                take()
    return shown


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(PARTS, min_size=1, max_size=14),
    in_flight=st.integers(1, 4),
    spare=st.integers(0, 2),
    buffered=st.booleans(),
    slow_plc=st.booleans(),
)
def test_each_part_has_its_own_answer_in_the_order_of_the_triggers(
    script: list[Part], in_flight: int, spare: int, buffered: bool, slow_plc: bool
) -> None:
    """H2, H3, H7, H9, H11, H12."""

    async def play() -> None:
        rig = scripted(script, in_flight, in_flight + spare)
        most = 0

        def count(step: Step) -> None:
            nonlocal most
            most = max(most, step.after.in_flight)

        rig.station.observe(count)
        with pytest.MonkeyPatch.context() as quick:
            quick.setattr(health, "RETRY_S", 0.001)
            quick.setattr(health, "LONGEST_RETRY_S", 0.002)
            shown = await played(rig, script, buffered=buffered, slow_plc=slow_plc)
        crashes = any(part.ending == "crashes" for part in script)
        results = rig.sink.results
        assert [result.part_id for result in results] == [str(number) for number in range(len(script))]
        assert [result.trigger_seq for result in results] == list(range(1, len(script) + 1))
        assert [result.result_seq for result in results] == list(range(1, len(script) + 1))
        for part, result in zip(script, results, strict=True):
            assert part.allows(result, crashes=crashes), (part, result)
        assert most <= in_flight
        assert isinstance(rig.source, ScriptedSource)
        assert rig.source.most_taking <= 1
        assert not buffered or shown == [result.part_id for result in results]
        assert shown == sorted(shown, key=int)
        assert shown[-1] == str(len(script) - 1)

    asyncio.run(play())


def test_the_script_overlaps() -> None:
    """The property above is about nothing where inspections follow one another."""
    script = [Part(0, early=False, picture="there", judging_ms=20, ending="ok")] * 8

    async def play() -> int:
        rig = scripted(script, 4, 8)
        await played(rig, script, buffered=True, slow_plc=False)
        assert isinstance(rig.inspector, ScriptedInspector)
        return rig.inspector.most_judging

    assert asyncio.run(play()) == 4
