"""The composition root: settings to parts to one running gateway. The only file that knows every part."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Self

from gateway import __version__
from gateway.assembly import inspectors_of, make_station, options_of
from gateway.config import Settings, StationSettings
from gateway.core import events as ev
from gateway.core.counts import ImagesLost
from gateway.core.errors import Cause, ErrorCode, Fault, LinkError, SinkError
from gateway.core.resume import Memory
from gateway.figures import Figures
from gateway.kept_link import KeptLink, Start
from gateway.ports import (
    Endpoint,
    Identity,
    Inspector,
    PlcLink,
    ResultSink,
    StationView,
)
from gateway.records import Records, Registrar
from gateway.sinks.archive import Archive
from gateway.sinks.history import History
from gateway.sinks.history_settings import SHOWN_AT_ONCE, Keeping
from gateway.station.boot import next_boot_id
from gateway.station.journaling import all_shown, all_taken
from gateway.station.renewable import RenewableInspector
from gateway.station.station import Station

log = logging.getLogger(__name__)

ARCHIVE_DOWN = Fault(ErrorCode.ARCHIVE_DOWN, Cause.ARCHIVE)
LINK_DOWN = Fault(ErrorCode.LINK_DOWN, Cause.LINK)
JOURNAL_DOWN = Fault(ErrorCode.JOURNAL_DOWN, Cause.JOURNAL)
LAST_READ_S = 0.5
"""How long a PLC that saw its part finished by a stop has to read the answer, unless it acknowledges it before."""
STOPPING_S = 0.5
"""How long the last answers may take into the journal, so that the PLC can still read them."""


class Gateway:
    """All stations and links of one configuration. Entered, it serves; left, every open trigger has its answer.

    Raises LinkError where a port cannot be had, and SourceError or InspectorError for what cannot mend itself.
    """

    def __init__(self, settings: Settings, sinks: Sequence[ResultSink] = ()) -> None:
        self._settings = settings
        self._sinks = tuple(sinks)
        self._stack = AsyncExitStack()
        self.stations: dict[str, Station] = {}
        self.links: dict[str, KeptLink] = {}
        self._links_down: set[str] = set()
        self._keeping = SHOWN_AT_ONCE
        self.history: History | None = None
        self.archive: Archive | None = None
        self.figures = Figures(settings.metrics)
        self._inspectors: dict[str, list[RenewableInspector]] = {}
        self._recipe_names = _recipe_names(settings)

    @property
    def settings(self) -> Settings:
        """What is in force."""
        return self._settings

    @property
    def endpoints(self) -> list[Endpoint]:
        """Where PLCs and SCADA systems can connect."""
        return [endpoint for link in self.links.values() for endpoint in link.endpoints]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            boot_id = next_boot_id(self._settings.data_folder)
            registrar = self._registrar(boot_id)
            self.history = self._settings.history.create(registrar, self._settings.data_folder)
            self.archive = self._archive(registrar)
            own = (self.history, self.archive)
            sinks = (*self._sinks, *(sink for sink in own if sink is not None))
            if self.archive is not None and self.history is not None:
                self.archive.on_written(self.history.images_kept)
            for sink in sinks:
                await stack.enter_async_context(sink)
            await self._enter_stations(stack, registrar, sinks)
            if self.history is not None:
                stack.callback(self.history.on_fault(partial(self._tell_fault, JOURNAL_DOWN)))
            if self.archive is not None:
                stack.callback(self.archive.on_fault(partial(self._tell_fault, ARCHIVE_DOWN)))
                stack.callback(self.archive.on_loss(lambda name, lost: self.stations[name].post(ImagesLost(lost))))
            for name, link in self._make_links(Records(registrar, self.history)).items():
                self.links[name] = await stack.enter_async_context(link)
            if (metrics := self.figures.server(self.links, self.history, self.archive)) is not None:
                await stack.enter_async_context(metrics)
            self._stack = stack.pop_all()
        for endpoint in self.endpoints:
            log.info("%s at %s", endpoint.link, endpoint.url)
        return self

    async def drain(self, at_once: asyncio.Event) -> None:
        """Take no new triggers and finish what is in flight (H33): for `stop_timeout_ms`, or until `at_once`."""
        for station in self.stations.values():
            station.post(ev.Draining())
        hurried = asyncio.create_task(at_once.wait(), name="stop-at-once")
        finished = asyncio.create_task(self._all_told(), name="drain")
        patience = self._settings.gateway.stop_timeout_ms / 1000
        await asyncio.wait({hurried, finished}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        finished.cancel()
        await asyncio.wait({hurried, finished})

    async def _all_told(self) -> None:
        """Every answer is shown, and whoever waited for one has had the time to read it."""
        waited_for = [station for station in self.stations.values() if station.state.flight]
        await self._all_shown()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_READ_S):
                for station in waited_for:
                    await all_taken(station)

    async def _all_shown(self) -> None:
        for station in self.stations.values():
            await all_shown(station)

    async def __aexit__(self, *exc: object) -> None:
        # First every open trigger gets its answer, while the PLC can still read it; then links, stations, sinks.
        for station in self.stations.values():
            station.post(ev.Stopped())
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await self._all_shown()
        await self._stack.aclose()

    async def _enter_stations(self, stack: AsyncExitStack, registrar: Registrar, sinks: Sequence[ResultSink]) -> None:
        """Each goes on where the journal ends."""
        self._keeping, memories = await self._recalled()
        for settings in self._settings.stations:
            inspectors = [RenewableInspector(one) for one in inspectors_of(settings)]
            self._inspectors[settings.name] = inspectors
            station = make_station(
                settings,
                registrar.boot_id,
                sinks,
                inspectors=inspectors,
                journal=self.history,
                keeping=self._keeping,
                memory=memories.get(settings.name),
                pictures=self.archive,
                store=self.history,
            )
            station.pictures.add(registrar.pictured)
            self.figures.follow(station, self.history)
            self.stations[settings.name] = await stack.enter_async_context(station)

    async def _recalled(self) -> tuple[Keeping, Mapping[str, Memory]]:
        """Whether answers wait for the journal, and what it remembers of the stations. Raises SinkError by policy."""
        wanted, keeping = self._settings.history, self._settings.history.keeping(self._settings.data_folder)
        if self.history is None:
            return keeping, {}
        if wanted.start != "retry":
            try:
                await self.history.check_open()
            except SinkError as error:
                if wanted.start == "fail":
                    raise
                log.error("answers do not wait for the history until the next start: it cannot be opened: %s", error)
                keeping = SHOWN_AT_ONCE
        names = [settings.name for settings in self._settings.stations]
        return keeping, await self.history.recall(names, offer_again=wanted.offer_again)

    def _archive(self, registrar: Registrar) -> Archive | None:
        settings = self._settings.archive
        folder = settings.place(self._settings.data_folder) if settings is not None else None
        if settings is None or folder is None:
            return None
        return settings.create(registrar, folder)

    def _tell_fault(self, standing: Fault, why: str) -> None:
        for station in self.stations.values():
            station.post(ev.PartFailed(standing) if why else ev.PartRecovered(standing))

    def inspectors(self, station: str) -> Sequence[RenewableInspector]:
        """Those of the station's views."""
        return self._inspectors[station]

    def take_over(self, settings: Settings, inspectors: Mapping[str, Sequence[Inspector]]) -> None:
        """Serve these settings from now on (H35); see `config_changes` for how they may differ.

        `inspectors` are the new ones of each station that has changed, entered where the old ones are. Raises
        LinkError, and nothing has changed, where stations would be at the same addresses.
        """
        before, self._settings = self._settings, settings
        try:
            for name, link in self.links.items():
                link.rearrange(self._station_views(name))
        except LinkError:
            self._settings = before
            raise
        self._recipe_names |= _recipe_names(settings)
        if self.archive is not None and settings.archive is not None:
            self.archive.choices = settings.archive.choices()
        for one in settings.stations:
            if one.name in inspectors:
                self._renew(one, inspectors[one.name])

    def _renew(self, settings: StationSettings, inspectors: Sequence[Inspector]) -> None:
        station = self.stations[settings.name]
        first = station.state.next_id

        def older_in_flight() -> bool:
            return any(inspection.id < first for inspection in station.state.flight)

        for old, new in zip(self._inspectors[settings.name], inspectors, strict=True):
            old.renew(new, first, older_in_flight)
        station.reconfigure([recipe.info() for recipe in settings.recipes], options_of(settings, self._keeping))

    def _registrar(self, boot_id: int) -> Registrar:
        return Registrar(boot_id, self._recipe_names)

    def _make_links(self, records: Records) -> dict[str, KeptLink]:
        """Made anew at each try of a link that is late: with the registers as they are by then."""
        identity = Identity(version=__version__)
        links, made = self._settings.links, dict[str, KeptLink]()

        def keep(name: str, start: Start, make: Callable[[], PlcLink]) -> None:
            made[name] = KeptLink(name, start, make, lambda down: self._tell_link_fault(name, down))

        if (modbus := links.modbus) is not None:
            keep("modbus", modbus.start, lambda: modbus.create(self._station_views("modbus"), identity))
        if (opcua := links.opcua) is not None:
            keep("opcua", opcua.start, lambda: opcua.create(self._station_views("opcua"), identity, records))
        return made

    def _tell_link_fault(self, name: str, down: bool) -> None:
        """The stations stay as they are: a PLC that is connected still works with them, and one that is not sees it."""
        (self._links_down.add if down else self._links_down.discard)(name)
        for station in self.stations.values():
            station.post(ev.PartFailed(LINK_DOWN) if self._links_down else ev.PartRecovered(LINK_DOWN))

    def _station_views(self, link: str) -> list[StationView]:
        return [
            StationView(
                self.stations[settings.name],
                settings.registers,
                controls=settings.control == link,
                unit=settings.modbus.unit,
                offset=settings.modbus.offset,
            )
            for settings in self._settings.stations
        ]


def _recipe_names(settings: Settings) -> dict[tuple[str, int], str]:
    return {(station.name, recipe.number): recipe.name for station in settings.stations for recipe in station.recipes}
