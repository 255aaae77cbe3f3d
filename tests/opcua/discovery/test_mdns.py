"""The announcement by multicast DNS, looked for by zeroconf's browser in another process. On the loopback only."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.plc.opcua.network import mdns
from gateway.plc.opcua.network.endpoints import Addresses
from gateway.plc.opcua.network.mdns import Announcement
from gateway.plc.opcua.network.registration import Notice
from tests.opcua.desk import PLAIN, DeskStation, bench, until, view
from tests.opcua.discovery.other_host import OtherHost, other_host, output_of

NOTICE = Notice("urn:press", "urn:product", "Press 7", "press-7.plant", ["opc.tcp://x:1"], ["DA", "HD"])
ON = {"discovery": {"mdns": True, "mdns_interfaces": ["127.0.0.1"]}}


def announced(*hosts: str, interfaces: tuple[str, ...] = ()) -> Announcement:
    return Announcement(NOTICE, Addresses(hosts, [], 4840, "/pekat"), interfaces)


async def browse(name: str, address: str = "127.0.0.1", there: OtherHost | None = None) -> dict[str, Any] | None:
    """What a browser in another process finds under this name within two seconds."""
    command = (sys.executable, "-m", "tests.opcua.discovery.browser", address, name)
    found: dict[str, Any] | None = json.loads(await (output_of(*command) if there is None else there.run(*command)))
    return found


async def test_a_browser_in_another_process_finds_it_until_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.plc.opcua.network.mdns")
    async with bench(view(DeskStation()), **PLAIN, server_name="Press 7.1", **ON) as made:
        port = int(made.url.rsplit(":", 1)[1].removesuffix("/pekat"))
        await until(lambda: "announced by mDNS" in caplog.text)
        found = await browse("Press 7-1 on ")
    assert found is not None
    assert (found["port"], found["addresses"]) == (port, ["127.0.0.1"])
    assert found["texts"] == {"path": "/pekat", "caps": "DA"}
    assert found["server"].endswith(".local.")
    assert await browse("Press 7-1 on ") is None
    assert not [thread for thread in threading.enumerate() if thread.name == "opcua-mdns"]


async def test_it_is_taken_back_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.plc.opcua.network.mdns")
    command = (sys.executable, "-m", "tests.opcua.discovery.browser", "127.0.0.1", "Going on ", "until gone")
    async with bench(view(DeskStation()), **PLAIN, server_name="Going", **ON):
        await until(lambda: "announced by mDNS" in caplog.text)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) is not None
    gone = json.loads(await process.stdout.readline())
    assert await process.wait() == 0
    assert gone is True


async def test_two_of_one_name_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.plc.opcua.network.mdns")
    async with bench(view(DeskStation()), **PLAIN, **ON):
        await until(lambda: caplog.text.count("announced by mDNS") == 1)
        async with bench(view(DeskStation()), **PLAIN, **ON):
            await until(lambda: caplog.text.count("announced by mDNS") == 2)
    one, other = [message.split(" on 127")[0] for message in caplog.messages if message.startswith("announced")]
    assert one != other


async def test_from_another_host_it_is_found_on_the_card_that_was_chosen_alone() -> None:
    """And where its address is really reached. The other card's host hears nothing."""
    with other_host() as chosen, other_host() as other:
        settings = {"discovery": {"mdns": True, "mdns_interfaces": [chosen.here]}}
        async with bench(view(DeskStation()), **PLAIN, host="0.0.0.0", server_name="Chosen", **settings):
            found, not_found = await asyncio.gather(
                browse("Chosen on ", chosen.there, chosen), browse("Chosen on ", other.there, other)
            )
            assert found is not None
            assert not_found is None
            url = f"opc.tcp://{found['addresses'][0]}:{found['port']}{found['texts']['path']}"
            seen = json.loads(await chosen.run(sys.executable, "-m", "tests.opcua.discovery.visitor", url))
    assert seen["urls"] == [url]
    assert seen["levels"] == [255]


async def test_the_cards_are_followed(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """203.0.113.1 (TEST-NET-3) is nobody here, until "the cable is plugged in"; then there is another card."""
    caplog.set_level(logging.INFO, "gateway.plc.opcua.network.mdns")
    monkeypatch.setattr(mdns, "LOOK_AGAIN_S", 0.1)
    cards = ["203.0.113.1"]
    monkeypatch.setattr(mdns, "card_addresses", lambda: cards)
    async with bench(view(DeskStation()), **PLAIN, host="0.0.0.0", discovery={"mdns": True}):
        await until(lambda: "no network card has an address of 0.0.0.0" in caplog.text)
        await asyncio.sleep(0.5)
        cards[:] = ["127.0.0.1"]
        await until(lambda: "announced by mDNS" in caplog.text)
        cards[:] = ["127.0.0.1", "127.0.0.2"]
        await until(lambda: "on 127.0.0.1, 127.0.0.2" in caplog.text)
    assert len([one for one in caplog.records if one.name == mdns.__name__]) == 3


def test_the_cards_are_those_that_are_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "card_addresses", lambda: ["127.0.0.1", "10.0.0.5", "10.1.0.5", "::1", "fd00::5"])
    monkeypatch.setattr(mdns, "is_here", lambda address: address != "10.7.7.7")
    assert announced("10.0.0.5", "10.7.7.7", "10.9.0.1").cards() == ["10.0.0.5", "10.9.0.1"]
    assert announced("0.0.0.0").cards() == ["10.0.0.5", "10.1.0.5"]
    assert announced("0.0.0.0", "::").cards() == ["10.0.0.5", "10.1.0.5", "fd00::5"]
    assert announced("0.0.0.0", interfaces=("10.1.0.5",)).cards() == ["10.1.0.5"]
    monkeypatch.setattr(mdns, "card_addresses", lambda: ["127.0.0.1"])
    assert announced("0.0.0.0").cards() == ["127.0.0.1"]
    assert announced("localhost").cards()[0] in ("127.0.0.1", "::1")
    assert announced("no.such.host.invalid").cards() == []


def test_the_text_record_is_as_the_specification_wants_it() -> None:
    assert announced("10.0.0.5").texts == {"path": "/pekat", "caps": "DA,HD"}
    assert Announcement(NOTICE, Addresses(["10.0.0.5"], [], 4840, "")).texts["path"] == "/"


def test_zeroconf_is_imported_only_where_it_is_used() -> None:
    """It costs time and memory, and most plants have no use for it."""
    script = "import sys, gateway.app, gateway.plc.opcua.link; sys.exit('zeroconf' in sys.modules)"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, timeout=60, check=False).returncode == 0
