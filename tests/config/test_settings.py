"""What a right configuration becomes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import HandshakeSettings, Settings, load_settings, schema
from gateway.core.state import Options, WatchdogAction
from gateway.core.tags import TagType
from gateway.ports import ImageSource, Inspector
from gateway.sources.drop_settings import FileDropSettings
from tests.config.writing import GOOD, settings_of, spoilt

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SECRETS = {"PACKING_API_KEY": "not a real key", "PACKING_PASSWORD": "not a real password"}


def test_the_whole_tree() -> None:
    settings = settings_of(spoilt())
    assert settings.gateway.name == "line 1"
    assert settings.links.names == ("modbus", "opcua")
    assert [station.name for station in settings.stations] == ["station1", "station2"]
    assert [station.control for station in settings.stations] == ["modbus", "opcua"]
    assert [station.modbus.offset for station in settings.stations] == [0, 256]
    assert [station.first_recipe for station in settings.stations] == [1, 1]
    assert settings.stations[0].registers.name == "standard"


def test_the_parts_can_be_made() -> None:
    station = settings_of(spoilt()).stations[0]
    assert station.source is not None
    source: ImageSource = station.source.create(station.name)
    inspector: Inspector = station.inspector.create(station.name, station.recipes, station.user_values)
    assert source is not None
    assert inspector is not None


def test_relative_paths_are_relative_to_the_file() -> None:
    settings = settings_of(spoilt((("stations", 0, "map"), "standard")))
    assert settings.data_folder == Path("/etc/gateway/data")
    assert settings.stations[0].source_folder == Path("/etc/gateway/drop1")


def test_an_absolute_path_stays() -> None:
    settings = settings_of(spoilt((("stations", 0, "source", "folder"), "/srv/camera")))
    assert settings.stations[0].source_folder == Path("/srv/camera")


def test_the_folders_in_a_drop_stay_relative_to_it() -> None:
    source = settings_of(spoilt()).stations[0].source
    assert isinstance(source, FileDropSettings)
    assert source.done_folder == Path("done")
    assert source.aside(source.done_folder) == Path("/etc/gateway/drop1/done")


def test_a_map_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "mine.toml").write_text(
        'name = "mine"\nversion = 1\nwhy = "x"\nextends = "standard"\n', encoding="utf-8"
    )
    config = tmp_path / "cfg" / "gateway.toml"
    config.write_text(GOOD.replace('name = "station1"', 'name = "station1"\nmap = "mine.toml"'), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings("cfg/gateway.toml").stations[0].registers.name == "mine"


def test_user_values_are_tags_and_places() -> None:
    station = settings_of(spoilt((("stations", 1, "user_values", 0, "register"), 150))).stations[1]
    (tag,) = station.user_tags
    assert (tag.name, tag.type) == ("user.gap", TagType.UINT16)
    assert next(p.register for p in station.registers.places if p.tag == tag) == 150


def test_the_handshakes_defaults_are_the_cores() -> None:
    assert HandshakeSettings().options() == Options()


def test_every_handshake_option_reaches_the_core() -> None:
    given = HandshakeSettings(
        max_in_flight=3,
        result_depth=5,
        inspection_timeout_ms=1,
        ack_timeout_ms=2,
        recipe_timeout_ms=3,
        watchdog_ms=4,
        watchdog_action="cancel",
    )
    assert given.options() == Options(3, 5, 1, 2, 3, 4, WatchdogAction.CANCEL)


@pytest.mark.parametrize("action", list(WatchdogAction))
def test_every_watchdog_action_has_a_word(action: WatchdogAction) -> None:
    settings = settings_of(spoilt((("stations", 0, "handshake"), {"watchdog_action": action.name.lower()})))
    assert settings.stations[0].handshake.options().watchdog_action is action


def test_the_first_recipe_can_be_named() -> None:
    settings = settings_of(spoilt((("stations", 0, "initial_recipe"), 2)))
    assert settings.stations[0].first_recipe == 2


def test_what_a_sick_part_leads_to() -> None:
    stations = settings_of(spoilt((("stations", 0, "source_down"), "offline"))).stations
    assert (stations[0].source_down, stations[0].inspector_down) == ("offline", "answer")


def test_settings_cannot_be_changed() -> None:
    settings = settings_of(spoilt())
    with pytest.raises(ValidationError, match="frozen"):
        settings.stations[0].name = "other"


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*_station*.toml")))
def test_every_example_loads(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(EXAMPLES / file)
    assert all(station.registers.places for station in settings.stations)


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES.glob("*.toml")} == {
        "one_station.toml",
        "two_stations.toml",
        "two_cameras.toml",
        "press_map.toml",
    }


def test_two_stations_may_share_addresses_with_unit_ids_of_their_own() -> None:
    changes = [(("stations", i, "modbus"), {"unit": i + 1}) for i in range(2)]
    assert [s.modbus.unit for s in settings_of(spoilt(*changes)).stations] == [1, 2]


def test_the_schema_describes_every_key() -> None:
    found = schema()
    assert set(found["properties"]) == {"gateway", "links", "history", "archive", "metrics", "stations"}
    for model in (found, *found["$defs"].values()):
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{model['title']}.{key} has no description"
        if "properties" in model:
            assert model["additionalProperties"] is False


def test_sixteen_stations() -> None:
    table = spoilt()
    first = table["stations"][0]
    table["stations"] = [
        {**first, "name": f"s{i}", "modbus": {"offset": 256 * i}, "source": {"kind": "file_drop", "folder": f"d{i}"}}
        for i in range(16)
    ]
    settings: Settings = settings_of(table)
    assert len(settings.stations) == 16


def test_a_users_file_may_have_whoever_writes_the_control_tags() -> None:
    """Who is in it may change while the gateway runs, so it is not looked into here."""
    opcua = {"anonymous": "none", "users_file": "users.toml"}
    settings = settings_of(spoilt((("links", "opcua"), opcua)))
    assert settings.links.opcua is not None
    assert settings.links.opcua.users_file is not None
    assert settings.links.opcua.users_file.is_absolute()
