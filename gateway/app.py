"""The composition root: settings to parts to one running gateway. The only file that knows every part."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Self

from gateway import __version__
from gateway.blackbox import BlackBox
from gateway.config import Settings, StationSettings
from gateway.config_views import ViewSettings, image_of
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, LinkError
from gateway.core.resume import Memory
from gateway.ports import (
    Endpoint,
    Identity,
    ImageSource,
    Inspector,
    Journal,
    PictureSink,
    PlcLink,
    ResultSink,
    StationView,
)
from gateway.records import Records, Registrar
from gateway.sinks.archive import Archive
from gateway.sinks.history import History
from gateway.sinks.history_settings import SHOWN_AT_ONCE, Keeping
from gateway.sources import SourceSettings
from gateway.station.boot import next_boot_id
from gateway.station.health import HealthPolicy
from gateway.station.journaling import all_shown
from gateway.station.renewable import RenewableInspector
from gateway.station.station import Station
from gateway.station.views import View

log = logging.getLogger(__name__)


ARCHIVE_DOWN = Fault(ErrorCode.ARCHIVE_DOWN, Cause.ARCHIVE)
STOPPING_S = 0.5
"""How long the last answers may take into the journal, so that the PLC can still read them."""


def make_station(
    settings: StationSettings,
    boot_id: int,
    sinks: Sequence[ResultSink],
    *,
    journal: Journal | None = None,
    keeping: Keeping = SHOWN_AT_ONCE,
    memory: Memory | None = None,
    pictures: PictureSink | None = None,
    inspectors: Sequence[Inspector] | None = None,
) -> Station:
    """A station with its sources and inspectors, or with these inspectors of its views; nothing runs yet."""
    inspectors = inspectors_of(settings) if inspectors is None else inspectors
    first, *further = _views(settings, inspectors)
    assert first.source is not None  # config_views.py has seen to that
    options = settings.handshake.options(settings.view_names)
    return Station(
        settings.name,
        source=first.source,
        inspector=first.inspector,
        recipes=[recipe.info() for recipe in settings.recipes],
        recipe=settings.first_recipe,
        boot_id=boot_id,
        options=replace(options, keep_ms=keeping.wait_ms, show_unkept=keeping.show_unkept),
        user_tags=settings.user_tags,
        sinks=sinks,
        health=HealthPolicy(
            source_takes_offline=settings.source_down == "offline",
            inspector_takes_offline=settings.inspector_down == "offline",
        ),
        simulation=first.simulation,
        further=further,
        journal=journal,
        memory=memory,
        pictures=pictures,
    )


def inspectors_of(settings: StationSettings, first: int = 0) -> list[Inspector]:
    """One for each view. Raises ConfigError where an API key cannot be had.

    Recipe `first` is the one in force: they look after its project from the start.
    """
    recipes = sorted(settings.recipes, key=lambda recipe: recipe.number != first)
    most = settings.handshake.max_in_flight
    if not settings.views:
        return [settings.inspector.create(settings.name, recipes, settings.user_values, most)]
    names = settings.view_names
    made: list[Inspector] = []
    for view in names:
        values = [value for value in settings.user_values if (value.view or names[0]) == view]
        own = [recipe.for_view(view) for recipe in recipes]
        made.append(settings.inspector.create(f"{settings.name}-{view}", own, values, most))
    return made


def _views(settings: StationSettings, inspectors: Sequence[Inspector]) -> list[View]:
    """What looks at the station's parts; one view without a name where it has a source of its own."""
    if not settings.views:
        source, simulation = _made(settings.source, settings.name), _made(settings.simulation, settings.name)
        return [View("", inspectors[0], source, 0, simulation)]
    names = settings.view_names
    pairs = zip(settings.views, inspectors, strict=True)
    return [_view(settings, view, names, inspector) for view, inspector in pairs]


def _view(settings: StationSettings, view: ViewSettings, names: Sequence[str], inspector: Inspector) -> View:
    """One of several views; threads and pictures are named after the station and it."""
    name = f"{settings.name}-{view.name}"
    taken_by = image_of(settings.views, view)
    return View(
        view.name,
        inspector,
        _made(view.source, name),
        0 if taken_by is None or taken_by is view else names.index(taken_by.name) + 1,
        _made(view.simulation, name),
    )


