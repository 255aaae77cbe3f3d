"""Every way in which a configuration can be wrong: file, key, what is wrong, what to write instead; all at once."""

import math
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigErrors, load_settings
from gateway.config_errors import flat
from gateway.core.errors import ConfigError
from tests.config.writing import FILE, GONE, GOOD, Path_, errors_of, only_error, settings_of, spoilt

STATION = ("stations", 0)
SECOND = ("stations", 1)


@pytest.mark.parametrize(
    ("path", "value", "key", "what", "instead"),
    [
        (("gateway", "log_level"), "inf", "gateway.log_level", '"inf" is none of', 'did you mean "info"?'),
        (("gateway", "nam"), "x", "gateway.nam", "unknown key", "did you mean name?"),
        (("gatway",), {}, "gatway", "unknown key", "did you mean gateway?"),
        (("links", "modbus", "port"), "502", "links.modbus.port", '"502" is text, not a whole number', "port = 502"),
        (("links", "modbus", "port"), 99999, "links.modbus.port", "99999 is more than 65535", "from 0 to 65535"),
        (("links", "modbus", "port"), True, "links.modbus.port", "true is a truth value", "port = 502"),
        (("links", "profinet"), {}, "links.profinet", "unknown key", "modbus, opcua"),
        (("links", "opcua", "max_sessions"), 0, "links.opcua.max_sessions", "0 is less than 1", "from 1 to 1000"),
        ((*STATION, "name"), "Station 1", "stations[0].name", "does not have the right form", "[a-z][a-z0-9_]*"),
        ((*STATION, "name"), GONE, "stations[0].name", "is missing", 'add it: name = "..."'),
        ((*STATION, "control"), "profinet", "stations[0].control", '"profinet" is none of', '"modbus", "opcua"'),
        ((*STATION, "map"), "standrad", "stations[0].map", "there is no map 'standrad'", "did you mean standard?"),
        ((*STATION, "map"), "./no.toml", "stations[0].map", "there is no such file", "name a file that exists"),
        ((*STATION, "modbus"), {"offset": 17}, "stations[0].modbus.offset", "17 is no multiple of 16", "16 or 32"),
        ((*STATION, "modbus"), {"unit": 256}, "stations[0].modbus.unit", "256 is more than 255", "from 0 to 255"),
        ((*STATION, "source"), GONE, "stations[0].source", "is missing", "Where images come from"),
        ((*STATION, "source", "kind"), "file_dorp", "stations[0].source", '"file_dorp" is no known kind', '"playlist"'),
        ((*STATION, "source", "kind"), GONE, "stations[0].source", "has no kind", 'kind = "file_drop"'),
        ((*STATION, "source", "foldr"), "x", "stations[0].source.foldr", "unknown key", "did you mean folder?"),
        ((*STATION, "source", "folder"), GONE, "stations[0].source.folder", "is missing", "add it: folder = "),
        ((*STATION, "source", "folder"), 5, "stations[0].source.folder", "5 is a whole number, not text", "folder = "),
        ((*STATION, "source", "pick"), "new", "stations[0].source.pick", '"new" is none of', '"newest", "oldest"'),
        ((*STATION, "inspector", "kind"), "cognex", "stations[0].inspector.kind", '"cognex"', '"pekat"'),
        ((*STATION, "recipes"), [], "stations[0].recipes", "is empty", "[[stations.recipes]]"),
        ((*STATION, "recipes", 1, "number"), 0, "stations[0].recipes[1].number", "0 is less than 1", "1 to 65535"),
        ((*STATION, "recipes", 1, "url"), "https://x", "stations[0].recipes[1].url", "PEKAT speaks no https", "url"),
        ((*STATION, "recipes", 1, "url"), GONE, "stations[0].recipes[1].url", "is missing (in 'can')", "add it: url"),
        ((*STATION, "recipes", 0, "classes"), {"A": "1"}, "stations[0].recipes[0].classes.A", '"1" is text', "A = "),
        (
            (*SECOND, "user_values", 0, "type"),
            "uint8",
            "stations[1].user_values[0].type",
            '"uint8" is none of the possible values',
            'did you mean "uint',
        ),
        ((*SECOND, "user_values", 0, "path"), "a..b", "stations[1].user_values[0].path", "is no JMESPath", "path"),
        (
            (*STATION, "handshake"),
            {"max_in_flight": 3, "result_depth": 2},
            "stations[0].handshake.result_depth",
            "2 is less than max_in_flight (3)",
            "write result_depth = 3 or more",
        ),
        (
            (*STATION, "handshake"),
            {"inspection_timeout_ms": 0},
            "stations[0].handshake.inspection_timeout_ms",
            "0 is less than 1",
            "from 1 to",
        ),
        (
            (*STATION, "handshake"),
            {"recipe_timeout_ms": 0},
            "stations[0].handshake.recipe_timeout_ms",
            "0 is less than 1",
            "from 1 to",
        ),
        (
            (*STATION, "handshake"),
            {"watchdog_action": "stop"},
            "stations[0].handshake.watchdog_action",
            '"stop" is none of the possible values',
            '"nothing", "offline", "cancel"',
        ),
        ((*STATION, "source_down"), "off", "stations[0].source_down", '"off" is none of', '"answer", "offline"'),
        (("stations",), [], "stations", "is empty", "[[stations]]"),
        (("stations",), GONE, "stations", "is missing", "[[stations]]"),
        (("links",), GONE, "links", "is missing", "[links]"),
        (("links",), 3, "links", "3 is a whole number, not a table", "[links]"),
    ],
)
def test_a_wrong_value(path: Path_, value: Any, key: str, what: str, instead: str) -> None:
    error = only_error((path, value))
    assert error.key == key
    assert what in error.wrong
    assert instead in error.hint


