"""A whole gateway with a simulated PEKAT, started to be looked at: what it shows of OPC 40100-1."""

import asyncio
import logging
import secrets
import tempfile
from pathlib import Path

from gateway.app import Gateway
from gateway.config import make_settings
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.vision_survey import Survey, survey
from gateway.station.station import Station

STATION, USER = "station1", "scada"
_DOWN = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE)


def surveyed() -> Survey:
    """Start it, look at it, end it: some seconds."""
    logging.disable(logging.WARNING)  # it is made to fail, and would say so
    try:
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_surveyed(Path(folder)))
    finally:
        logging.disable(logging.NOTSET)


async def _surveyed(folder: Path) -> Survey:
    password = secrets.token_hex(16)
    (folder / "password").write_text(password, encoding="utf-8")
    (folder / "part1.png").write_bytes(part_image(1))
    async with PekatSimulator() as pekat, Gateway(make_settings(_settings(pekat.url), folder)) as gateway:
        station = gateway.stations[STATION]
        return await survey(gateway.endpoints[0].url, STATION, USER, password, lambda: _fail(station))


def _fail(station: Station) -> None:
    station.post(ev.PartFailed(_DOWN, OfflineReason.SOURCE))
    station.post(ev.PartRecovered(_DOWN, OfflineReason.SOURCE))


def _settings(pekat: str) -> dict[str, object]:
    source = {"kind": "playlist", "folder": "."}
    recipes = [{"number": 1, "name": "first", "url": pekat}, {"number": 2, "name": "second", "url": pekat}]
    user = {"name": USER, "role": "engineer", "password_file": "password"}
    opcua = {"host": "127.0.0.1", "port": 0, "allow_unencrypted": True, "client_certificates": "any", "users": [user]}
    station = {
        "name": STATION,
        "control": "opcua",
        "map": "standard",
        "source": source,
        "inspector": {"kind": "pekat"},
        "recipes": recipes,
    }
    return {"links": {"opcua": opcua}, "stations": [station]}
