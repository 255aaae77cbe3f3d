"""A station with several views: what is written, what comes of it, and every way to get it wrong."""

from pathlib import Path
from typing import Any

import pytest

from gateway.assembly import make_station
from gateway.cli.check import check_lines
from gateway.cli.roll_call import all_of
from gateway.config import StationSettings, load_settings
from gateway.core.registers import Block
from tests.config.writing import GONE, Path_, errors_of, only_error, settings_of, spoilt

STATION = ("stations", 0)
VIEWS, RECIPE = (*STATION, "views"), (*STATION, "recipes", 0)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "two_cameras.toml"
DROP: dict[str, Any] = {"kind": "file_drop", "folder": "drop_side"}
PLAYLIST = {"kind": "playlist", "folder": "samples"}


def views(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": "top", "source": {"kind": "file_drop", "folder": "drop_top"}},
        {"name": "side", "source": dict(DROP)},
        *more,
    ]


def several(*changes: tuple[Path_, Any], listed: list[dict[str, Any]] | None = None) -> list[tuple[Path_, Any]]:
    """GOOD, whose first station has two views, or these."""
    return [
        ((*STATION, "source"), GONE),
        (VIEWS, views() if listed is None else listed),
        (("stations", 1, "modbus", "offset"), 512),
        *changes,
    ]


def station_of(*changes: tuple[Path_, Any], listed: list[dict[str, Any]] | None = None) -> StationSettings:
    return settings_of(spoilt(*several(*changes, listed=listed))).stations[0]


def test_a_station_with_views_has_their_tags_and_one_without_has_none() -> None:
    first, second = settings_of(spoilt(*several())).stations
    assert (first.view_names, second.view_names) == (("top", "side"), ())
    assert (first.registers.views, second.registers.views) == (Block(256, 64), None)
    assert first.handshake.options(first.view_names).views == ("top", "side")
    assert make_station(first, 1, []).state.options.views == ("top", "side")


def test_what_a_recipe_says_holds_for_each_view_unless_it_says_otherwise() -> None:
    own = {"view": "side", "url": "http://127.0.0.1:9000", "classes": {"Dent": 7}, "data": "side|{part_id}"}
    recipe = station_of(((*RECIPE, "views"), [own]), ((*RECIPE, "result_path"), "ok")).recipes[0]
    top, side = recipe.for_view("top"), recipe.for_view("side")
    assert (top.endpoints, top.classes, top.data) == (("http://127.0.0.1:8000",), {}, "{part_id}")
    assert (side.endpoints, side.classes, side.data) == (("http://127.0.0.1:9000",), {"Dent": 7}, "side|{part_id}")
    assert side.result_path == top.result_path == "ok"


def test_urls_and_keys_of_a_view_take_the_place_of_the_recipes() -> None:
    own = {"view": "side", "urls": ["http://a", "http://b"], "api_key_file": str(EXAMPLE)}
    recipe = station_of(((*RECIPE, "views"), [own]), ((*RECIPE, "api_key_env"), "PATH")).recipes[0]
    side = recipe.for_view("side")
    assert side.endpoints == ("http://a", "http://b")
    assert (side.api_key_env, side.api_key_file) == ("", EXAMPLE)
    assert recipe.for_view("top").api_key_env == "PATH"


def test_the_drop_folders_of_all_views() -> None:
    simulated = {"name": "end", "source": PLAYLIST, "simulation": {"kind": "file_drop", "folder": "s"}}
    settings = station_of(
        listed=[{**one, "simulation": {**PLAYLIST, "folder": f"s{at}"}} for at, one in enumerate(views())] + [simulated]
    )
    assert settings.drop_folders == {
        "views[0].source": Path("/etc/gateway/drop_top"),
        "views[1].source": Path("/etc/gateway/drop_side"),
        "views[2].simulation": Path("/etc/gateway/s"),
    }
    assert make_station(settings, 1, []).can_simulate


@pytest.mark.parametrize(
    ("listed", "key", "wrong", "instead"),
    [
        (views()[:1], "views", "1 views", "2 to 8"),
        (views(*({"name": f"v{n}", "same_image_as": "top"} for n in range(7))), "views", "9 views", "2 to 8"),
        (views({"name": "top", "same_image_as": "side"}), "views[2].name", '"top" is the name of views[0]', "its own"),
        (views({"name": "end"}), "views[2]", "has no image", "same_image_as"),
        (views({"name": "end", "source": PLAYLIST, "same_image_as": "top"}), "views[2]", "has a source and", "or same"),
        (views({"name": "end", "same_image_as": "tip"}), "views[2].same_image_as", 'no view "tip"', "top, side"),
        (views({"name": "end", "same_image_as": "end"}), "views[2].same_image_as", "in a circle", "top, side"),
        ([{"name": "a", "same_image_as": "top"}, *views()], "views[0].same_image_as", "the first view", "first"),
        (views({"name": "end", "same_image_as": "top", "simulation": PLAYLIST}), "views[2].simulation", "top", "out"),
        ([{**views()[0], "simulation": PLAYLIST}, views()[1]], "views[1].simulation", "is missing", "or none"),
        (views({"name": "Up", "same_image_as": "top"}), "views[2].name", "right form", "[a-z]"),
        (views({"name": "up", "source": DROP}), "views[2].source.folder", "(views[1].source)", "each view"),
        (views({"name": "up", "source": {**DROP, "folder": "drop2"}}), "", 'station "station1" too', "of its own"),
    ],
)  # fmt: skip
def test_a_wrong_view(listed: list[dict[str, Any]], key: str, wrong: str, instead: str) -> None:
    error = only_error(*several(listed=listed))
    assert error.key == (f"stations[0].{key}" if key else "stations[1].source.folder")
    assert wrong in error.wrong
    assert instead in error.hint


