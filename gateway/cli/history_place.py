"""Where the history is that a command reads: in a data folder, or where a gateway.toml says."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from gateway.cli.config_file import ANY, settings_or_exit
from gateway.cli.runner import fail
from gateway.config_errors import TomlTable, read_toml
from gateway.config_paths import rooted
from gateway.core.errors import ConfigError
from gateway.sinks.history_place import Server
from gateway.sinks.history_settings import FILE_NAME, HistorySettings

Config = Annotated[Path | None, typer.Option("--config", help=f"The gateway.toml. [default: {ANY}]")]
Data = Annotated[Path | None, typer.Option("--data", help="Instead of --config: the folder that gateway.data names.")]


def history_place(config: Path | None, data: Path | None) -> Path | Server:
    """The history's file, which need not be there, or its server. Exits where the configuration is wrong, or in memory.

    A secret is needed only where the history's own URL is one.
    """
    if config is not None and data is not None:
        raise fail("--config and --data were both given", "name one of them")
    return data / FILE_NAME if data is not None else _configured(config or ANY)


def _configured(config: Path) -> Path | Server:
    """Goes by [history] and gateway.data alone: reading needs none of the gateway's secrets."""
    try:
        tables = read_toml(config)
    except ConfigError as error:
        raise fail(str(error), f"{error.hint}; or name the data folder with --data") from error
    try:
        settings = HistorySettings.model_validate_json(json.dumps(_table(tables, "history"), default=str))
    except ValidationError as error:
        settings_or_exit(config)
        raise fail(f"{config}: [history] is wrong", "pekat-gateway check says what is") from error
    data = _table(tables, "gateway").get("data")
    folder = config.absolute().parent
    try:
        place = rooted(settings, folder).place(Path(data) if isinstance(data, str) else None)
    except ConfigError as error:
        raise fail(str(error), error.hint) from error
    if place is None:
        hint = 'give it a folder: data = "data" below [gateway]; results are kept from then on'
        raise fail(f"{config} keeps its history in memory, and only its gateway can read that", hint)
    if isinstance(place, Server):
        return place
    return rooted(settings.model_copy(update={"file": place}), folder).file or place


def _table(tables: TomlTable, name: str) -> TomlTable:
    table = tables.get(name, {})
    return table if isinstance(table, dict) else {}
