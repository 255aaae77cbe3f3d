"""`pekat-gateway doctor` on the command line."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.config_file import ANY, console
from gateway.cli.doctor.examination import Examined, count, examine
from gateway.cli.doctor.finding import Grade, Patient, defect
from gateway.cli.doctor.report import as_json, report
from gateway.cli.doctor.running import running_at
from gateway.config import ConfigErrors, load_settings
from gateway.control.place import place_of
from gateway.core.errors import ConfigError


def doctor(
    config: Annotated[Path, typer.Argument(help="The gateway.toml.", metavar="CONFIG")] = ANY,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Look at all that the gateway needs: ports, firewall, clock, folders, PEKAT, cameras, certificates.

    Names each defect and says what to do. Disturbs nothing, also while a gateway runs. Exit code 1 with a defect.
    """
    logging.disable(logging.CRITICAL)  # what is wrong stands in the report, once
    try:
        examined = examined_config(config)
    finally:
        logging.disable(logging.NOTSET)
    if as_json_:
        typer.echo(json.dumps(as_json(examined), indent=2, ensure_ascii=False))
    else:
        console().print(report(examined))
    raise typer.Exit(1 if count(examined, Grade.DEFECT) else 0)


def examined_config(config: Path) -> Examined:
    """All checks; of a configuration that is wrong, what is wrong with it alone."""
    try:
        settings = load_settings(config)
    except ConfigErrors as errors:
        return [("config", [defect(f"{one.file}: {one.key}", one.wrong, one.hint) for one in errors.errors])]
    except ConfigError as error:
        return [("config", [defect(f"{error.file}: {error.key}", error.wrong, error.hint)])]
    return examine(Patient(settings, config, running_at(place_of(settings.data_folder, config))))