def test_two_views_that_name_each_other() -> None:
    circle = views({"name": "a", "same_image_as": "b"}, {"name": "b", "same_image_as": "a"})
    errors = errors_of(spoilt(*several(listed=circle)))
    assert [error.key for error in errors] == [f"stations[0].views[{at}].same_image_as" for at in (2, 3)]
    assert all("circle" in error.wrong for error in errors)


def test_a_view_may_judge_the_image_of_a_view_that_judges_anothers() -> None:
    chain = views({"name": "a", "same_image_as": "b"}, {"name": "b", "same_image_as": "side"})
    made = make_station(station_of(listed=chain), 1, [])
    assert made.state.options.views == ("top", "side", "a", "b")
    assert [view.picture_of for view in made._views] == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("change", "key", "wrong", "instead"),
    [
        (((*STATION, "source"), PLAYLIST), "source", "beside [[stations.views]]", "[stations.source] for one view"),
        (((*STATION, "simulation"), PLAYLIST), "simulation", "beside [[stations.views]]", "in each"),
        (((*RECIPE, "views"), [{"view": "sid"}]), "recipes[0].views[0].view", 'no view "sid"', "top, side"),
        (((*RECIPE, "views"), [{"view": "top"}, {"view": "top"}]), "recipes[0].views[1].view", "there twice", "one"),
        (((*RECIPE, "views"), [{"view": "top", "url": "ftp://x"}]), "recipes[0].views[0].url", "ftp://x", "another"),
        (((*RECIPE, "views"), [{"view": "top", "result_path": "a["}]), "recipes[0].views[0].result_path", "JMES", ""),
        (((*RECIPE, "views"), [{"view": "top", "data": "{x}"}]), "recipes[0].views[0].data", "may hold only", ""),
        (((*STATION, "user_values"), [{"name": "g", "path": "g", "type": "bit", "view": "tip"}]),
         "user_values[0].view", 'no view "tip"', "top, side"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_views(change: tuple[Path_, Any], key: str, wrong: str, instead: str) -> None:
    error = only_error(*several(change))
    assert error.key == f"stations[0].{key}"
    assert wrong in str(error)
    assert instead in error.hint


def test_a_view_without_a_url() -> None:
    own = [{"view": "top", "url": "http://127.0.0.1:8000"}]
    error = only_error(*several(((*RECIPE, "url"), GONE), ((*RECIPE, "views"), own)))
    assert (error.key, 'view "side" has no url' in error.wrong) == ("stations[0].recipes[0].views", True)
    error = only_error(*several(((*RECIPE, "url"), GONE), ((*RECIPE, "views"), [*own, {"view": "side"}])))
    assert error.key == "stations[0].recipes[0].views[1].url"
    error = only_error(*several(((*RECIPE, "url"), GONE)))
    assert (error.key, "is missing" in error.wrong) == ("stations[0].recipes[0].url", True)


def test_a_station_with_one_view_has_none_by_name() -> None:
    error = only_error(((*RECIPE, "views"), [{"view": "top", "url": "http://127.0.0.1:8000"}]))
    assert (error.key, "no [[stations.views]]" in error.hint) == ("stations[0].recipes[0].views[0].view", True)
    value = (("stations", 1, "user_values", 0, "view"), "top")
    assert only_error(value).key == "stations[1].user_values[0].view"


def test_a_station_that_stands_256_behind_one_with_views_lies_on_it() -> None:
    error = only_error(*several(), (("stations", 1, "modbus", "offset"), 256))
    assert error.key == "stations[1].modbus"
    assert "offset = 512" in error.hint


def test_a_secret_of_a_view_that_is_not_there_is_told() -> None:
    own = [{"view": "side", "api_key_env": "NO_SUCH_KEY_1"}]
    assert only_error(*several(((*RECIPE, "views"), own))).key == "stations[0].recipes[0].views[0].api_key_env"


def test_check_says_what_each_view_is() -> None:
    settings = load_settings(EXAMPLE)
    lines = "\n".join(check_lines(settings))
    for told in ("2 side: file_drop", "3 print: the image of top", "views: registers 256..319", "8001, 1 classes"):
        assert told in lines
    assert "lot = ocr.lot of view print" in lines
    assert [one.url[-4:] for one in all_of(settings)] == ["8000", "8001", "8002"]
