"""The image archive in gateway.toml."""

from pathlib import Path

import pytest

from gateway.core.result import Verdict
from gateway.sinks.archive_choice import Choice
from tests.config.writing import GONE, only_error, settings_of, spoilt


def test_there_is_none_without_its_table() -> None:
    assert settings_of(spoilt()).archive is None


def test_its_folder_is_in_the_data_folder_unless_it_says_another() -> None:
    settings = settings_of(spoilt((["gateway", "data"], "data"), (["archive"], {})))
    assert settings.archive is not None
    assert settings.archive.place(settings.data_folder) == Path("/etc/gateway/data/archive")
    settings = settings_of(spoilt((["archive", "folder"], "pictures")))
    assert settings.archive is not None
    assert settings.archive.place(settings.data_folder) == Path("/etc/gateway/pictures")


def test_nothing_says_where() -> None:
    error = only_error((["gateway", "data"], GONE), (["archive"], {"keep": ["nok"]}))
    assert error.key == "archive.folder"
    assert 'write folder = "archive"' in error.hint


def test_images_would_come_back_as_parts() -> None:
    """In a drop folder, the archive would feed itself."""
    drop = settings_of(spoilt()).stations[0].drop_folders["source"]
    error = only_error((["archive", "folder"], str(drop / "archive")))
    assert error.key == "archive.folder"
    assert f"lies in {drop}, a drop folder" in error.wrong


def test_a_verdict_that_there_is_not() -> None:
    error = only_error((["archive"], {"folder": "a", "keep": ["bad"]}))
    assert error.key == "archive.keep[0]"


def test_a_recipe_goes_before_its_station_and_both_before_all() -> None:
    overrides = [
        {"station": "station1", "recipe": 2, "keep": []},
        {"station": "station1", "keep": ["ok", "nok"], "drawn": True},
        {"station": "station1", "recipe": 1, "original": False},
    ]
    archive = settings_of(spoilt((["archive"], {"every_nth_ok": 7, "overrides": overrides}))).archive
    assert archive is not None
    choices = archive.choices()
    nok, both = frozenset({Verdict.NOK, Verdict.NO_DECISION}), frozenset({Verdict.OK, Verdict.NOK})
    assert choices.of("station2", 1) == Choice(nok, 7)
    assert choices.of("station1", 3) == Choice(both, 7, drawn=True)
    assert choices.of("station1", 1) == Choice(both, 7, original=False, drawn=True)
    assert choices.of("station1", 2) == Choice(frozenset(), 7, drawn=True)
    assert choices.place("station1", 3) == choices.place("station1", 4) != choices.place("station1", 2)


@pytest.mark.parametrize(
    ("override", "key", "hint"),
    [
        ({"station": "station3"}, "archive.overrides[1].station", "there are: station1, station2"),
        ({"station": "station1", "recipe": 9}, "archive.overrides[1].recipe", "its recipes are: 1, 2"),
        ({"station": "station2", "recipe": 2}, "archive.overrides[1].recipe", "its recipes are: 1"),
        ({"station": "station2"}, "archive.overrides[1]", "write both in one table"),
    ],
)
def test_an_override_of_what_there_is_not(override: dict[str, object], key: str, hint: str) -> None:
    error = only_error((["archive"], {"overrides": [{"station": "station2"}, override]}))
    assert (error.key, error.hint) == (key, hint)
