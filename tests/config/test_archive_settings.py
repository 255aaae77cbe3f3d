"""The image archive in gateway.toml."""

from pathlib import Path

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