def _made(source: SourceSettings | None, name: str) -> ImageSource | None:
    return source.create(name) if source is not None else None


class Gateway:
    """All stations and links of one configuration. Entered, it serves; left, every open trigger has its answer.

    Raises LinkError where a port cannot be had, and SourceError or InspectorError for what cannot mend itself.
    """

    def __init__(self, settings: Settings, sinks: Sequence[ResultSink] = ()) -> None:
        self._settings = settings
        self._sinks = tuple(sinks)
        self._stack = AsyncExitStack()
        self.stations: dict[str, Station] = {}
        self.links: dict[str, PlcLink] = {}
        self.history: History | None = None
        self.archive: Archive | None = None
        self.black_box = BlackBox()
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
            for sink in sinks:
                await stack.enter_async_context(sink)
            await self._enter_stations(stack, boot_id, sinks)
            if self.archive is not None:
                stack.callback(self.archive.on_fault(self._tell_archive_fault))
                stack.callback(self.archive.on_loss(lambda name, lost: self.stations[name].post(ev.ImagesLost(lost))))
            for name, link in self._make_links(Records(registrar, self.history)).items():
                self.links[name] = await stack.enter_async_context(link)
            self._stack = stack.pop_all()
        for endpoint in self.endpoints:
            log.info("%s at %s", endpoint.link, endpoint.url)
        return self

    async def drain(self, at_once: asyncio.Event) -> None:
        """Take no new triggers and finish what is in flight (H33): for `stop_timeout_ms`, or until `at_once`."""
        for station in self.stations.values():
            station.post(ev.Draining())
        hurried = asyncio.create_task(at_once.wait(), name="stop-at-once")
        finished = asyncio.create_task(self._all_shown(), name="drain")
        patience = self._settings.gateway.stop_timeout_ms / 1000
        await asyncio.wait({hurried, finished}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        finished.cancel()
        await asyncio.wait({hurried, finished})

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

    async def _enter_stations(self, stack: AsyncExitStack, boot_id: int, sinks: Sequence[ResultSink]) -> None:
        """Each goes on where the journal ends."""
        history, data = self._settings.history, self._settings.data_folder
        names = [settings.name for settings in self._settings.stations]
        memories: dict[str, Memory] = {}
        if self.history is not None:
            memories = await self.history.recall(names, offer_again=history.offer_again)
        for settings in self._settings.stations:
            inspectors = [RenewableInspector(one) for one in inspectors_of(settings)]
            self._inspectors[settings.name] = inspectors
            station = make_station(
                settings,
                boot_id,
                sinks,
                inspectors=inspectors,
                journal=self.history,
                keeping=history.keeping(data),
                memory=memories.get(settings.name),
                pictures=self.archive,
            )
            self.black_box.follow(station.name, station.observe, station.pictures.add)
            self.stations[settings.name] = await stack.enter_async_context(station)

    def _archive(self, registrar: Registrar) -> Archive | None:
        settings = self._settings.archive
        folder = settings.place(self._settings.data_folder) if settings is not None else None
        if settings is None or folder is None:
            return None
        return settings.create(registrar, folder)

    def _tell_archive_fault(self, fault: str) -> None:
        for station in self.stations.values():
            station.post(ev.PartFailed(ARCHIVE_DOWN) if fault else ev.PartRecovered(ARCHIVE_DOWN))

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
        station.reconfigure([recipe.info() for recipe in settings.recipes], settings.handshake.options())

    def _registrar(self, boot_id: int) -> Registrar:
        return Registrar(boot_id, self._recipe_names)

    def _make_links(self, records: Records) -> dict[str, PlcLink]:
        identity = Identity(version=__version__)
        links = self._settings.links
        made: dict[str, PlcLink] = {}
        if links.modbus is not None:
            made["modbus"] = links.modbus.create(self._station_views("modbus"), identity)
        if links.opcua is not None:
            made["opcua"] = links.opcua.create(self._station_views("opcua"), identity, records)
        return made

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
