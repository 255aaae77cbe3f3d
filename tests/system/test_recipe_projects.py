"""A PLC changes recipes over Modbus, and each recipe's project is started by that: PEKAT's Projects Manager."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.app import Gateway
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core.errors import Cause, ErrorCode
from gateway.core.result import Reason
from gateway.core.tags import TagValue
from gateway.reload import Reloader
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace
from tests.system.line import Line, bad_part, good_part
from tests.system.managers import CAP, LABEL, ManagerAt
from tests.vision.judging import until
from tests.vision.managed import LABEL as OTHER
from tests.vision.managed import manager

CONFIG = """
[links.modbus]
host = "127.0.0.1"
port = 0

[[stations]]
name = "station1"
source = {{ kind = "file_drop", folder = "drop" }}
handshake = {{ recipe_timeout_ms = {recipe_timeout_ms} }}

[stations.inspector.manager]
port = {manager}
reply_timeout_ms = 500
change = "{change}"

[[stations.recipes]]
number = 1
name = "cap"
project = 'C:\\projects\\cap'
url = "{cap}"

[[stations.recipes]]
number = 2
name = "label"
project = '{project}'
url = "{label}"
{more}

[[stations.user_values]]
name = "project"
path = "globalData.project"
type = "string"
length = 64
"""


class PlcLine(Line):
    """A line whose PLC changes recipes."""

    async def change(self, recipe: int) -> Mapping[str, TagValue]:
        """The tags when the change is over; the request is taken back then."""
        await self._write(change_recipe=True, recipe_request=recipe)
        async with asyncio.timeout(15):
            while not ((tags := await self.face.read())["recipe_ack"] or tags["recipe_error"]):
                await asyncio.sleep(0.005)
        await self._write(change_recipe=False)
        return tags

    async def ask(self, recipe: int) -> None:
        await self._write(change_recipe=True, recipe_request=recipe)

    async def judged_by(self, part_id: str) -> object:
        """The project that found a good part good: the station's image has what the PLC would read."""
        tags = await self.inspect(part_id, good_part())
        assert tags["ok"], (tags["reason"], tags["error_code"])
        return self.gateway.stations["station1"].image.values["user.project"]

    async def prepared(self) -> None:
        """Parts are given until one is judged."""
        async with asyncio.timeout(20):
            while (await self.inspect("first", good_part()))["reason"] == Reason.UNPREPARED:
                await asyncio.sleep(0.2)
        await self.acknowledge_error()


@asynccontextmanager
async def line(folder: Path, manager_port: int, cap: str, label: str, **keys: object) -> AsyncIterator[PlcLine]:
    (folder / "drop").mkdir()
    file = folder / "gateway.toml"
    texts = {"recipe_timeout_ms": 8_000, "change": "switch", "project": LABEL, "more": ""} | keys
    file.write_text(CONFIG.format(manager=manager_port, cap=cap, label=label, **texts), encoding="utf-8")
    settings = load_settings(file)
    async with Gateway(settings) as gateway:
        port = int(gateway.endpoints[0].url.rsplit(":", 1)[1])
        async with ModbusFace("127.0.0.1", port, settings.stations[0].registers) as face:
            running = PlcLine(gateway, PekatSimulator(), face, folder)
            await running.begin()
            yield running


async def test_a_change_over_modbus_starts_the_project_and_a_killed_manager_is_told_and_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with ManagerAt(start_ms=300) as process:
        async with line(tmp_path, process.port, process.url, process.url) as plc:
            await plc.prepared()
            assert await plc.judged_by("1") == CAP
            tags = await plc.change(2)
            assert (tags["recipe_ack"], tags["recipe"]) == (True, 2)
            assert [await plc.judged_by(part) for part in ("2", "3")] == [LABEL, LABEL]
            assert (await plc.change(1))["recipe"] == 1
            assert await plc.judged_by("4") == CAP
            told = caplog.text.count("the Projects Manager says done")
            await plc.ask(2)
            await until(lambda: caplog.text.count("the Projects Manager says done") > told)
            process.kill()
            tags = await plc.until("recipe_error")
            assert (tags["error_code"], tags["recipe"]) == (ErrorCode.RECIPE_MANAGER, 1)
            assert f"127.0.0.1:{process.port} (" in caplog.text
            tags = await plc.inspect("5", good_part())
            assert (tags["no_decision"], tags["reason"], tags["ok"]) == (True, Reason.UNPREPARED, False)
            process.start()
            await plc.prepared()
            assert await plc.judged_by("7") == CAP


# ---- every way to fail reaches the PLC and the log by name ------------------------------------------------------

