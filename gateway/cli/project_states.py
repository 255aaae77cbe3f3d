"""What Projects Managers say of their projects, all asked at once: for `check`, `doctor` and `pekat projects`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from gateway.config import Settings
from gateway.core.errors import ErrorCode, RecipeError
from gateway.vision.projects_client import ManagerPlace, ProjectsClient


@dataclass(frozen=True, slots=True)
class AskedProject:
    """One project of one manager, and whom it is for."""

    place: ManagerPlace
    project: str
    whose: str = ""


@dataclass(frozen=True, slots=True)
class ProjectState:
    """`state` is the manager's word, empty where `wrong` says why there is none. `silent`: the manager is at fault."""

    asked: AskedProject
    state: str = ""
    wrong: str = ""
    hint: str = ""
    silent: bool = False

    @property
    def text(self) -> str:
        return self.state or self.wrong


def projects_of(settings: Settings) -> list[AskedProject]:
    """Every project of every recipe that has a Projects Manager."""
    return [
        AskedProject(manager.place, recipe.for_view(view).project, f"{station.name}, {where}recipe {recipe.number}")
        for station in settings.stations
        if (manager := station.inspector.manager) is not None
        for recipe in station.recipes
        for view in station.view_names or ("",)
        for where in (f"view {view}, " if view else "",)
    ]


def project_states(asked: Sequence[AskedProject]) -> list[ProjectState]:
    """Ask all of them: as long as the slowest takes, and no longer than its time-outs. Never raises."""

    async def ask_all() -> list[ProjectState]:
        return list(await asyncio.gather(*(_state(one) for one in asked)))

    return asyncio.run(ask_all())


async def _state(asked: AskedProject) -> ProjectState:
    try:
        return ProjectState(asked, (await ProjectsClient(asked.place).status(asked.project)).value)
    except RecipeError as error:
        silent = error.code is ErrorCode.RECIPE_MANAGER
        return ProjectState(asked, wrong=str(error), hint=error.hint, silent=silent)


def states_table(states: Sequence[ProjectState]) -> Table:
    """One line for each project."""
    table = Table(title="PEKAT's Projects Manager", title_justify="left", title_style="bold")
    for title in ("for", "manager", "project", "state"):
        table.add_column(title, overflow="fold")
    for one in states:
        style = "green" if one.state == "running" else "bold red" if one.wrong else ""
        table.add_row(one.asked.whose, str(one.asked.place), one.asked.project, Text(one.text, style=style))
    return table