@pytest.mark.parametrize(
    ("path", "value", "key", "what", "instead"),
    [
        ((*SECOND, "name"), "station1", "stations[1].name", "the name of stations[0] too", "a name of its own"),
        ((*STATION, "recipes", 1, "number"), 1, "stations[0].recipes[1].number", 'number of recipe "bottle"', "as 2"),
        ((*STATION, "initial_recipe"), 9, "stations[0].initial_recipe", "there is no recipe 9", "one of 1, 2"),
        ((*SECOND, "source", "folder"), "drop1", "stations[1].source.folder", "drop folder of station", "of its own"),
        (
            (*SECOND, "source", "folder"),
            "x/../drop1/",
            "stations[1].source.folder",
            'is the drop folder of station "station1" too',
            "of its own",
        ),
        (("links", "opcua", "port"), 5020, "links.opcua.port", "port 5020 is taken by [links.modbus]", "another port"),
        (("links", "opcua"), GONE, "stations[1].control", "there is no [links.opcua]", 'control = "modbus"'),
        (("links", "opcua", "anonymous"), "read", "stations[1].control", "nobody may write", "[[links.opcua.users]]"),
        ((*SECOND, "modbus"), {}, "stations[1].modbus", "registers 0..255 lie on those of station", "offset = 256"),
        ((*SECOND, "modbus"), {"offset": 128}, "stations[1].modbus", "registers 128..383", "offset = 512"),
        ((*SECOND, "modbus"), {"unit": 7}, "stations[1].modbus", "registers 0..255 lie", "a unit id of its own"),
        ((*SECOND, "modbus"), {"offset": 65504}, "stations[1].modbus.offset", "end at 65759, past 65535", "smaller"),
        (
            (*SECOND, "user_values", 0, "register"),
            10,
            "stations[1].user_values[0].register",
            "register 10 is outside block user (128..191)",
            "from 129 to 191",
        ),
    ],
)
def test_what_does_not_go_together(path: Path_, value: Any, key: str, what: str, instead: str) -> None:
    error = only_error((path, value))
    assert error.key == key
    assert what in error.wrong
    assert instead in error.hint


