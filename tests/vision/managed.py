"""A simulated Projects Manager, and an inspector that has its projects started by it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.cli.ports import free_port
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.sim.projects_manager import ManagerSimSettings, ManagerSimulator
from gateway.vision.inspector import PekatInspector
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.user_value_settings import UserValueSettings

CAP, LABEL = "C:\\projects\\cap", "/projects/Etiketa č. 2"
PROJECT = UserValueSettings.model_validate({"name": "project", "path": "globalData.project", "type": "string"})
"""Which project judged: the simulator's context tells."""


def projects(*ports: int) -> dict[str, PekatSimSettings]:
    """CAP and LABEL at these ports."""
    named = zip((CAP, LABEL), ports, strict=True)
    return {path: PekatSimSettings(port=port, project=path) for path, port in named}


@asynccontextmanager
async def manager(
    *, shared: bool = True, start_s: float = 0.2, running: Sequence[str] = ()
) -> AsyncIterator[ManagerSimulator]:
    """With two projects at one address (`shared`), or at an address each."""
    one = free_port()
    wanted = projects(one, one if shared else free_port())
    settings = ManagerSimSettings(wanted, port=0, start_s=start_s, running=running)
    async with ManagerSimulator(settings) as simulator:
        yield simulator


def managed(
    simulator: ManagerSimulator,
    *,
    change: str = "switch",
    port: int = 0,
    seconds: float = 5.0,
    paths: Sequence[str] = (CAP, LABEL),
    warm_up: Path | None = None,
    **manager_keys: Any,
) -> PekatInspector:
    """Recipe 1 is CAP, recipe 2 LABEL. `port` of the manager, where it is not the simulator's."""
    place = {"port": port or simulator.port, "change": change, "reply_timeout_ms": 500} | manager_keys
    settings = PekatSettings.model_validate({"manager": place})
    recipes = [
        RecipeSettings(number=at, name=path, project=path, url=simulator.url(known), warm_up=warm_up)
        for at, (path, known) in enumerate(zip(paths, (CAP, LABEL), strict=True), 1)
    ]
    return settings.create("station1", recipes, [PROJECT], recipe_timeout_ms=round(seconds * 1000))
