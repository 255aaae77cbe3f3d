"""The gateway.toml that a command is about: read, or all that is wrong with it printed."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from gateway.cli.runner import fail
from gateway.config import ConfigErrors, Settings, load_settings
from gateway.config_errors import read_toml
from gateway.config_paths import rooted
from gateway.core.errors import ConfigError
from gateway.plc.opcua.settings import OpcUaSettings

ConfigFile = Annotated[Path, typer.Argument(help="The gateway.toml.", metavar="CONFIG")]
Config = Annotated[Path, typer.Option("--config", help="The gateway.toml.")]
ANY = Path("gateway.toml")
"""For commands whose arguments are something else: the file in this folder, where none is named."""

WIDE = 160
"""Columns where nobody says how many there are: a table in a file or a pipe is not squeezed."""


def console() -> Console:
    """Standard output, wide where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def settings_or_exit(config: Path) -> Settings:
    """The settings; all that is wrong with them is printed, and the exit code is 2."""
    try:
        return load_settings(config)
    except ConfigErrors as errors:
        for error in errors.errors:
            fail(str(error), error.hint)
        raise typer.Exit(2) from errors
    except ConfigError as error:
        raise fail(str(error), error.hint) from error


def opcua_settings(config: Path) -> OpcUaSettings:
    """The table [links.opcua] alone: users and certificates need no more, and none of the gateway's secrets.

    Exits where it is not there, or wrong.
    """
    try:
        links = read_toml(config).get("links")
    except ConfigError as error:
        raise fail(str(error), error.hint) from error
    table = links.get("opcua") if isinstance(links, dict) else None
    if table is None:
        raise fail(f"{config} has no [links.opcua]", "without it the gateway serves no OPC UA: add the table")
    try:
        settings = OpcUaSettings.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        settings_or_exit(config)
        raise fail(f"{config}: [links.opcua] is wrong", "pekat-gateway check says what is") from error
    return rooted(settings, config.absolute().parent)
