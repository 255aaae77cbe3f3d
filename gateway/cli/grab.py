"""`pekat-gateway grab` proves a station's image source, `pekat-gateway cameras` shows which cameras answer."""

import asyncio
import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from gateway.config import Settings, StationSettings
from gateway.core.errors import ConfigError, GatewayError
from gateway.core.result import Reason, no_decision
from gateway.images.faults import ImageFault
from gateway.images.heads import head_of
from gateway.ports import Fate, ImageSource, Order, Picture, RawFormat
from gateway.sources.found_camera import Found

COLUMNS = ("ip", "mac", "vendor", "model", "serial", "user name")


@dataclass(frozen=True, slots=True)
class Grab:
    """What to grab: whose picture, where to, for which part, and how long to wait (seconds)."""

    station: StationSettings
    out: Path
    part_id: str
    wait_s: float


def station_of(settings: Settings, name: str, file: Path) -> StationSettings:
    """The station of this name. Raises ConfigError where there is none."""
    for station in settings.stations:
        if station.name == name:
            return station
    names = ", ".join(station.name for station in settings.stations)
    raise ConfigError(str(file), "stations", f"there is no station {name}", f"its stations are: {names}")


async def grab(wanted: Grab, stop: asyncio.Event) -> int:
    """Have one picture taken, save it and say what it is; 0, or 1 where it was stopped. Raises GatewayError."""
    async with wanted.station.source.create(wanted.station.name) as source:
        typer.echo(f"waiting for a picture, {wanted.wait_s:g} s at most", err=True)
        began = time.monotonic()
        picture = await _unless(stop, source, _order(wanted))
        if picture is None:
            return 1
        took_ms = (time.monotonic() - began) * 1000
        await source.settle(picture, Fate.UNUSED, no_decision(Reason.CANCELLED, "taken by pekat-gateway grab"))
    content, size, what = encoded(picture)
    try:
        wanted.out.write_bytes(content)
    except OSError as error:
        raise GatewayError(f"{wanted.out} cannot be written: {error.strerror}", hint="name another file") from error
    for title, text in (
        ("name", picture.name),
        ("size", size),
        ("format", what),
        ("time taken", f"{took_ms:.1f} ms"),
        ("saved as", str(wanted.out)),
    ):
        typer.echo(f"{title:<11} {text}")
    return 0


def _order(wanted: Grab) -> Order:
    now = time.monotonic_ns() // 1000
    deadline = now + int(wanted.wait_s * 1e6)
    return Order(wanted.station.name, 1, 1, wanted.part_id, wanted.station.first_recipe, now, deadline, time.time())


async def _unless(stop: asyncio.Event, source: ImageSource, order: Order) -> Picture | None:
    """The picture; None where `stop` is set first."""
    taking, stopping = asyncio.create_task(source.acquire(order)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((taking, stopping), return_when=asyncio.FIRST_COMPLETED)
        return await taking if taking.done() else None
    finally:
        for task in (taking, stopping):
            task.cancel()
        await asyncio.wait((taking, stopping))


def encoded(picture: Picture) -> tuple[bytes, str, str]:
    """A file's bytes as they are, raw pixels as a PNG; with size and format for people."""
    if picture.raw is None:
        return bytes(picture.data), *_described(bytes(picture.data))
    raw = picture.raw
    size = (raw.width, raw.height)
    if raw.channels == 3:
        image = Image.frombytes("RGB", size, picture.data, "raw", "BGR")
    else:
        image = Image.frombytes("L", size, picture.data)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue(), f"{raw.width} x {raw.height}", f"raw {_layout(raw)}, {len(picture.data)} bytes"


def _layout(raw: RawFormat) -> str:
    if raw.bayer:
        return "Bayer RG8 (saved as the grey mosaic that it is)"
    return "BGR" if raw.channels == 3 else "grey"


def _described(data: bytes) -> tuple[str, str]:
    """Size and format by the file's head; nothing is decoded."""
    head = head_of(data)
    if isinstance(head, ImageFault):
        return "unknown", f"{len(data)} bytes, saved unchanged; {head}"
    return (
        f"{head.width} x {head.height}",
        f"{head.format}, {head.depth} bits a pixel, {len(data)} bytes, saved unchanged",
    )


def show_cameras(found: list[Found], interface: str) -> None:
    """A table in a terminal, tab-separated lines without a heading in a pipe."""
    rows = [(one.ip, one.mac, one.vendor, one.model, one.serial, one.user_name) for one in found]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row)
    where = f"on {interface}" if interface else "on any interface but loopback"
    Console().print(table if rows else f"no GigE Vision camera answers {where}")