WARM = "warm_up = 'warm.png'"
FAULTS = {
    "unknown project": (ErrorCode.RECIPE_PROJECT, "status /projects/gone) knows no such project"),
    "port taken": (ErrorCode.RECIPE_PROJECT, "answers 'error:port'"),
    "too slow": (ErrorCode.RECIPE_PROJECT, "is starting"),
    "another address": (ErrorCode.RECIPE_FAILED, "runs, and it does not answer: http://127.0.0.1:"),
    "no warm-up": (ErrorCode.RECIPE_WARM_UP, "the warm-up picture warm.png was not judged: http://127.0.0.1:"),
    "unknown recipe": (ErrorCode.RECIPE_UNKNOWN, ""),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_has_its_code_its_line_in_the_log_and_leaves_the_old_recipe_in_force(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, words = FAULTS[fault]
    (tmp_path / "warm.png").write_bytes(bad_part())
    slow = {"start_s": 1.5} if fault == "too slow" else {}
    async with manager(shared=False, running=["C:\\projects\\cap"], **slow) as simulator:
        await until(lambda: simulator.state("C:\\projects\\cap") == "running")
        cap, label = simulator.url("C:\\projects\\cap"), simulator.url(OTHER)
        listens = f"http://127.0.0.1:{free_port()}" if fault == "another address" else label
        keys = {
            "project": "/projects/gone" if fault == "unknown project" else OTHER,
            "more": WARM if fault == "no warm-up" else "",
            "change": "start",
            "recipe_timeout_ms": 1_000 if fault == "too slow" else 1_500 if fault == "another address" else 8_000,
        }
        async with line(tmp_path, simulator.port, cap, listens, **keys) as plc:
            await plc.prepared()
            given = int((await plc.face.read())["count_triggers"])
            assert await plc.judged_by("before") == "C:\\projects\\cap"
            if fault == "no warm-up":
                assert (await plc.change(2))["recipe"] == 2
                assert (await plc.change(1))["recipe"] == 1
                simulator.misbehave(OTHER, "status_500")
            with caplog.at_level(logging.WARNING):
                if fault == "port taken":
                    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", int(label.rpartition(":")[2]))
                    async with server:
                        tags = await plc.change(2)
                else:
                    tags = await plc.change(3 if fault == "unknown recipe" else 2)
            assert (tags["recipe_error"], tags["recipe_ack"], tags["recipe"]) == (True, False, 1)
            assert (tags["error_code"], tags["error_cause"]) == (code, Cause.CHANGE_RECIPE)
            assert not words or "recipe 2 cannot be used: " in caplog.text
            assert words in caplog.text
            assert await plc.judged_by("after") == "C:\\projects\\cap"
            assert (await plc.face.read())["count_triggers"] == given + 2  # no warm-up picture among them


async def test_a_reload_costs_no_part_and_a_change_under_way_is_finished(tmp_path: Path) -> None:
    async with manager(start_s=1.0, running=["C:\\projects\\cap"]) as simulator:
        await until(lambda: simulator.state("C:\\projects\\cap") == "running")
        url = simulator.url("C:\\projects\\cap")
        async with line(tmp_path, simulator.port, url, url, project=OTHER) as plc:
            file = tmp_path / "gateway.toml"
            reloader, text = Reloader.of(plc.gateway, file), file.read_text(encoding="utf-8")
            assert await plc.judged_by("before") == "C:\\projects\\cap"
            file.write_text(text.replace('name = "cap"', 'name = "cap"\ntimeout_ms = 9000'), encoding="utf-8")
            assert (await reloader.reload()).made == ("stations[station1].recipes[1].timeout_ms",)
            assert await plc.judged_by("after") == "C:\\projects\\cap"
            assert plc.gateway.stations["station1"].state.options.timeout_of(1) == 9_000
            await plc.ask(2)
            await until(lambda: simulator.state(OTHER) == "starting")
            file.write_text(text, encoding="utf-8")
            assert (await reloader.reload()).made
            assert (await plc.until("recipe_ack"))["recipe"] == 2
            assert await plc.judged_by("changed") == OTHER


async def test_a_change_while_a_part_is_judged_is_refused_as_busy(tmp_path: Path) -> None:
    async with manager(running=["C:\\projects\\cap"]) as simulator:
        url = simulator.url("C:\\projects\\cap")
        async with line(tmp_path, simulator.port, url, url, project=OTHER) as plc:
            await plc.prepared()
            simulator.misbehave("C:\\projects\\cap", "hang")
            judging = asyncio.create_task(plc.inspect("slow", good_part()))
            await plc.until("busy")
            tags = await plc.change(2)
            assert (tags["error_code"], tags["recipe"]) == (ErrorCode.RECIPE_BUSY, 1)
            assert [heard for heard in simulator.heard if heard.startswith("switch")] == []
            judging.cancel()
            await asyncio.wait({judging})
