"""One station's settings to its parts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from gateway.config import StationSettings
from gateway.config_views import ViewSettings, image_of
from gateway.core.resume import Memory
from gateway.core.state import Options
from gateway.ports import ImageSource, Inspector, Journal, PictureSink, ResultSink, ResultStore
from gateway.sinks.history_settings import SHOWN_AT_ONCE, Keeping
from gateway.sources import SourceSettings
from gateway.station.health import HealthPolicy
from gateway.station.station import Station
from gateway.station.views import View


def make_station(
    settings: StationSettings,
    boot_id: int,
    sinks: Sequence[ResultSink],
    *,
    journal: Journal | None = None,
    keeping: Keeping = SHOWN_AT_ONCE,
    memory: Memory | None = None,
    pictures: PictureSink | None = None,
    store: ResultStore | None = None,
    inspectors: Sequence[Inspector] | None = None,
) -> Station:
    """A station with its sources and inspectors, or with these inspectors of its views; nothing runs yet."""
    inspectors = inspectors_of(settings) if inspectors is None else inspectors
    first, *further = _views(settings, inspectors)
    assert first.source is not None  # config_views.py has seen to that
    return Station(
        settings.name,
        source=first.source,
        inspector=first.inspector,
        recipes=[recipe.info() for recipe in settings.recipes],
        recipe=settings.first_recipe,
        boot_id=boot_id,
        options=options_of(settings, keeping),
        user_tags=settings.user_tags,
        sinks=sinks,
        health=HealthPolicy(
            source_takes_offline=settings.source_down == "offline",
            inspector_takes_offline=settings.inspector_down == "offline",
            source_start=settings.source_start,
            inspector_start=settings.inspector_start,
        ),
        simulation=first.simulation,
        further=further,
        journal=journal,
        memory=memory,
        pictures=pictures,
        store=store,
    )


def options_of(settings: StationSettings, keeping: Keeping) -> Options:
    """What the core goes by."""
    options = settings.handshake.options(settings.view_names, settings.own_timeouts_ms)
    return replace(options, keep_ms=keeping.wait_ms, show_unkept=keeping.show_unkept)


class _Readiness(TypedDict):
    """How an inspector is told in which time recipes are to be ready, and whether the first is warmed up."""

    recipe_timeout_ms: int
    warm_at_start: bool


def inspectors_of(settings: StationSettings, first: int = 0) -> list[Inspector]:
    """One for each view. Raises ConfigError where an API key cannot be had.

    Recipe `first` is the one in force: they look after its project from the start. 0: the gateway starts.
    """
    in_force = first or settings.first_recipe
    recipes = sorted(settings.recipes, key=lambda recipe: recipe.number != in_force)
    most = settings.handshake.max_in_flight
    how = _Readiness(recipe_timeout_ms=settings.handshake.recipe_timeout_ms, warm_at_start=not first)
    if not settings.views:
        return [settings.inspector.create(settings.name, recipes, settings.user_values, most, **how)]
    names = settings.view_names
    made: list[Inspector] = []
    for view in names:
        values = [value for value in settings.user_values if (value.view or names[0]) == view]
        own = [recipe.for_view(view) for recipe in recipes]
        made.append(settings.inspector.create(f"{settings.name}-{view}", own, values, most, **how))
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
