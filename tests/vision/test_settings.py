"""What the settings accept, refuse, and make."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.core.errors import ConfigError
from gateway.core.tags import TagType
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.user_value_settings import UserValueSettings

RECIPE: dict[str, Any] = {"number": 1, "name": "bottle", "url": "http://127.0.0.1:8000"}
VALUE: dict[str, Any] = {"name": "gap_um", "path": "measurement.gap", "type": "uint16"}


def test_the_smallest_settings_are_enough() -> None:
    assert PekatSettings.model_validate({"kind": "pekat"}) == PekatSettings()
    recipe = RecipeSettings.model_validate(RECIPE)
    assert (recipe.data, recipe.response_type, recipe.api_key()) == ("{part_id}", "context", "")
    value = UserValueSettings.model_validate(VALUE)
    assert (value.tag().name, value.tag().type, value.tag().length) == ("user.gap_um", TagType.UINT16, 1)
    assert value.rule().default == 0


def test_a_full_recipe() -> None:
    recipe = RecipeSettings.model_validate(
        {**RECIPE, "classes": {"Scratch": 1, "Škrábanec": 1}, "data": "{{x}}{part_id:>8}", "result_path": "final.ok"}
    )
    rules = recipe.reply_rules([UserValueSettings.model_validate(VALUE)])
    assert rules.classes == {"Scratch": 1, "Škrábanec": 1}
    assert rules.result_path is not None
    assert [value.name for value in rules.user_values] == ["gap_um"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 0},
        {"number": 65536},
        {"number": "1"},
        {"number": True},
        {"name": ""},
        {"url": "https://127.0.0.1"},
        {"url": "127.0.0.1:8000"},
        {"url": "http://"},
        {"url": "http://a:99999"},
        {"url": "http://user:pw@a"},
        {"url": "http://a/?x=1"},
        {"classes": {"Scratch": 0}},
        {"classes": {"Scratch": 4398046511107}},
        {"classes": {"Scratch": 1.5}},
        {"data": "{serial}"},
        {"data": "{part_id"},
        {"data": "{part_id.__class__}"},
        {"data": "{part_id[0]}"},
        {"data": "{part_id!r}"},
        {"data": "{}"},
        {"data": "{part_id:d}"},
        {"result_path": "a[["},
        {"response_type": "picture"},
        {"api_key_env": "A", "api_key_file": "b"},
        {"colour": 1},
    ],
    ids=str,
)
def test_a_wrong_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RecipeSettings.model_validate({**RECIPE, **wrong})


SEVERAL = {key: value for key, value in RECIPE.items() if key != "url"}


def test_a_recipe_at_several_addresses() -> None:
    urls = ["http://a:8000", "http://a:8001", "http://b", "http://b/line1"]
    assert RecipeSettings.model_validate({**SEVERAL, "urls": urls}).endpoints == tuple(urls)
    assert RecipeSettings.model_validate(RECIPE).endpoints == (RECIPE["url"],)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "is missing"),
        ({"urls": []}, "is missing"),
        ({"urls": ["http://a"], "url": "http://b"}, "is there beside urls"),
        ({"urls": ["http://a", "https://b"]}, "'https://b' must be like"),
        ({"urls": ["http://a", "http://b:70000"]}, "70000"),
        ({"urls": ["http://a:8000", "http://b:8000", "http://A:8000/"]}, "'http://A:8000/' is there twice"),
        ({"urls": ["http://a", "http://a:80"]}, "'http://a:80' is there twice"),
        ({"urls": ["http://a/line1", "http://a/line1/"]}, "is there twice"),
        ({"urls": [f"http://a:{port}" for port in range(8000, 8017)]}, "at most 16"),
        ({"urls": "http://a"}, "tuple"),
        ({"urls": [""]}, "must be like"),
    ],
    ids=str,
)
def test_wrong_addresses_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        RecipeSettings.model_validate({**SEVERAL, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "gap um"},
        {"name": "1gap"},
        {"path": ""},
        {"path": "a..b"},
        {"type": "uint64"},
        {"scale": float("nan")},
        {"default": "x"},
        {"default": True},
        {"type": "string", "default": 1},
        {"type": "bit", "default": 1},
        {"length": 0},
        {"register": -1},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_wrong_user_value_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UserValueSettings.model_validate({**VALUE, **wrong})


def test_a_user_value_of_each_type() -> None:
    for kind in TagType:
        value = UserValueSettings.model_validate({**VALUE, "type": kind.value, "length": 5, "unit": "mm"})
        assert value.tag().type is kind
        assert value.tag().length == (5 if kind is TagType.STRING else 1)
        assert value.rule().default == value.tag().default
    assert UserValueSettings.model_validate({**VALUE, "register": 140}).register_ == 140
    assert UserValueSettings.model_validate({**VALUE, "type": "float32", "default": 3}).rule().default == 3


def test_the_api_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RecipeSettings.model_validate({**RECIPE, "api_key_env": "PEKAT_API_KEY"})
    monkeypatch.setenv("PEKAT_API_KEY", " k1 ")
    assert recipe.api_key() == "k1"
    monkeypatch.delenv("PEKAT_API_KEY")
    with pytest.raises(ConfigError, match="PEKAT_API_KEY: is not set"):
        PekatSettings().create("station1", [recipe], [])


def test_the_api_key_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    recipe = RecipeSettings.model_validate({**RECIPE, "api_key_file": str(file)})
    with pytest.raises(ConfigError, match="cannot be read"):
        recipe.api_key()
    file.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        recipe.api_key()
    file.write_text("k2\n")
    assert recipe.api_key() == "k2"


@pytest.mark.parametrize("wrong", [{"connect_timeout_ms": 0}, {"workers": 0}, {"retries": -1}, {"kind": "other"}])
def test_wrong_inspector_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PekatSettings.model_validate(wrong)


def test_every_setting_is_described() -> None:
    for model in (PekatSettings, RecipeSettings, UserValueSettings):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
