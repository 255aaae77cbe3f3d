"""ONE suite over both links: the same handshake, played by a client over real sockets, on a real station."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from gateway.core.commands import Commands
from gateway.core.errors import InspectorError, RejectReason
from gateway.core.image import TagImage
from gateway.core.result import Reason, Verdict
from gateway.core.state import Options
from gateway.plc.modbus.settings import ModbusSettings
from gateway.plc.opcua.settings import OpcUaSettings, OpcUaUserSettings
from gateway.ports import Identity, PlcLink, StationView
from gateway.sim.plc import Outcome, Play, Plc, PlcFace, Style
from gateway.sim.plc_modbus import ModbusFace
from gateway.sim.plc_opcua import OpcUaFace
from gateway.station.station import Station
from gateway.tagmap import load_map
from tests.bare_station import RECIPES
from tests.station.parts import NOK, MemoryInspector, MemorySource

LinkName = Literal["modbus", "opcua"]
LINKS: tuple[LinkName, ...] = ("modbus", "opcua")
PARTS = 12
PASSWORD = "only for this test"


class Bench:
    """A station, its link, and the way to reach it."""

    def __init__(self, link: LinkName, folder: Path, **options: Any) -> None:
        self.name = link
        self.source, self.inspector = MemorySource(), MemoryInspector()
        self.station = Station(
            "station1",
            source=self.source,
            inspector=self.inspector,
            recipes=RECIPES,
            recipe=1,
            boot_id=3,
            options=Options(**options),
        )
        self.registers = load_map("standard")
        view = StationView(self.station, self.registers, controls=True)
        self.link = _link(link, view, folder)
        self.images: list[TagImage] = []

    def face(self) -> PlcFace:
        url = self.link.endpoints[0].url
        if self.name == "modbus":
            return ModbusFace("127.0.0.1", int(url.rsplit(":", 1)[1]), self.registers)
        return OpcUaFace(url, user="plc", password=PASSWORD)

    async def play(self, **play: Any) -> Outcome:
        async with self.face() as face:
            return await Plc(face, Play(**{"count": PARTS, **play})).run()


def _link(name: LinkName, view: StationView, folder: Path) -> PlcLink:
    if name == "modbus":
        return ModbusSettings(host="127.0.0.1", port=0).create([view], Identity())
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    settings = OpcUaSettings(
        host="127.0.0.1",
        port=0,
        allow_unencrypted=True,
        certificates=folder.parent / "certificates",  # one for all tests: making a key takes a while
        users=(OpcUaUserSettings(name="plc", role="engineer", password_file=folder / "password"),),
    )
    return settings.create([view], Identity())


@asynccontextmanager
async def running(link: LinkName, folder: Path, **options: Any) -> AsyncIterator[Bench]:
    bench = Bench(link, folder, **options)
    async with bench.station, bench.link:
        end = bench.station.watch(bench.images.append)
        yield bench
        end()


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("style", ["bits", "sequence"])
@pytest.mark.parametrize("buffered", [False, True])
async def test_handshake(link: LinkName, style: Style, buffered: bool, tmp_path: Path) -> None:
    """H1, H3, H7, H9, H11, H12: every trigger gets its own answer, in order, in both styles and modes."""
    async with running(link, tmp_path) as bench:
        for number in (3, 7):
            bench.inspector.verdicts[f"P{number:06d}"] = NOK
        expected = {number: Verdict.NOK if number in (3, 7) else Verdict.OK for number in range(1, PARTS + 1)}
        outcome = await bench.play(style=style, buffered=buffered, expected=expected.get)
    assert outcome.slips == []
    assert [answer.verdict for answer in outcome.answers] == list(expected.values())


@pytest.mark.parametrize("link", LINKS)
async def test_fault_is_no_decision_and_the_next_part_is_fine(link: LinkName, tmp_path: Path) -> None:
    """H7, H10."""
    async with running(link, tmp_path) as bench:
        bench.inspector.error = InspectorError("PEKAT is gone", reason=Reason.INSPECTOR_OFFLINE)
        outcome = await bench.play(count=2)
        assert [(a.verdict, a.reason) for a in outcome.answers] == [(Verdict.NO_DECISION, Reason.INSPECTOR_OFFLINE)] * 2
        bench.inspector.error = None
        assert [a.verdict for a in (await bench.play(count=1)).answers] == [Verdict.OK]
    assert outcome.good


@pytest.mark.parametrize("link", LINKS)
async def test_one_write_is_one_event(link: LinkName, tmp_path: Path) -> None:
    """Values and edges of one request are applied together: the part id that came with the trigger is latched."""
    async with running(link, tmp_path) as bench, bench.face() as face:
        await face.write(Commands())
        await face.write(Commands(enable=True))
        before = bench.station.state.counts.triggers
        await face.write(Commands(enable=True, trigger=True, part_id="TOGETHER"))
        assert bench.station.state.counts.triggers == before + 1
        tags = await face.read()
        while not tags["result_valid"]:
            tags = await face.read()
        assert tags["result_part_id"] == "TOGETHER"


@pytest.mark.parametrize("link", LINKS)
async def test_several_command_edges_start_nothing(link: LinkName, tmp_path: Path) -> None:
    """H19, H4: an error and a rejection with its reason, no trigger."""
    async with running(link, tmp_path) as bench, bench.face() as face:
        await face.write(Commands())
        commands = Commands(enable=True)
        await face.write(commands)
        await face.write(replace(commands, trigger=True, abort=True))
        tags = await face.read()
        assert (tags["trigger_rejected"], tags["reject_reason"]) == (True, RejectReason.SEVERAL_COMMANDS)
        assert bench.station.state.counts.triggers == 0
        await face.write(commands)
        await face.write(replace(commands, reset=True))
        assert (await face.read())["ready"]


@pytest.mark.parametrize("link", LINKS)
async def test_plc_that_comes_back_finds_everything_as_it_left_it(link: LinkName, tmp_path: Path) -> None:
    """H23: losing the connection changes no tag."""
    async with running(link, tmp_path) as bench:
        assert (await bench.play(count=1, buffered=True)).good
        async with bench.face() as face:
            left = dict(await face.read())
        async with bench.face() as face:
            found = dict(await face.read())
        for alive in ("heartbeat", "plc_heartbeat"):
            left.pop(alive, None)
            found.pop(alive, None)
        assert found == left
        assert (found["result_part_id"], found["online"], found["ready"]) == ("P000001", True, True)


@pytest.mark.parametrize("link", LINKS)
async def test_results_are_never_seen_without_their_verdict(link: LinkName, tmp_path: Path) -> None:
    """H10, H24: in every image ok goes with verdict 1 and valid, and both ends of the block agree."""
    async with running(link, tmp_path) as bench:
        assert (await bench.play(count=5)).good
        for image in bench.images:
            values = image.values
            assert values["result_seq"] == values["result_seq_end"]
            assert values["ok"] == (values["verdict"] == 1 and values["result_valid"])
            assert values["no_decision"] == (values["verdict"] == 3 and values["result_valid"])
