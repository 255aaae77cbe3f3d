"""What no single table of a recipe can know: whether a Projects Manager can have its project run, and its picture."""

from collections.abc import Iterator, Mapping

from gateway.config_tree import StationSettings
from gateway.core.errors import ConfigError
from gateway.vision.projects_settings import ManagerSettings
from gateway.vision.settings import RecipeSettings

Stations = Mapping[int, StationSettings]
"""Stations by their place in the file."""


def project_errors(file: str, stations: Stations) -> Iterator[ConfigError]:
    """Of all stations: two of them may have one Projects Manager."""
    for i, station in stations.items():
        for key, whose, recipe in _as_judged(i, station):
            yield from _recipe_errors(file, key, whose, recipe, station.inspector.manager)
        if station.inspector.manager is not None:
            yield from _switch_errors(file, i, station, station.inspector.manager, stations)
    yield from _address_errors(file, stations)


def _as_judged(i: int, station: StationSettings) -> Iterator[tuple[str, str, RecipeSettings]]:
    """Key, whose it is, and the recipe as it judges: with several views, once for each of them."""
    for at, recipe in enumerate(station.recipes):
        key = f"stations[{i}].recipes[{at}]"
        for view in station.view_names or ("",):
            whose = f"(in '{recipe.name}'{f', view {view}' if view else ''})"
            yield key, whose, recipe.for_view(view)


def _recipe_errors(
    file: str, key: str, whose: str, recipe: RecipeSettings, manager: ManagerSettings | None
) -> Iterator[ConfigError]:
    if recipe.project and manager is None:
        instead = "add the table [stations.inspector.manager], or leave the project's start to PEKAT"
        yield ConfigError(file, f"{key}.project", f"there is no Projects Manager to start it {whose}", instead)
    if manager is not None and not recipe.project:
        instead = "add the project's path, as the Projects Manager shows it: the PLC may ask for this recipe"
        yield ConfigError(file, f"{key}.project", f"is missing, though there is a Projects Manager {whose}", instead)
    if manager is not None and len(recipe.endpoints) > 1:
        instead = "write one url; or have those projects start with PEKAT, and leave [stations.inspector.manager] out"
        wrong = f"one Projects Manager cannot start a project at {len(recipe.endpoints)} addresses {whose}"
        yield ConfigError(file, f"{key}.urls", wrong, instead)
    try:
        recipe.warm_up_picture()
    except ConfigError as error:
        yield ConfigError(file, f"{key}.warm_up", f"{recipe.warm_up}: {error.wrong} {whose}", error.hint)


def _switch_errors(
    file: str, i: int, station: StationSettings, manager: ManagerSettings, stations: Stations
) -> Iterator[ConfigError]:
    """`switch` stops every other project of the manager: also those of other views and stations."""
    if manager.change != "switch":
        return
    key = f"stations[{i}].inspector.manager.change"
    instead = 'write change = "start", and give each project a port of its own'
    if station.views:
        yield ConfigError(file, key, f"a switch would stop the other views' projects (in '{station.name}')", instead)
    for other in stations.values():
        if other is not station and _same(other.inspector.manager, manager):
            wrong = f"a switch would stop the projects of station \"{other.name}\" (in '{station.name}')"
            yield ConfigError(file, key, wrong, instead)


def _same(one: ManagerSettings | None, other: ManagerSettings) -> bool:
    return one is not None and (one.host, one.port) == (other.host, other.port)


def _address_errors(file: str, stations: Stations) -> Iterator[ConfigError]:
    """Without a switch, a project keeps its port: another one cannot start there."""
    seen: dict[str, str] = {}
    for i, station in stations.items():
        manager = station.inspector.manager
        if manager is None or manager.change == "switch":
            continue
        for key, whose, recipe in _as_judged(i, station):
            for url in recipe.endpoints:
                first = seen.setdefault(url, recipe.project)
                if first != recipe.project:
                    wrong = f"{url} is the address of project {first} too, which is not stopped {whose}"
                    instead = 'give each project a port of its own, or write change = "switch" for the manager'
                    yield ConfigError(file, f"{key}.url", wrong, instead)
