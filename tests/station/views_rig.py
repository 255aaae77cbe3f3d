"""A real station with several views, each with parts in memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from gateway.core.state import Options
from gateway.station.health import HealthPolicy
from gateway.station.station import Station
from gateway.station.views import View
from tests.bare_station import RECIPES
from tests.station.parts import MemoryInspector, MemorySource
from tests.station.rig import Rig

NAMES = ("top", "side", "bottom")


class ViewsRig(Rig):
    """`sources` and `inspectors` by view, as given or plain. Views in `sharing` judge the picture of view number 1."""

    def __init__(
        self,
        names: Sequence[str] = NAMES,
        sharing: Sequence[str] = (),
        sources: Mapping[str, MemorySource] = MappingProxyType({}),
        inspectors: Mapping[str, MemoryInspector] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        policy = options.pop("policy", HealthPolicy(check_s=0.01))
        super().__init__()
        self.sources = {name: sources.get(name) or MemorySource() for name in names if name not in sharing}
        self.simulations = {name: MemorySource() for name in self.sources}
        self.inspectors = {name: inspectors.get(name) or MemoryInspector() for name in names}
        first, *others = names
        self.station = Station(
            "s1",
            source=self.sources[first],
            inspector=self.inspectors[first],
            recipes=RECIPES,
            recipe=1,
            boot_id=7,
            options=Options(views=tuple(names), **options),
            sinks=[self.sink],
            health=policy,
            simulation=self.simulations[first],
            further=[
                View(
                    name,
                    self.inspectors[name],
                    self.sources.get(name),
                    1 if name in sharing else 0,
                    self.simulations.get(name),
                )
                for name in others
            ],
        )

    def rows(self, column: str = "verdict") -> list[int]:
        return [self.tag(f"views[{row}].{column}") for row in range(1, self.tag("view_count") + 1)]

    @property
    def entered(self) -> set[int]:
        sources = (*self.sources.values(), *self.simulations.values())
        return {one.entered for one in sources} | {one.entered for one in self.inspectors.values()}


@asynccontextmanager
async def looking(*names: str, **options: Any) -> AsyncIterator[ViewsRig]:
    rig = ViewsRig(names or NAMES, **options)
    async with rig.station:
        rig.write(enable=False)
        rig.write(enable=True)
        yield rig
