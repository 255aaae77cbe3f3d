"""A configuration that is right, to be spoilt in one place."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings, make_settings
from gateway.config_errors import TomlTable, flat
from gateway.core.errors import ConfigError

FILE = "line1.toml"

GOOD = """
[gateway]
name = "line 1"
data = "data"

[links.modbus]
port = 5020

[links.opcua]
port = 4841
anonymous = "operate"

[[stations]]
name = "station1"
[stations.source]
kind = "file_drop"
folder = "drop1"
[stations.inspector]
kind = "pekat"
[[stations.recipes]]
number = 1
name = "bottle"
url = "http://127.0.0.1:8000"
[[stations.recipes]]
number = 2
name = "can"
url = "http://127.0.0.1:8001"

[[stations]]
name = "station2"
control = "opcua"
modbus = { offset = 256 }
[stations.source]
kind = "file_drop"
folder = "drop2"
[[stations.recipes]]
number = 1
name = "lid"
url = "http://127.0.0.1:8000"
[[stations.user_values]]
name = "gap"
path = "measurement.gap"
type = "uint16"
"""

Path_ = Sequence[str | int]
GONE = object()


def spoilt(*changes: tuple[Path_, Any]) -> TomlTable:
    """GOOD with other values at these keys; GONE takes a key away."""
    table = tomllib.loads(GOOD)
    for path, value in changes:
        here: Any = table
        for part in path[:-1]:
            here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
        if value is GONE:
            del here[path[-1]]
        else:
            here[path[-1]] = value
    return table


def settings_of(table: TomlTable) -> Settings:
    return make_settings(table, Path("/etc/gateway"), FILE)


def errors_of(table: TomlTable) -> list[ConfigError]:
    """All errors of this configuration; each names the file."""
    with pytest.raises(ConfigError) as caught:
        settings_of(table)
    errors = list(flat(caught.value))
    assert {error.file for error in errors} == {FILE}
    assert all(error.key and error.wrong and error.hint for error in errors)
    return errors


def only_error(*changes: tuple[Path_, Any]) -> ConfigError:
    """The one error of GOOD with these changes."""
    errors = errors_of(spoilt(*changes))
    assert len(errors) == 1, [str(error) for error in errors]
    return errors[0]
