"""`pekat-gateway grab` proves a station's image source."""

import asyncio
import io
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import typer
from PIL import Image

from gateway.config import Settings, StationSettings
from gateway.core.errors import ConfigError, GatewayError, SourceError
from gateway.core.result import Reason, no_decision
from gateway.images.faults import ImageFault
from gateway.images.heads import head_of
from gateway.ports import Fate, ImageSource, Order, Picture, RawFormat
from gateway.sources import SourceSettings

CHECK_AGAIN_S = 0.1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Grab:
    """What to grab: whose picture, where to, for which part, and how long to wait (seconds)."""

    station: StationSettings
    source: SourceSettings
    name: str
    """The station's, or of several views the station's with the view's."""
    out: Path
    part_id: str
    wait_s: float


def wanted_of(station: StationSettings, view: str, out: Path, part_id: str, wait_s: float) -> list[Grab]:
    """Of several views each one that has a source, into a file with its name, or `view` alone. Raises ConfigError."""
    if station.source is not None and not view:
        return [Grab(station, station.source, station.name, out, part_id, wait_s)]
    sources = {one.name: one.source for one in station.views if one.source is not None}
    if view and view not in sources:
        one_of = f"write one of {', '.join(sources)}" if sources else "leave --view out: the station has one view"
        raise ConfigError("--view", view, f"station {station.name} has no view of this name with a source", one_of)
    return [
        Grab(station, source, f"{station.name}-{name}", out if view else _named(out, name), part_id, wait_s)
        for name, source in sources.items()
        if view in ("", name)
    ]


def _named(out: Path, view: str) -> Path:
    return out.with_name(f"{out.stem}-{view}{out.suffix}")


async def grab_all(wanted: Sequence[Grab], stop: asyncio.Event) -> int:
    """One after the other; 0, or 1 where it was stopped. Raises GatewayError."""
    for one in wanted:
        if code := await grab(one, stop):
            return code
    return 0


def station_of(settings: Settings, name: str, file: Path) -> StationSettings:
    """The station of this name. Raises ConfigError where there is none."""
    for station in settings.stations:
        if station.name == name:
            return station
    names = ", ".join(station.name for station in settings.stations)
    raise ConfigError(str(file), "stations", f"there is no station {name}", f"its stations are: {names}")


async def grab(wanted: Grab, stop: asyncio.Event) -> int:
    """Have one picture taken, save it and say what it is; 0, or 1 where it was stopped. Raises GatewayError."""
    async with wanted.source.create(wanted.name) as source:
        typer.echo(f"{wanted.name}: waiting for a picture, {wanted.wait_s:g} s at most", err=True)
        taken = await _unless(stop, _taken(source, wanted))
        if taken is None:
            return 1
        picture, took_ms = taken
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


async def _taken(source: ImageSource, wanted: Grab) -> tuple[Picture, float]:
    """The picture, and how long it took (ms) once the source was ready: a stream connects while triggers go on."""
    await _ready(source, time.monotonic() + wanted.wait_s)
    began = time.monotonic()
    order = _order(wanted)
    if wanted.source.kind == "genicam" and wanted.source.trigger == "hardware":
        order = await _next_signal(source, order, wanted)
    picture = await source.acquire(order)
    return picture, (time.monotonic() - began) * 1000


async def _next_signal(source: ImageSource, order: Order, wanted: Grab) -> Order:
    """An order for the frame of the line's next signal, whenever it comes: nobody triggers here as the PLC would."""
    source.collect(order.accepted_at)
    try:
        async with asyncio.timeout(wanted.wait_s):
            await source.arrival()
    except TimeoutError:
        text = f"no signal of the line made a frame within {wanted.wait_s:g} s"
        hint = "does the signal reach the camera's trigger_line?"
        raise SourceError(text, reason=Reason.NO_IMAGE, hint=hint) from None
    return replace(_order(wanted), pictures_from=order.accepted_at)


async def _ready(source: ImageSource, until: float) -> None:
    """Raises SourceError, the last one, where the source is not ready in time."""
    while True:
        try:
            await source.check()
        except SourceError:
            if time.monotonic() > until:
                raise
        else:
            return
        await asyncio.sleep(CHECK_AGAIN_S)


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, T]) -> T | None:
    """What `work` brings; None where `stop` is set first."""
    taking, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
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
