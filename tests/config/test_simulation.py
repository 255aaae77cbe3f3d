"""The simulation source of a station, and what is made with a recipe."""

from pathlib import Path

import pytest

from gateway.assembly import make_station
from gateway.ports import RecipeInfo
from gateway.sources.playlist import PlaylistSettings
from tests.config.writing import only_error, settings_of, spoilt

SIMULATION = ("stations", 0, "simulation")
PLAYLIST = {"kind": "playlist", "folder": "samples"}


def test_a_station_simulates_only_where_it_is_configured() -> None:
    first, second = settings_of(spoilt((SIMULATION, PLAYLIST))).stations
    assert first.simulation == PlaylistSettings(folder=Path("/etc/gateway/samples"))
    assert second.simulation is None
    assert [make_station(one, 1, []).can_simulate for one in (first, second)] == [True, False]


@pytest.mark.parametrize(
    ("table", "key", "wrong"),
    [
        ({"kind": "camera", "folder": "x"}, "stations[0].simulation", "camera"),
        ({"folder": "x"}, "stations[0].simulation", "kind"),
        ({**PLAYLIST, "order": "backwards"}, "stations[0].simulation.order", "backwards"),
    ],
)
def test_a_wrong_simulation_is_told_where_it_stands(table: dict[str, object], key: str, wrong: str) -> None:
    error = only_error((SIMULATION, table))
    assert error.key.startswith(key)
    assert wrong in str(error)


def test_a_drop_of_the_simulation_is_nobody_elses() -> None:
    error = only_error((SIMULATION, {"kind": "file_drop", "folder": "drop1"}))
    assert (error.key, 'station "station1" too' in error.wrong) == ("stations[0].simulation.folder", True)
    error = only_error((SIMULATION, {"kind": "file_drop", "folder": "drop2"}))
    assert error.key == "stations[1].source.folder"


def test_a_recipe_says_what_is_made_with_it() -> None:
    settings = settings_of(spoilt((("stations", 0, "recipes", 0, "product"), "B-0.5")))
    station = make_station(settings.stations[0], 1, [])
    assert list(station.recipes) == [RecipeInfo(1, "bottle", "B-0.5"), RecipeInfo(2, "can", "")]
