"""Parts in doubt on a line of processes: PEKAT, gateway, a PLC over Modbus, operators by CLI and OPC UA (H38)."""

import asyncio
import csv
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import BadInvalidState
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core.result import Reason
from gateway.core.tags import TagValue
from gateway.sim.parts import part_image
from gateway.sim.plc_modbus import ModbusFace
from tests.system.pekats import PekatAt
from tests.system.test_history_restart import gateway
from tests.system.test_journal_kill import Plc, noted

pytestmark = pytest.mark.timeout(300)

LONG_MS, SHORT_MS = 60_000, 200
CONFIG = """
[gateway]
data = "data"

[links.modbus]
host = "127.0.0.1"
port = {modbus}

[links.opcua]
host = "127.0.0.1"
port = {opcua}
machine_vision = false
allow_unencrypted = true
client_certificates = "any"
users = [{{ name = "olga", role = "operator", password_env = "PASSWORD_olga" }}]

[[stations]]
name = "station1"

[stations.source]
kind = "file_drop"
folder = "drop"

[stations.handshake]
inspection_timeout_ms = 90000
review_wait_ms = {wait_ms}

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
rules = {{ ok_below = 0.0, nok_above = 0.9 }}   # what PEKAT lets pass is in doubt
"""


@dataclass
class Hall:
    """Where the gateway stands, and who is beside it."""

    home: Path
    modbus: int
    opcua: int
    pekat: str

    def configure(self, wait_ms: int) -> None:
        text = CONFIG.format(modbus=self.modbus, opcua=self.opcua, pekat=self.pekat, wait_ms=wait_ms)
        (self.home / "gateway.toml").write_text(text, encoding="utf-8")

    async def operator(self, *words: str) -> tuple[int, str]:
        """The command line: exit code, and all that it says."""
        given = [*words, "--config", str(self.home / "gateway.toml")]
        told = await asyncio.to_thread(CliRunner().invoke, app, given)
        return told.exit_code, told.output

    async def reload(self, wait_ms: int) -> None:
        self.configure(wait_ms)
        told = await asyncio.to_thread(CliRunner().invoke, app, ["reload", str(self.home / "gateway.toml")])
        assert "handshake.review_wait_ms" in told.output

    @asynccontextmanager
    async def olga(self) -> AsyncIterator[Client]:
        client = Client(f"opc.tcp://127.0.0.1:{self.opcua}/pekat", timeout=20)
        client.set_user("olga")
        client.set_password("aglo")
        async with client:
            yield client


@asynccontextmanager
async def hall(home: Path) -> AsyncIterator[Hall]:
    (home / "drop").mkdir()
    async with PekatAt(0) as pekat:
        made = Hall(home, free_port(), free_port(), pekat.url)
        made.configure(LONG_MS)
        yield made


@asynccontextmanager
async def line(hall: Hall) -> AsyncIterator[tuple[Plc, int]]:
    """The gateway and its PLC, and the number of the process."""
    registers = load_settings(hall.home / "gateway.toml").stations[0].registers
    async with gateway(hall.home / "gateway.toml") as process, ModbusFace("127.0.0.1", hall.modbus, registers) as face:
        yield Plc(face, hall.home), process.pid


async def good_part(plc: Plc, number: int) -> str:
    """Trigger a part that PEKAT lets pass; the id of its review, by the station's start and this number."""
    await plc.trigger(number, picture=False)
    (plc.folder / "drop" / f"{number}.writing").write_bytes(part_image(number, defects=0))
    os.replace(plc.folder / "drop" / f"{number}.writing", plc.folder / "drop" / f"{number}.png")
    return f"station1:{(await plc.face.read())['boot_id']}-{number}"


async def in_doubt(plc: Plc, number: int) -> str:
    """The same, as soon as an operator is asked about it."""
    review_id = await good_part(plc, number)
    await plc.until(review_waiting=True, result_valid=False)
    return review_id


