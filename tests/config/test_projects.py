"""Recipes whose projects a Projects Manager starts, their warm-up pictures and their time-outs, in gateway.toml."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config_changes import changes
from gateway.core.errors import ConfigError
from gateway.sim.parts import part_image
from tests.config.writing import Path_, only_error, settings_of, spoilt

MANAGER: tuple[Path_, Any] = (["stations", 0, "inspector", "manager"], {"host": "127.0.0.1"})
RECIPES: list[str | int] = ["stations", 0, "recipes"]
BOTTLE: tuple[Path_, Any] = ([*RECIPES, 0, "project"], "C:\\projects\\bottle")
CAN: tuple[Path_, Any] = ([*RECIPES, 1, "project"], "C:\\projects\\can")
START: tuple[Path_, Any] = (["stations", 0, "inspector", "manager"], {"change": "start"})
SECOND: tuple[Path_, Any] = (["stations", 1, "inspector"], {"manager": {"host": "127.0.0.1"}})
LID: tuple[Path_, Any] = (["stations", 1, "recipes", 0, "project"], "C:\\projects\\lid")


def test_a_manager_and_a_project_for_each_recipe() -> None:
    station = settings_of(spoilt(MANAGER, BOTTLE, CAN)).stations[0]
    assert station.inspector.manager is not None
    assert str(station.inspector.manager.place) == "127.0.0.1:7002"
    assert [recipe.project for recipe in station.recipes] == ["C:\\projects\\bottle", "C:\\projects\\can"]


@pytest.mark.parametrize(
    ("changed", "key", "wrong"),
    [
        ((BOTTLE,), "stations[0].recipes[0].project", "there is no Projects Manager to start it (in 'bottle')"),
        ((MANAGER, BOTTLE), "stations[0].recipes[1].project", "is missing, though there is a Projects Manager"),
        ((MANAGER, BOTTLE, ([*RECIPES, 1, "project"], "a\nb")), "stations[0].recipes[1].project", "on one line"),
        (
            (START, BOTTLE, CAN, ([*RECIPES, 1, "url"], "http://127.0.0.1:8000")),
            "stations[0].recipes[1].url",
            "http://127.0.0.1:8000 is the address of project C:\\projects\\bottle too",
        ),
        (
            (MANAGER, BOTTLE, CAN, (["stations", 1, "inspector"], {"manager": {"change": "start"}}), LID),
            "stations[0].inspector.manager.change",
            'a switch would stop the projects of station "station2"',
        ),
    ],
)
def test_what_cannot_work_says_where_and_why(changed: tuple[tuple[Path_, Any], ...], key: str, wrong: str) -> None:
    error = only_error(*changed)
    assert error.key == key
    assert wrong in error.wrong


def test_several_addresses_have_no_one_manager() -> None:
    several: tuple[Path_, Any] = (
        [*RECIPES, 0],
        {"number": 1, "name": "bottle", "urls": ["http://a:1", "http://b:1"], "project": "p"},
    )
    error = only_error(MANAGER, several, CAN)
    assert error.key == "stations[0].recipes[0].urls"
    assert "one Projects Manager cannot start a project at 2 addresses" in error.wrong


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "there is no such file"),
        (b"", "empty"),
        (b"no image", "not a PNG"),
        (part_image(1)[:900], "truncated"),
    ],
)
def test_a_warm_up_picture_has_to_be_one(tmp_path: Path, content: bytes | None, wrong: str) -> None:
    file = tmp_path / "warm.png"
    if content is not None:
        file.write_bytes(content)
    error = only_error(([*RECIPES, 0, "warm_up"], str(file)))
    assert error.key == "stations[0].recipes[0].warm_up"
    assert wrong in error.wrong


def test_a_warm_up_picture_is_read_when_the_inspector_is_made(tmp_path: Path) -> None:
    file = tmp_path / "warm.png"
    file.write_bytes(part_image(1))
    station = settings_of(spoilt(([*RECIPES, 0, "warm_up"], str(file)))).stations[0]
    file.unlink()
    with pytest.raises(ConfigError, match="there is no such file"):
        station.inspector.create("station1", station.recipes, ())


def test_a_recipes_own_time_out_goes_to_the_core() -> None:
    station = settings_of(spoilt(([*RECIPES, 1, "timeout_ms"], 20_000))).stations[0]
    options = station.handshake.options((), station.own_timeouts_ms)
    assert (options.timeout_of(1), options.timeout_of(2)) == (5_000, 20_000)


def test_all_of_it_can_change_while_the_gateway_runs() -> None:
    now, new = settings_of(spoilt()), settings_of(spoilt(MANAGER, BOTTLE, CAN, ([*RECIPES, 1, "timeout_ms"], 9_000)))
    found = changes(now, new)
    assert found.left == ()
    assert found.settings == new