def test_whoever_may_write_can_stand_in_a_users_file_too() -> None:
    table = spoilt((("links", "opcua", "anonymous"), "none"), (("links", "opcua", "users_file"), "users.toml"))
    assert settings_of(table).stations[1].control == "opcua"


def test_bits_on_each_other_where_registers_are_not(tmp_path: Path) -> None:
    """An offset of 240 moves bits by 15 only: a map with small blocks would hide it in the registers."""
    small = tmp_path / "small.toml"
    small.write_text(
        'name = "small"\nversion = 1\nwhy = "x"\nextends = "standard"\n'
        "[blocks]\nuser = { start = 128, size = 8 }\ncontrol = { start = 136, size = 30 }\n[registers]\n"
        + "".join(f"{tag} = {{ word = 136, bit = {bit} }}\n" for bit, tag in enumerate(COMMANDS))
        + "trigger_seq = 137\nresult_ack_seq = 138\nrecipe_request = 139\nplc_heartbeat = 140\npart_id = 141\n",
        encoding="utf-8",
    )
    error = only_error(
        ((*STATION, "map"), str(small)), ((*SECOND, "map"), str(small)), ((*SECOND, "modbus"), {"offset": 240})
    )
    assert error.key == "stations[1].modbus"
    assert "coils 15..30 lie on those of station" in error.wrong


COMMANDS = (
    "enable",
    "trigger",
    "result_ack",
    "error_ack",
    "reset",
    "set_offline",
    "abort",
    "flush_results",
    "change_recipe",
    "buffer_results",
)


def test_overlaps_do_not_matter_without_modbus() -> None:
    changes = [(("links", "modbus"), GONE), ((*SECOND, "modbus"), {}), ((*STATION, "control"), "opcua")]
    assert settings_of(spoilt(*changes)).links.names == ("opcua",)


def test_no_link_at_all() -> None:
    assert only_error((("links",), {})).wrong == "there is no link"


def test_user_values_of_one_name() -> None:
    value = {"name": "gap", "path": "x", "type": "uint16"}
    error = only_error(((*SECOND, "user_values"), [value, value]))
    assert error.key == "stations[1].user_values[1].name"
    assert '"gap" is there twice' in error.wrong


def test_user_values_that_do_not_fit() -> None:
    values = [{"name": f"t{i}", "path": "x", "type": "string", "length": 100} for i in range(2)]
    error = only_error(((*SECOND, "user_values"), values))
    assert error.key == "stations[1].user_values[1]"
    assert "no 51 registers are free" in error.wrong


