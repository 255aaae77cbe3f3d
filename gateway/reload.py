"""gateway.toml read anew by a running gateway: all that can change live changes at one moment, or nothing does."""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from gateway.app import Gateway
from gateway.assembly import inspectors_of
from gateway.config import Settings, StationSettings, load_settings
from gateway.config_changes import Changes, changes
from gateway.core.errors import ConfigError, InspectorError
from gateway.ports import Inspector
from gateway.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 3.0
"""As long as a station's own check of its inspector may take."""


@dataclass(slots=True)
class Reloader:
    """Reloads `file` into `gateway`, one reload at a time."""

    gateway: Gateway
    file: Path
    _one: asyncio.Lock

    @classmethod
    def of(cls, gateway: Gateway, file: Path) -> "Reloader":
        return cls(gateway, file, asyncio.Lock())

    async def reload(self) -> Changes:
        """What was taken over, and what needs a restart. Raises GatewayError; then nothing has changed."""
        async with self._one:
            new = await self._read()
            found = changes(self.gateway.settings, new)
            await self._take_over(found.settings)
        logging.getLogger().setLevel(found.settings.gateway.log_level.upper())
        log.info("reloaded %s: %s", self.file, ", ".join(found.made) or "nothing has changed")
        if found.left:
            log.warning("reloaded %s: needs a restart, and is as it was: %s", self.file, ", ".join(found.left))
        return found

    async def _read(self) -> Settings:
        """In a thread: a large file takes some 10 ms."""
        async with Worker("reload") as reading:
            return await reading.submit(lambda: load_settings(self.file))

    async def _take_over(self, settings: Settings) -> None:
        """New inspectors are brought up first. Then everything is swapped without a turn of the loop in between."""
        async with AsyncExitStack() as stack:
            made: dict[str, list[Inspector]] = {}
            for before, station in zip(self.gateway.settings.stations, settings.stations, strict=True):
                self._check(station)
                if station == before:
                    continue
                state = self.gateway.stations[station.name].state
                wanted = state.recipe if state.changing is None else state.changing.recipe
                made[station.name] = inspectors_of(station, wanted)
                for new, old in zip(made[station.name], self.gateway.inspectors(station.name), strict=True):
                    if old.entered:
                        await stack.enter_async_context(new)
                        await _look(station.name, new)
            for station in settings.stations:
                self._check(station)  # anew: bringing inspectors up took its time
            self.gateway.take_over(settings, made)
            stack.pop_all()  # they are the stations' now

    def _check(self, station: StationSettings) -> None:
        """Whether the station can do without its old recipes."""
        state = self.gateway.stations[station.name].state
        numbers = {recipe.number for recipe in station.recipes}
        for number in (state.recipe, *((state.changing.recipe,) if state.changing is not None else ())):
            if number not in numbers:
                wrong = f"recipe {number} is in force, or is being changed to, and is no longer there"
                hint = "keep it, or change to another recipe at the PLC first"
                raise ConfigError(str(self.file), f"stations[{station.name}].recipes", wrong, hint)
        for inspector in self.gateway.inspectors(station.name):
            inspector.check_renewable()


async def _look(station: str, inspector: Inspector) -> None:
    """Let it see that its project runs before it has to judge: the part that came first would go undecided.

    One that does not answer is taken over all the same: so was the old one, and the station's health says it.
    """
    try:
        async with asyncio.timeout(LOOK_S):
            await inspector.check()
    except (InspectorError, TimeoutError) as error:
        log.info("%s: the inspector of the new configuration is not well yet: %s", station, error or "no answer")
