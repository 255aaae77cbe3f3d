"""A reload changes the options of the handshake that may change, and none of the others, by the whole way there is."""

from dataclasses import replace
from pathlib import Path

from gateway.app import Gateway
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.reload import Reloader

CONFIG = """
[gateway]
data = "data"

[history]
wait_ms = 300

[links.modbus]
host = "127.0.0.1"
port = {port}

[[stations]]
name = "station1"
recipes = [{{ number = 1, name = "part", url = "http://127.0.0.1:1" }}]
views = [
    {{ name = "top", source = {{ kind = "playlist", folder = "." }} }},
    {{ name = "side", source = {{ kind = "playlist", folder = "." }} }},
]

[stations.handshake]
result_depth = 5
{more}
"""
NEW = """
decision_deadline_ms = 400
late_is = "nok"
stop_after_nok = 3
max_in_flight = 2
"""


async def test_the_options_that_may_change_change_and_the_others_stay(tmp_path: Path) -> None:
    file, port = tmp_path / "gateway.toml", free_port()
    file.write_text(CONFIG.format(port=port, more=""), encoding="utf-8")
    async with Gateway(load_settings(file)) as gateway:
        station = gateway.stations["station1"]
        before = station.state.options
        assert (before.keep_ms, before.views, before.result_depth) == (300, ("top", "side"), 5)
        file.write_text(CONFIG.format(port=port, more=NEW), encoding="utf-8")
        found = await Reloader.of(gateway, file).reload()
        assert found.left == ("stations[station1].handshake.max_in_flight",)
        assert station.state.options == replace(before, decision_deadline_ms=400, late_is_nok=True, stop_after_nok=3)