def test_an_error_inside_a_map_names_the_map(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "m"\nversion = 1\nwhy = "x"\nextends = "standard"\ncoils = -1\n', encoding="utf-8")
    config = tmp_path / "gateway.toml"
    config.write_text(GOOD.replace('name = "station1"', 'name = "station1"\nmap = "./mine.toml"'), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert (caught.value.file, caught.value.key) == (str(file), "coils")


# ---- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["api_key", "apikey", "password", "API_KEY", "token", "client_secret"])
def test_a_secret_in_the_file_is_refused(key: str) -> None:
    error = only_error(((*STATION, "recipes", 0, key), "hunter2"))
    assert error.key == f"stations[0].recipes[0].{key}"
    assert "a secret does not belong into a configuration file" in error.wrong
    assert "hunter2" not in str(error) + error.hint


def test_what_to_write_instead_of_a_secret() -> None:
    error = only_error(((*STATION, "recipes", 0, "api_key"), "hunter2"))
    assert 'api_key_env = "NAME"' in error.hint
    assert 'api_key_file = "path/to/file"' in error.hint


def test_a_users_password_in_the_file_is_refused() -> None:
    user = {"name": "plc", "role": "engineer", "password": "hunter2", "password_env": "NO_SUCH_VARIABLE"}
    errors = errors_of(spoilt((("links", "opcua", "users"), [user])))
    assert errors[0].key == "links.opcua.users[0].password"
    assert 'password_env = "NAME"' in errors[0].hint


def test_labels_are_no_secrets() -> None:
    settings = settings_of(spoilt(((*STATION, "recipes", 0, "classes"), {"token": 1, "pin": 2})))
    assert settings.stations[0].recipes[0].classes == {"token": 1, "pin": 2}


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_environment_variable_is_named(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINE1_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("LINE1_KEY", value)
    error = only_error(((*STATION, "recipes", 1, "api_key_env"), "LINE1_KEY"))
    assert error.key == "stations[0].recipes[1].api_key_env"
    assert "LINE1_KEY is not set" in error.wrong
    assert "set LINE1_KEY" in error.hint


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    error = only_error(((*STATION, "recipes", 0, "api_key_file"), str(tmp_path / "key")))
    assert error.key == "stations[0].recipes[0].api_key_file"
    assert "cannot be read" in error.wrong


def test_an_empty_secret_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n", encoding="utf-8")
    error = only_error(((*STATION, "recipes", 0, "api_key_file"), str(tmp_path / "key")))
    assert "is empty" in error.wrong


# ---- the file, and all errors at once ------------------------------------------------------------------------------


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_settings(tmp_path / "gateway.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path)


def test_no_toml(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[gateway]\nname = line 1\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert (caught.value.file, caught.value.key) == (str(file), "line 2, column 8")
    assert 'text in quotes ("text")' in caught.value.hint


def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("", encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_settings(file)
    assert [error.key for error in caught.value.errors] == ["links", "stations"]


def test_all_errors_at_once_also_those_between_tables() -> None:
    """The second station is right by itself: what does not go together in it shows beside the first one's error."""
    errors = errors_of(
        spoilt(
            (("gateway", "log_level"), "loud"),
            ((*STATION, "source", "pick"), "best"),
            ((*SECOND, "initial_recipe"), 9),
            ((*SECOND, "map"), "nowhere"),
            (("links", "opcua", "port"), 5020),
            ((*SECOND, "recipes", 0, "api_key_env"), "NO_SUCH_VARIABLE"),
        )
    )
    assert [error.key for error in errors] == [
        "gateway.log_level",
        "stations[0].source.pick",
        "stations[1].recipes[0].api_key_env",
        "stations[1].initial_recipe",
        "stations[1].map",
        "links.opcua.port",
    ]


def test_an_error_says_which_station_it_is_in() -> None:
    error = only_error(((*SECOND, "source", "pick"), "best"))
    assert error.wrong.endswith("(in 'station2')")
    assert str(error) == f"{FILE}: {error.key}: {error.wrong}"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none(value: float) -> None:
    assert only_error(((*SECOND, "user_values", 0, "scale"), value)).key == "stations[1].user_values[0].scale"


def test_a_date_where_text_belongs() -> None:
    import datetime

    date = datetime.date(2026, 1, 1)
    assert only_error(((*STATION, "source", "window_ms"), date)).key == "stations[0].source.window_ms"


def test_flat_takes_one_error_for_itself() -> None:
    error = ConfigError("a", "b", "c", "d")
    assert list(flat(error)) == [error]


def test_two_names_of_one_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    error = only_error(
        ((*STATION, "source", "folder"), str(tmp_path / "real")),
        ((*SECOND, "source", "folder"), str(tmp_path / "link")),
    )
    assert error.key == "stations[1].source.folder"


def test_folders_of_one_name_in_different_places() -> None:
    changes = [(("stations", i, "source", "folder"), f"camera{i}/drop") for i in range(2)]
    assert [s.source_folder for s in settings_of(spoilt(*changes)).stations] == [
        Path("/etc/gateway/camera0/drop"),
        Path("/etc/gateway/camera1/drop"),
    ]
