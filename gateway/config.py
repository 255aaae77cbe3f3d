"""gateway.toml and the environment to one frozen Settings tree, or every error in them at once.

An error names file, key, what is wrong and what to write instead. Paths in the file are relative to its folder.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config_checks import archive_errors, cross_errors
from gateway.config_errors import ConfigErrors, TomlTable, raise_all, read_toml
from gateway.config_paths import rooted
from gateway.config_problems import problems
from gateway.config_secrets import missing_secrets, written_secrets
from gateway.config_tree import (
    GatewaySettings,
    HandshakeSettings,
    LinkSettings,
    ModbusPlace,
    Settings,
    StationSettings,
)
from gateway.core.errors import ConfigError

__all__ = [
    "ConfigErrors",
    "GatewaySettings",
    "HandshakeSettings",
    "LinkSettings",
    "ModbusPlace",
    "Settings",
    "StationSettings",
    "load_settings",
    "make_settings",
    "schema",
]

_Model = TypeVar("_Model", bound=BaseModel)


def load_settings(path: str | Path) -> Settings:
    """The settings of a gateway.toml. Raises ConfigError, or ConfigErrors with all that is wrong."""
    path = Path(path)
    return make_settings(read_toml(path), path.absolute().parent, str(path))


def make_settings(table: TomlTable, folder: Path, file: str = "gateway.toml") -> Settings:
    """The settings of tables as they stand in the file. `folder` is what its relative paths are relative to."""
    reading = _Reading(table, folder, file)
    settings = reading.read()
    raise_all(reading.errors)
    assert settings is not None  # else there was an error
    return settings


def schema() -> dict[str, Any]:
    """The JSON schema of gateway.toml."""
    return Settings.model_json_schema()


@dataclass(slots=True)
class _Reading:
    """One file being read: what is right in it is checked further, so that all errors show at once."""

    table: TomlTable
    folder: Path
    file: str
    errors: list[ConfigError] = field(default_factory=list)

    def read(self) -> Settings | None:
        """The settings; None where `errors` says why not. With errors, `cross_errors` sees what is right."""
        settings = self._whole()
        links = settings.links if settings is not None else self._part(LinkSettings, self.table.get("links"))
        stations = dict(enumerate(settings.stations)) if settings is not None else self._right_stations()
        for error in (
            *missing_secrets(self.file, links, ("links",)),
            *missing_secrets(self.file, settings.history if settings is not None else None, ("history",)),
            *(e for i, s in stations.items() for e in missing_secrets(self.file, s, ("stations", i))),
            *cross_errors(self.file, links, stations),
            *(archive_errors(self.file, settings) if settings is not None else ()),
        ):
            self.errors.append(error)
        return settings

    def _whole(self) -> Settings | None:
        secrets = written_secrets(self.file, self.table, schema())
        try:
            return rooted(_validated(Settings, self.table), self.folder)
        except ValidationError as error:
            known = {secret.key for secret in secrets}
            found = problems(self.file, error, self.table, schema())
            self.errors += [problem for problem in found if problem.key not in known]
            return None
        finally:
            self.errors += secrets

    def _right_stations(self) -> dict[int, StationSettings]:
        """The stations that are right by themselves, by their place in the file."""
        listed = self.table.get("stations")
        parts = enumerate(listed if isinstance(listed, list) else [])
        stations = {i: self._part(StationSettings, part) for i, part in parts}
        return {i: station for i, station in stations.items() if station is not None}

    def _part(self, model: type[_Model], table: object) -> _Model | None:
        """A part of a file that is wrong as a whole; None where the part itself is wrong, which was reported."""
        if not isinstance(table, Mapping):
            return None
        try:
            return rooted(_validated(model, table), self.folder)
        except ValidationError:  # reported with the whole
            return None


def _validated(model: type[_Model], table: Mapping[str, Any]) -> _Model:
    """By way of JSON: its strict mode knows lists for tuples and words for enumerations, as TOML writes them."""
    return model.model_validate_json(json.dumps(table, default=str))
