"""A file-drop line without a PLC trigger: a continuous run, real files, the real PEKAT simulator."""

import asyncio
import random
from pathlib import Path

from gateway.core import actions as act
from gateway.core.errors import RejectReason
from gateway.core.result import Origin, Reason, Result, Verdict
from gateway.core.tags import TagValue
from gateway.ports import Step
from gateway.sim.parts import part_image
from gateway.station.station import Station
from tests.system.line import CONFIG, Line, running

FILES = 50
ORIGIN = Origin(by="continuous", job_id="batch 1")
SIMULATION = """
[stations.simulation]
kind = "playlist"
folder = "playlist"
"""


def watched(station: Station) -> list[Result]:
    """Every result of the station from now on, as an observer sees it."""
    results: list[Result] = []

    def note(step: Step) -> None:
        results.extend(action.result for action in step.actions if isinstance(action, act.Record))

    station.observe(note)
    return results


async def until(line: Line, count: int, results: list[Result]) -> None:
    async with asyncio.timeout(60):
        while len(results) < count:
            await asyncio.sleep(0.01)


async def drop_in_bursts(line: Line, defects: list[int], chance: random.Random) -> None:
    left = list(defects)
    while left:
        for _ in range(min(len(left), chance.choice([1, 3, 8]))):
            line.drop(part_image(line.dropped, defects=left.pop(0)))
        await asyncio.sleep(chance.choice([0.0, 0.02, 0.1]))


async def test_fifty_files_in_bursts_are_fifty_results_each_the_right_verdict_for_its_file(tmp_path: Path) -> None:
    chance = random.Random(7)
    defects = [chance.choice([0, 0, 1, 2]) for _ in range(FILES)]
    async with running(tmp_path) as line:
        station = line.gateway.stations["station1"]
        results = watched(station)
        station.run_continuously("batch", ORIGIN)
        await drop_in_bursts(line, defects, chance)
        await until(line, FILES, results)
        tags = await line.until("busy", False)
        assert (tags["count_triggers"], tags["count_missed"], tags["ready"]) == (FILES, 0, False)
        assert tags["count_ok"] == defects.count(0)
        await _plc_is_refused(line)
        station.stop()
        await line.until("ready")
    expected = [Verdict.NOK if count else Verdict.OK for count in defects]
    assert [result.verdict for result in results] == expected
    assert [len(result.judgement.detections) for result in results] == defects
    assert [result.result_seq for result in results] == list(range(1, FILES + 1))
    assert {(result.origin, result.part_id) for result in results} == {(ORIGIN, "batch")}
    done = sorted(path.name for path in (tmp_path / "drop" / "done").iterdir())
    assert done == [f"{number:04d}.png" for number in range(1, FILES + 1)], "each file was used once"


async def _plc_is_refused(line: Line) -> None:
    """A PLC that triggers all the same is told why, and takes no picture away."""
    await line._write(trigger=True)
    tags: dict[str, TagValue] = dict(await line.face.read())
    assert (tags["trigger_rejected"], tags["reject_reason"]) == (True, RejectReason.CONTINUOUS)
    await line._write(trigger=False)


async def test_pictures_wait_while_the_plc_does_not_take_results(tmp_path: Path) -> None:
    """H28: with a full FIFO nothing is lost; the PLC acknowledges, and the next picture is judged."""
    config = CONFIG.replace("[stations.handshake]\n", "[stations.handshake]\nresult_depth = 2\n")
    async with running(tmp_path, config=config) as line:
        station = line.gateway.stations["station1"]
        results = watched(station)
        await line._write(buffer_results=True)
        station.run_continuously("batch", ORIGIN)
        for number in range(6):
            line.drop(part_image(number, defects=number % 2))
        taken: list[TagValue] = []
        await until(line, 2, results)
        await asyncio.sleep(0.2)
        assert len(results) == 2, "the FIFO of two is full"
        for _ in range(6):
            tags = await line.until("result_valid")
            taken.append(tags["verdict"])
            await line._write(result_ack_seq=tags["result_seq"])
        assert taken == [1, 2, 1, 2, 1, 2]
        assert (await line.face.read())["count_missed"] == 0


async def test_leaving_the_gateway_in_the_middle_of_a_run_answers_what_is_in_flight(tmp_path: Path) -> None:
    """H7."""
    async with running(tmp_path) as line:
        station = line.gateway.stations["station1"]
        results = watched(station)
        line.pekat.misbehave("delay", delay_ms=5_000)
        station.run_continuously("batch", ORIGIN)
        line.drop(part_image(1, defects=0))
        await line.until("exposure_done")
    assert [result.judgement.reason for result in results] == [Reason.SHUTDOWN]


async def test_simulation_from_a_playlist_beside_the_drop(tmp_path: Path) -> None:
    """H29: calls get the playlist's pictures, the PLC sees an offline station, no file of the drop is used."""
    (tmp_path / "playlist").mkdir()
    (tmp_path / "playlist" / "bad.png").write_bytes(part_image(3, defects=2))
    config = CONFIG.replace("[stations.handshake]", SIMULATION + "\n[stations.handshake]")
    async with running(tmp_path, config=config) as line:
        station = line.gateway.stations["station1"]
        station.simulate(True)
        line.drop(part_image(1, defects=0))
        result = await station.inspect("simulated", 0, 0)
        assert (result.verdict, result.origin.simulated) == (Verdict.NOK, True)
        tags = await line.face.read()
        assert (tags["online"], tags["result_valid"], tags["count_triggers"]) == (False, False, 0)
        assert (tmp_path / "drop" / "0001.png").exists()
        station.simulate(False)
        await line.until("ready")
        tags = await line.inspect("real", part_image(2, defects=0))
        assert (tags["ok"], tags["result_part_id"]) == (True, "real")
