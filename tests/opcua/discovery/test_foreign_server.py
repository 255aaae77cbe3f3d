"""node-opcua's Local Discovery Server on another host: first contact, trust, registration, and the end."""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.plc.opcua.network import registration
from tests.opcua.desk import DeskStation, bench, until, view
from tests.opcua.discovery.other_host import OtherHost, other_host
from tests.opcua.discovery.test_mdns import browse
from tests.opcua.test_foreign import FOREIGN, node_opcua

PORT = 4840
TIMEOUT_S = 60.0


class ForeignServer:
    """The discovery server in its process; what happened to it, in order. It also announces by multicast, which is
    why it runs where nobody else listens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.events: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read(), name="foreign-lds-output")

    @classmethod
    async def start(cls, there: OtherHost, folder: Path) -> "ForeignServer":
        node, modules = node_opcua("node-opcua-server-discovery")
        command = (node, str(FOREIGN / "lds.mjs"), str(PORT), str(folder))
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", there.name, "env", f"NODE_OPCUA_DIR={modules}", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b'{"event"'):  # node-opcua writes notes of its own as well
                self.events.append(json.loads(line))

    async def heard(self, event: str) -> dict[str, Any]:
        """The first of these."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                found = [one for one in self.events if one["event"] == event]
                if found:
                    return found[0]
                assert self._process.returncode is None
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading


@pytest.mark.foreign
@pytest.mark.timeout(150)
async def test_node_opcuas_discovery_server_trusts_us_and_tells_of_us(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "FIRST_RETRY_S", 0.5)
    node_opcua("node-opcua-server-discovery")
    with other_host() as there:
        foreign = await ForeignServer.start(there, tmp_path)
        try:
            await foreign.heard("ready")
            url = f"opc.tcp://{there.there}:{PORT}"
            discovery = {"servers": [url], "period_s": 1}
            async with bench(
                view(DeskStation()), host=there.here, discovery=discovery, advertised_hosts=[there.here]
            ) as made:
                await until(lambda: "put that into its folder of trusted ones" in caplog.text, within_s=TIMEOUT_S)
                assert not [one for one in foreign.events if one["event"] == "registered"]
                _trust(tmp_path)
                registered = await foreign.heard("registered")
                own = made.url
                found = json.loads(await there.run(sys.executable, "-m", "tests.opcua.discovery.finder", url))
                by_multicast = await browse("PEKAT PLC gateway on ", there.there, there)
                answer = json.loads(await there.run(sys.executable, "-m", "tests.opcua.discovery.visitor", own))
            gone = await foreign.heard("unregistered")
        finally:
            await foreign.stop()
    assert (registered["first"], registered["urls"], registered["names"]) == (True, [own], ["PEKAT PLC gateway"])
    assert by_multicast is not None
    assert by_multicast["texts"]["path"] == "/pekat"
    assert sorted(by_multicast["texts"]["caps"].split(",")) == ["AC", "DA"]
    assert [registered["uri"], [own]] in found
    assert answer["urls"] == [own]
    assert gone["uri"] == registered["uri"]
    assert gone["forced"] is False


def _trust(folder: Path) -> None:
    """What its administrator does."""
    rejected = list((folder / "rejected").iterdir())
    assert len(rejected) == 1
    shutil.move(rejected[0], folder / "trusted" / "certs" / rejected[0].name)
