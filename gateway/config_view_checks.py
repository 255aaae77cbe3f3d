"""What no single table of a station's views can know: images that lead nowhere, views that nobody configured."""

from collections.abc import Iterator, Sequence

from gateway.config_tree import StationSettings
from gateway.config_views import ViewSettings, image_of
from gateway.core.errors import ConfigError
from gateway.core.views import MOST_VIEWS
from gateway.vision.settings import RecipeSettings

_EITHER = f"write [stations.source] for one view, or 2 to {MOST_VIEWS} [[stations.views]]"


def view_errors(file: str, i: int, station: StationSettings) -> Iterator[ConfigError]:
    """What is wrong with a station's source or views, and with what its recipes and user values say of them."""
    key, whose = f"stations[{i}]", f"(in '{station.name}')"
    if not station.views:
        if station.source is None:
            instead = f"add it: [stations.source]: Where images come from; or {_EITHER}"
            yield ConfigError(file, f"{key}.source", f"is missing {whose}", instead)
    else:
        for name in ("source", "simulation"):
            if getattr(station, name) is not None:
                instead = _EITHER if name == "source" else "write it in each of [[stations.views]]"
                yield ConfigError(file, f"{key}.{name}", f"is there beside [[stations.views]] {whose}", instead)
        if not 2 <= len(station.views) <= MOST_VIEWS:
            wrong = f"{len(station.views)} views {whose}, and a station has 2 to {MOST_VIEWS}"
            yield ConfigError(file, f"{key}.views", wrong, _EITHER)
        yield from _own_errors(file, key, station.views)
    yield from _references(file, key, station)


def _own_errors(file: str, key: str, views: Sequence[ViewSettings]) -> Iterator[ConfigError]:
    names = [view.name for view in views]
    for at, view in enumerate(views):
        here, whose = f"{key}.views[{at}]", f"(in '{view.name}')"
        if view.name in names[:at]:
            wrong = f'"{view.name}" is the name of views[{names.index(view.name)}] too'
            yield ConfigError(file, f"{here}.name", wrong, "give each view a name of its own")
        elif (view.source is None) == (not view.same_image_as):
            wrong = "has no image" if view.source is None else "has a source and same_image_as"
            instead = 'write [stations.views.source], or same_image_as = "another view"'
            yield ConfigError(file, here, f"{wrong} {whose}", instead)
        elif view.source is None:
            yield from _shared_image(file, here, views, view)
    with_source = [(at, view) for at, view in enumerate(views) if view.source is not None]
    if any(view.simulation is not None for _, view in with_source):
        for at, view in with_source:
            if view.simulation is None:
                wrong, instead = f"is missing (in '{view.name}')", "give each view with a source one, or none"
                yield ConfigError(file, f"{key}.views[{at}].simulation", wrong, instead)


def _shared_image(file: str, here: str, views: Sequence[ViewSettings], view: ViewSettings) -> Iterator[ConfigError]:
    """A view that judges the image of another one."""
    whose = f"(in '{view.name}')"
    others = [other.name for other in views if other.name != view.name and other.source is not None]
    one_of = f"write one of {', '.join(others)}" if others else "give one of the views a source"
    if view.same_image_as not in [other.name for other in views]:
        wrong = f'there is no view "{view.same_image_as}" {whose}'
        yield ConfigError(file, f"{here}.same_image_as", wrong, one_of)
    elif image_of(views, view) is None:
        wrong = f"leads in a circle, or to a view without a source {whose}"
        yield ConfigError(file, f"{here}.same_image_as", wrong, one_of)
    elif view is views[0]:
        wrong = f"the first view has no source of its own {whose}"
        instead = "put the view with the source first: it leads a continuous run"
        yield ConfigError(file, f"{here}.same_image_as", wrong, instead)
    if view.simulation is not None:
        wrong = f"is there, but the image is that of {view.same_image_as} {whose}"
        yield ConfigError(file, f"{here}.simulation", wrong, "take it out")


def _references(file: str, key: str, station: StationSettings) -> Iterator[ConfigError]:
    """Views that recipes and user values name."""
    names = [view.name for view in station.views]
    for at, recipe in enumerate(station.recipes):
        yield from _recipe_errors(file, f"{key}.recipes[{at}]", recipe, names)
    for at, value in enumerate(station.user_values):
        if value.view and value.view not in names:
            where, whose = f"{key}.user_values[{at}].view", f"(in '{value.name}')"
            yield ConfigError(file, where, f'there is no view "{value.view}" {whose}', _known(names))


def _recipe_errors(file: str, key: str, recipe: RecipeSettings, names: Sequence[str]) -> Iterator[ConfigError]:
    told: list[str] = []
    for at, own in enumerate(recipe.views):
        where, whose = f"{key}.views[{at}]", f"(in '{recipe.name}')"
        if own.view not in names:
            yield ConfigError(file, f"{where}.view", f'there is no view "{own.view}" {whose}', _known(names))
        elif own.view in told:
            wrong = f'"{own.view}" is there twice {whose}'
            yield ConfigError(file, f"{where}.view", wrong, "put all that is said of a view into one table")
        told.append(own.view)
    homeless = [name for name in names if not all(recipe.for_view(name).endpoints)]
    for name in homeless:
        where = f"{key}.views[{told.index(name)}].url" if name in told else f"{key}.views"
        wrong = f"view \"{name}\" has no url (in '{recipe.name}')"
        instead = (
            f'add url = "http://127.0.0.1:8000" to its [[stations.recipes.views]] (view = "{name}"), or to the recipe'
        )
        yield ConfigError(file, where, wrong, instead)


def _known(names: Sequence[str]) -> str:
    return f"write one of {', '.join(names)}" if names else "take it out: the station has no [[stations.views]]"