async def decide(client: Client, review_id: str, verdict: int) -> None:
    await client.get_node("ns=2;s=station1").call_method("2:DecideReview", review_id, ua.UInt16(verdict))


async def answer(plc: Plc, number: int) -> tuple[TagValue, ...]:
    now = await plc.until(result_valid=True, result_trigger_seq=number)
    assert now["result_part_id"] == f"part {number}"
    return now["ok"], now["nok"], now["no_decision"], now["reason"]


def exported(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return [*csv.DictReader(stream)]


async def test_operators_decide_in_time_and_once_and_a_kill_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD_olga", "aglo")
    async with hall(tmp_path) as place:
        async with line(place) as (plc, pid):
            await plc.begin()
            await _decided_at_the_command_line(place, plc)
            await _decided_over_opcua(place, plc)
            await _decided_by_nobody(place, plc)
            last = await in_doubt(plc, 4)
            await noted(tmp_path, trigger_seq=4, owed=[], flight=1)
            os.kill(pid, signal.SIGKILL)
        async with line(place) as (plc, _):
            assert await answer(plc, 4) == (False, False, True, Reason.INTERRUPTED)
            code, said = await place.operator("review", "ok", last)
            assert (code, "no operator is asked about" in said) == (2, True)
        file = tmp_path / "results.csv"
        assert (await place.operator("results", "export", "--csv", str(file)))[0] == 0
    rows = [
        (row["trigger_seq"], row["verdict"], row["reason"], row["review"], row["reviewed_by"], row["reviewed_over"])
        for row in exported(file)
    ]
    assert rows == [
        ("1", "ok", "by_operator", "ok", "Jana", "command line"),
        ("2", "nok", "by_operator", "nok", "olga", "opcua"),
        ("3", "no_decision", "review", "nobody", "", ""),
        ("4", "no_decision", "interrupted", "", "", ""),
    ]
    assert float(exported(file)[2]["review_ms"]) >= SHORT_MS


async def _decided_at_the_command_line(place: Hall, plc: Plc) -> None:
    review_id = await in_doubt(plc, 1)
    code, said = await place.operator("review", "list", "--json")
    (waiting,) = json.loads(said)
    assert (code, waiting["id"], waiting["part_id"]) == (0, review_id, "part 1")
    picture = place.home / "seen.png"
    assert (await place.operator("review", "show", review_id, "--picture", str(picture)))[0] == 0
    assert picture.read_bytes() == part_image(1, defects=0)
    code, said = await place.operator("review", "nok", review_id.replace("-1", "-2"))
    assert (code, "no operator is asked about" in said) == (2, True)
    await plc.until(review_waiting=True, result_valid=False)
    assert (await place.operator("review", "ok", review_id, "--operator", "Jana"))[0] == 0
    assert await answer(plc, 1) == (True, False, False, Reason.BY_OPERATOR)


async def _decided_over_opcua(place: Hall, plc: Plc) -> None:
    review_id = await in_doubt(plc, 2)
    async with place.olga() as client:
        shown = client.get_node("ns=2;s=station1.status.review_id")
        assert await shown.read_value() == review_id
        await decide(client, review_id, 2)
        assert await answer(plc, 2) == (False, True, False, Reason.BY_OPERATOR)
        with pytest.raises(BadInvalidState):
            await decide(client, review_id, 1)
    code, said = await place.operator("review", "ok", review_id)
    assert (code, "NOK by olga over opcua" in said) == (2, True)
    assert await answer(plc, 2) == (False, True, False, Reason.BY_OPERATOR)


async def _decided_by_nobody(place: Hall, plc: Plc) -> None:
    await place.reload(SHORT_MS)
    review_id = await good_part(plc, 3)
    assert await answer(plc, 3) == (False, False, True, Reason.REVIEW)
    code, said = await place.operator("review", "ok", review_id)
    assert (code, "too late" in said) == (2, True)
    assert await answer(plc, 3) == (False, False, True, Reason.REVIEW)
    await place.reload(LONG_MS)
