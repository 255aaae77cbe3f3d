"""Several parts in flight, and something goes wrong with one or all: nothing shifts, and nobody is left waiting."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from gateway.cli.pekat_process import PekatProcess
from gateway.cli.ports import free_port
from gateway.core.result import Reason, Verdict
from gateway.sim.plc import Answer, Play
from gateway.sim.plc_pipelined import PipelinedPlc
from tests.system.pipeline import PICTURES, Pipeline, camera_over_http, deserved, picture_of, pipeline

COUNT = 16
PLAYLIST = 'kind = "playlist"\nfolder = "parts"'


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder with a playlist of the known parts."""
    (tmp_path / "parts").mkdir()
    for number in range(1, len(PICTURES) + 1):
        (tmp_path / "parts" / f"part{number}.png").write_bytes(picture_of(number))
    return tmp_path


def undecided(line: Pipeline) -> dict[int, Reason]:
    """Part numbers without a decision, and why."""
    results = line.sink.results
    return {r.inspection_id: r.judgement.reason for r in results if r.verdict is Verdict.NO_DECISION}


FAULTS = {"hang": (Reason.TIMEOUT, 2_000), "status_500": (Reason.SERVER_ERROR, 10_000)}
"""Each with the inspection's time."""


@pytest.mark.parametrize("mode", FAULTS)
async def test_a_fault_in_the_middle_of_the_pipeline_shifts_nothing(parts: Path, mode: str) -> None:
    """H7, H9: the one part has no decision, those before and after it have their own."""
    reason, timeout_ms = FAULTS[mode]
    async with pipeline(parts, PLAYLIST, timeout_ms=timeout_ms) as line:

        def seen(answer: Answer) -> None:
            if answer.number in (4, 9):
                line.pekat.misbehave(mode, count=1)

        plc = PipelinedPlc(line.face, Play(count=COUNT, style="sequence", buffered=True, expected=deserved), seen)
        outcome = await plc.run()
        assert outcome.slips == []
        line.assert_each_its_own(COUNT)
        assert set(undecided(line).values()) == {reason}
        assert len(undecided(line)) == 2
        assert [answer.number for answer in outcome.answers] == list(range(1, COUNT + 1))


async def test_exposure_done_and_ready_go_with_each_trigger(parts: Path) -> None:
    """H2, H3: ready as soon as the newest part's picture is taken, until three are in flight, then when one is out."""
    async with pipeline(parts, PLAYLIST) as line:
        await line.begin()
        line.pekat.misbehave("hang")
        for number in (1, 2):
            await line.trigger(number)
            tags = await line.until("exposure_done")
            assert (tags["ready"], tags["busy"], tags["result_valid"]) == (True, True, False)
        await line.trigger(3)
        tags = await line.until("exposure_done")
        assert (tags["ready"], tags["reject_reason"]) == (False, 0)
        await line.write(trigger_seq=4, part_id="P000004")
        tags = await line.until("trigger_rejected")
        assert (tags["reject_reason"], tags["trigger_seq_accepted"]) == (6, 3)
        line.pekat.misbehave(None)
        await line.write(abort=True)
        assert [await line.take() for _ in range(3)] == [
            (f"P{number:06d}", Verdict.NO_DECISION, Reason.CANCELLED) for number in (1, 2, 3)
        ]


async def all_at_pekat(line: Pipeline) -> None:
    """Each of the hanging requests is there: none is left that the next part would run into."""
    async with asyncio.timeout(5):
        while line.pekat._server is None or line.pekat._server.project.mischief is not None:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("command", ["abort", "reset", "enable"])
async def test_a_command_answers_all_in_flight_and_the_next_part_is_judged(parts: Path, command: str) -> None:
    """H15, H16: reset shows nothing of what it cancelled; the next part gets its own verdict."""
    async with pipeline(parts, PLAYLIST) as line:
        await line.begin()
        line.pekat.misbehave("hang", count=3)
        for number in (1, 2, 3):
            await line.trigger(number)
        await line.until("exposure_done")
        await all_at_pekat(line)
        await line.write(**{command: command != "enable"})
        tags = await line.until("busy", value=False)
        line.assert_each_its_own(3)
        reason = Reason.RESET if command == "reset" else Reason.CANCELLED
        assert undecided(line) == {1: reason, 2: reason, 3: reason}
        if command == "reset":
            assert (tags["result_valid"], tags["results_pending"]) == (False, 0)
        else:
            taken = [await line.take() for _ in range(3)]
            assert [part for part, _, _ in taken] == ["P000001", "P000002", "P000003"]
        await line.write(abort=False, reset=False, enable=True)
        await line.trigger(4)
        assert await line.take() == ("P000004", deserved(4), Reason.NONE)


async def test_pekat_is_killed_with_three_in_flight(parts: Path) -> None:
    """H7, H10: no decision for each of them, and decisions again when PEKAT is back."""
    port = free_port()
    async with PekatProcess(port, 400) as pekat, pipeline(parts, PLAYLIST, url=f"http://127.0.0.1:{port}") as line:
        await line.begin()
        for number in (1, 2, 3):
            await line.trigger(number)
        await line.until("exposure_done")
        os.kill(pekat.pid, signal.SIGKILL)
        for number in (1, 2, 3):
            part, verdict, reason = await line.take()
            assert (part, verdict) == (f"P{number:06d}", Verdict.NO_DECISION)
            assert reason in (Reason.INSPECTOR_OFFLINE, Reason.BAD_REPLY)
        number = 4
        async with asyncio.timeout(60):
            while True:
                await line.trigger(number)
                part, verdict, _ = await line.take()
                assert part == f"P{number:06d}"
                assert verdict in (deserved(number), Verdict.NO_DECISION)
                if verdict is not Verdict.NO_DECISION:
                    break
                number += 1
                await asyncio.sleep(0.05)
        line.assert_each_its_own(number)


async def test_a_camera_that_fails_one_part_costs_that_one_only(tmp_path: Path) -> None:
    lines: list[Pipeline] = []
    accepted = lambda: lines[0].station.state.counts.triggers if lines else 0  # noqa: E731 - known below only
    with camera_over_http(accepted, blind_at=6) as url:
        async with pipeline(tmp_path, f'kind = "http_camera"\nurl = "{url}"') as line:
            lines.append(line)
            plc = PipelinedPlc(line.face, Play(count=COUNT, style="bits", buffered=True, expected=deserved))
            outcome = await plc.run()
            assert outcome.slips == []
            line.assert_each_its_own(COUNT)
            assert undecided(line) == {6: Reason.SOURCE_FAILED}
