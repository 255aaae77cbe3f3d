"""What of a new configuration a running gateway takes over, key by key."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings, make_settings
from gateway.config_changes import changes

S = "stations[station1]"


def settings(tmp_path: Path, **station: Any) -> Settings:
    one: dict[str, Any] = {
        "name": "station1",
        "source": {"kind": "playlist", "folder": "parts"},
        "recipes": [{"number": 1, "name": "part", "url": "http://127.0.0.1:1"}],
        "user_values": [{"name": "gap", "path": "gap", "type": "uint16"}],
        **station,
    }
    others = one.pop("others", [])
    gateway, links = one.pop("gateway", {}), one.pop("links", {"modbus": {"port": 5020}})
    archive = {"folder": "pictures"} | one.pop("archive", {})
    table = {"gateway": gateway, "links": links, "archive": archive, "stations": [one, *others]}
    return make_settings(table, tmp_path)


@pytest.mark.parametrize(
    ("new", "made", "left"),
    [
        ({}, (), ()),
        ({"gateway": {"log_level": "debug"}}, ("gateway.log_level",), ()),
        ({"gateway": {"name": "other"}}, (), ("gateway.name",)),
        (
            {"recipes": [{"number": 1, "name": "part", "url": "http://127.0.0.1:2"}]},
            (f"{S}.recipes[1].url",),
            (),
        ),
        ({"recipes": [{"number": 2, "name": "x", "url": "http://127.0.0.1:1"}]},
         (f"{S}.recipes[1]", f"{S}.recipes[2]"), ()),
        ({"inspector": {"ping_timeout_ms": 50}}, (f"{S}.inspector.ping_timeout_ms",), ()),
        ({"map": "siemens_s7"}, (f"{S}.map",), ()),
        ({"modbus": {"offset": 512}}, (f"{S}.modbus.offset",), ()),
        ({"handshake": {"inspection_timeout_ms": 9, "watchdog_ms": 500}},
         (f"{S}.handshake.inspection_timeout_ms",), (f"{S}.handshake.watchdog_ms",)),
        ({"handshake": {"decision_deadline_ms": 9, "late_is": "nok", "stop_after_nok": 3, "review_wait_ms": 8}},
         (f"{S}.handshake.decision_deadline_ms", f"{S}.handshake.late_is", f"{S}.handshake.review_wait_ms",
          f"{S}.handshake.stop_after_nok"),
         ()),
        ({"handshake": {"max_in_flight": 3}}, (), (f"{S}.handshake.max_in_flight",)),
        ({"user_values": [{"name": "gap", "path": "width", "type": "uint16"}]}, (f"{S}.user_values[gap].path",), ()),
        ({"user_values": [{"name": "gap", "path": "gap", "type": "float32"}]}, (), (f"{S}.user_values[gap].type",)),
        ({"user_values": [], "map": "siemens_s7"}, (), (f"{S}.map", f"{S}.user_values[gap]")),
        ({"source": {"kind": "playlist", "folder": "other"}}, (), (f"{S}.source.folder",)),
        ({"links": {"modbus": {"port": 5021}}}, (), ("links.modbus.port",)),
        ({"archive": {"keep": ["ok"], "keep_days": 3, "overrides": [{"station": "station1", "drawn": True}]}},
         ("archive.keep", "archive.overrides[0]"), ("archive.keep_days",)),
    ],
)  # fmt: skip
def test_each_key_is_taken_over_or_named(
    tmp_path: Path, new: dict[str, Any], made: tuple[str, ...], left: tuple[str, ...]
) -> None:
    found = changes(settings(tmp_path), settings(tmp_path, **new))
    assert (found.made, found.left) == (made, left)


def test_what_is_left_is_as_it_was_and_the_new_map_has_its_registers(tmp_path: Path) -> None:
    before = settings(tmp_path)
    assert before.stations[0].registers.word_order.value == "ABCD"
    found = changes(before, settings(tmp_path, map="schneider", source={"kind": "playlist", "folder": "other"}))
    (station,) = found.settings.stations
    assert station.source == before.stations[0].source
    assert station.registers.word_order.value == "CDAB"
    assert before.stations[0].registers.word_order.value == "ABCD"


def test_a_second_reload_of_the_same_file_changes_nothing(tmp_path: Path) -> None:
    new = settings(tmp_path, recipes=[{"number": 1, "name": "new", "url": "http://127.0.0.1:2"}], map="schneider")
    first = changes(settings(tmp_path), new)
    assert changes(first.settings, new).made == ()


def test_stations_that_come_or_go_need_a_restart(tmp_path: Path) -> None:
    second = {
        "name": "second",
        "modbus": {"offset": 256},
        "source": {"kind": "playlist", "folder": "x"},
        "recipes": [{"number": 1, "name": "part", "url": "http://127.0.0.1:1"}],
    }
    one, two = settings(tmp_path), settings(tmp_path, others=[second])
    assert changes(one, two).left == ("stations[second]",)
    assert changes(two, one).left == ("stations[second]",)
    assert len(changes(two, one).settings.stations) == 2
