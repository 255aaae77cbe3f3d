"""What a plant does with the OPC UA server, from first contact to a restart: real processes, a client of other make."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.ports import free_port
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from tests.opcua.test_foreign import node_opcua, session

PATIENCE_S = 60
PASSWORD = "eine lange Nacht"

CONFIG = """
[gateway]
data = "data"

[links.opcua]
host = "127.0.0.1"
port = {port}
anonymous = "none"
users_file = "users.toml"

[[stations]]
name = "station1"
control = "opcua"

[stations.source]
kind = "playlist"
folder = "parts"

[[stations.recipes]]
number = 1
name = "first"
url = "{pekat}"

[[stations.recipes]]
number = 2
name = "second"
product = "bottle"
url = "{pekat}"
classes = {{ Scratch = 1, Spot = 2 }}
"""


def command(*arguments: str, typed: str = "") -> str:
    """A `pekat-gateway` command that succeeds; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        input=typed, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def served(config: Path) -> Iterator[None]:
    """A gateway process that is ready inside, and is told to stop at the end."""
    process = subprocess.Popen([sys.executable, "-m", "gateway", "run", str(config)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "ready:" in line:
                break
        else:
            raise AssertionError("".join(seen))
        yield
    finally:
        process.terminate()
        process.stderr.read()
        process.wait(PATIENCE_S)
        process.stderr.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A configuration with its pictures and its user, and the server's URL."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.png").write_bytes(part_image(1, defects=2))
    port, config = free_port(), tmp_path / "gateway.toml"
    with PekatSimulator() as pekat:
        config.write_text(CONFIG.format(port=port, pekat=pekat.url), encoding="utf-8")
        add = ("users", "add", "erna", "--role", "engineer", "--config", str(config))
        command(*add, typed=f"{PASSWORD}\n{PASSWORD}\n")
        yield config, f"opc.tcp://127.0.0.1:{port}/pekat"


@pytest.mark.foreign
@pytest.mark.timeout(240)
async def test_a_scada_system_is_trusted_runs_a_job_and_reads_the_past_after_a_restart(
    plant: tuple[Path, str], tmp_path: Path
) -> None:
    node_opcua()
    config, url = plant

    async def scada(*more: str) -> dict[str, Any]:
        pki = str(tmp_path / "pki")
        return await session("plant.mjs", url, "station1", pki, *more, USER_NAME="erna", USER_PASSWORD=PASSWORD)

    with served(config):
        assert "refused" in await scada()
        listed = re.search(
            r"rejected\W+([0-9A-F]{40})\W+plant client", command("certs", "list", "--config", str(config))
        )
        assert listed is not None
        command("certs", "trust", listed[1][:10], "--config", str(config))
        first = await until_trusted(scada)
    check_job(first)
    result_id = first["event"]["ResultId"]["id"]
    with served(config):
        again = await scada(result_id)
    assert "refused" not in again, again
    assert again["byId"] == first["byId"]
    assert again["history"] == {
        "verdict": ["Good", [2]],
        "result_part_id": ["Good", ["bottle 42"]],
        "count_triggers": ["Good", [1]],
    }


async def until_trusted(scada: Any) -> dict[str, Any]:
    """The running server looks at its folders every second or two."""
    for _ in range(5):
        seen: dict[str, Any] = await scada()
        if "refused" not in seen:
            return seen
    raise AssertionError(f"still refused: {seen}")


def check_job(seen: dict[str, Any]) -> None:
    """Every call succeeded, every field of the event is filled, and the result by id is the event's."""
    assert seen["automatic"] == ["Good", 0]
    assert (seen["prepared"][0], seen["prepared"][2:]) == ("Good", [True, 0])
    assert (seen["started"][0], seen["started"][2]) == ("Good", 0)
    event = seen["event"]
    assert [name for name, value in event.items() if value is None] == []
    assert event["JobId"] == seen["started"][1]
    assert (event["MeasId"]["id"], event["PartId"]["id"]) == ("measurement 7", "bottle 42")
    assert (event["ExternalRecipeId"]["id"], event["ProductId"]["id"]) == ("second", "bottle")
    assert (event["IsPartial"], event["IsSimulated"], event["ResultState"]) == (False, False, 1)
    assert event["ResultContent"][0]["value"] == 2
    status, _, result, error = seen["byId"]
    assert (status, error) == ("Good", 0)
    assert result["resultId"] == event["ResultId"]
    assert result["resultContent"] == event["ResultContent"]
    assert seen["history"]["verdict"] == ["Good", [2]]
