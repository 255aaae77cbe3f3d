"""`pekat-gateway cameras`: which cameras each installed driver finds, and what installs the others."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.runner import fail
from gateway.core.errors import SourceError
from gateway.sources.camera_drivers import DRIVERS, INSTALL, PACKAGES, DriverName, Search, find_cameras, installed
from gateway.sources.found_camera import Found
from gateway.sources.genicam_settings import DRIVERS_WITH_INTERFACE
from gateway.sources.gentl_producer import producers_of_this_machine

COLUMNS = ("driver", "address", "MAC", "vendor", "model", "serial", "user name", "access")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says: one driver or all of them, one interface or all, one GenTL producer or the known."""

    driver: DriverName | None = None
    interface: str = ""
    producer: Path | None = None

    @property
    def drivers(self) -> tuple[DriverName, ...]:
        return DRIVERS if self.driver is None else (self.driver,)


def list_cameras(wanted: Wanted) -> int:
    """Search with every driver that is wanted and there, and print what was found.

    The exit code: 2 where a search failed, or the one driver that was asked for is not there.
    """
    found: list[Found] = []
    code = 0
    for driver in wanted.drivers:
        if (obstacle := _obstacle(driver, wanted)) is not None:
            _say(driver, *obstacle)
            code = code if wanted.driver is None else 2
            continue
        for search in _searches(driver, wanted):
            try:
                found += find_cameras(driver, search)
            except SourceError as error:
                fail(f"{driver}: {error}", error.hint)
                code = 2
    _show(found, wanted)
    return code


def _obstacle(driver: DriverName, wanted: Wanted) -> tuple[str, str] | None:
    """Why this driver does not search, and what helps; None: it does."""
    if not installed(driver):
        return f"{PACKAGES[driver]} is not installed", INSTALL[driver]
    if wanted.interface and driver not in DRIVERS_WITH_INTERFACE:
        return "it cannot search on one interface", f"leave --interface out: --driver {driver}"
    if driver == "harvesters" and not _producers(wanted):
        return "no GenTL producer is known", "--producer FILE.cti, or the maker's installer sets GENICAM_GENTL64_PATH"
    return None


def _producers(wanted: Wanted) -> list[Path]:
    return [wanted.producer] if wanted.producer is not None else producers_of_this_machine()


def _searches(driver: DriverName, wanted: Wanted) -> Iterator[Search]:
    if driver != "harvesters":
        yield Search(wanted.interface)
        return
    for producer in _producers(wanted):
        yield Search(producer=str(producer))


def _say(driver: str, why: str, hint: str) -> None:
    typer.echo(f"{driver}: {why}: {hint}", err=True)


def _show(found: list[Found], wanted: Wanted) -> None:
    """A table in a terminal, tab-separated lines without a heading in a pipe."""
    rows = [_row(one) for one in found]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row)
    where = f"on {wanted.interface}" if wanted.interface else "(loopback is searched with --interface 127.0.0.1 only)"
    Console().print(table if rows else f"no camera answers {where}")


def _row(one: Found) -> tuple[str, ...]:
    return (one.driver, one.ip, one.mac, one.vendor, one.model, one.serial, one.user_name, one.access)
