"""What no single table can know: names and numbers given twice, addresses and ports that clash, missing links."""

import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from gateway.config_errors import flat, key_text
from gateway.config_project_checks import project_errors
from gateway.config_tree import LinkSettings, Settings, StationSettings
from gateway.config_view_checks import view_errors
from gateway.core.errors import ConfigError
from gateway.core.registers import RegisterMap
from gateway.sinks.archive_settings import ArchiveOverride

Stations = Mapping[int, StationSettings]
"""Stations by their place in the file."""

BITS = 16
"""Coils, and discrete inputs, that a station has."""
STRIDE = 256
"""Offsets that are suggested: a multiple of it moves bits by whole words too."""
_Span = tuple[int, int]
_Place = TypeVar("_Place", bound=Hashable)
_Thing = TypeVar("_Thing", bound=Hashable)


def cross_errors(file: str, links: LinkSettings | None, stations: Stations) -> Iterator[ConfigError]:
    """All of them. `links` is None where that table is wrong by itself; only right stations are in `stations`."""
    maps: dict[int, RegisterMap] = {}
    yield from _twice_names(file, stations)
    for i, station in stations.items():
        yield from _station_errors(file, i, station)
        yield from view_errors(file, i, station)
        yield from _map_errors(file, i, station, maps)
    yield from project_errors(file, stations)
    yield from _shared_folders(file, stations)
    if links is not None:
        yield from _link_errors(file, links, stations)
        if links.modbus is not None:
            yield from _address_errors(file, stations, maps)


def archive_errors(file: str, settings: Settings) -> Iterator[ConfigError]:
    """Of the image archive: it needs a folder, and one in which nobody looks for new pictures; overrides of what is."""
    if settings.archive is None:
        return
    yield from _override_errors(file, settings.archive.overrides, settings.stations)
    place = settings.archive.place(settings.data_folder)
    if place is None:
        instead = 'write folder = "archive", or name a folder for all data: data = "data" below [gateway]'
        yield ConfigError(file, "archive.folder", "nothing says where images are kept", instead)
        return
    for station in settings.stations:
        for folder in station.drop_folders.values():
            if place.is_relative_to(folder):
                wrong = f'{place} lies in {folder}, a drop folder of station "{station.name}"'
                yield ConfigError(file, "archive.folder", wrong, "name a folder elsewhere: its images would be parts")


def _override_errors(
    file: str, overrides: Sequence[ArchiveOverride], stations: Sequence[StationSettings]
) -> Iterator[ConfigError]:
    recipes = {station.name: [recipe.number for recipe in station.recipes] for station in stations}
    for at, one in enumerate(overrides):
        key = f"archive.overrides[{at}]"
        if one.station not in recipes:
            there = ", ".join(recipes)
            yield ConfigError(file, f"{key}.station", f'there is no station "{one.station}"', f"there are: {there}")
        elif one.recipe is not None and one.recipe not in recipes[one.station]:
            there = ", ".join(map(str, recipes[one.station]))
            wrong = f'station "{one.station}" has no recipe {one.recipe}'
            yield ConfigError(file, f"{key}.recipe", wrong, f"its recipes are: {there}")
    places = {at: one.place for at, one in enumerate(overrides)}
    for at, earlier in _repeated(places):
        wrong = f"archive.overrides[{earlier}] is for the same"
        yield ConfigError(file, f"archive.overrides[{at}]", wrong, "write both in one table")


def _repeated(things: Mapping[_Place, _Thing]) -> Iterator[tuple[_Place, _Place]]:
    """(place, earlier place) of each thing that was there before."""
    seen: dict[_Thing, _Place] = {}
    for i, thing in things.items():
        if thing in seen:
            yield i, seen[thing]
        seen.setdefault(thing, i)


def _twice_names(file: str, stations: Stations) -> Iterator[ConfigError]:
    for i, first in _repeated({i: station.name for i, station in stations.items()}):
        wrong = f'"{stations[i].name}" is the name of stations[{first}] too'
        yield ConfigError(file, f"stations[{i}].name", wrong, "give each station a name of its own")


def _station_errors(file: str, i: int, station: StationSettings) -> Iterator[ConfigError]:
    numbers = [recipe.number for recipe in station.recipes]
    for at, first in _repeated(dict(enumerate(numbers))):
        key = f"stations[{i}].recipes[{at}].number"
        wrong = f'{numbers[at]} is the number of recipe "{station.recipes[first].name}" too'
        yield ConfigError(file, key, f"{wrong} (in '{station.name}')", f"write a free one, as {max(numbers) + 1}")
    for at, _ in _repeated({k: value.name for k, value in enumerate(station.user_values)}):
        key = f"stations[{i}].user_values[{at}].name"
        wrong = f"\"{station.user_values[at].name}\" is there twice (in '{station.name}')"
        yield ConfigError(file, key, wrong, "give each user value a name of its own")
    if station.first_recipe not in numbers:
        wrong = f"there is no recipe {station.initial_recipe} (in '{station.name}')"
        instead = f"write one of {', '.join(str(number) for number in numbers)}, or leave it out"
        yield ConfigError(file, f"stations[{i}].initial_recipe", wrong, instead)


def _map_errors(file: str, i: int, station: StationSettings, maps: dict[int, RegisterMap]) -> Iterator[ConfigError]:
    """The errors of a station's tag map; a right map goes into `maps`."""
    names = [value.name for value in station.user_values]
    if len(set(names)) < len(names):  # reported already; values of one name cannot be placed
        return
    try:
        maps[i] = station.registers
    except ConfigError as errors:
        for error in flat(errors):
            yield _at_station(file, i, station, error)


def _at_station(file: str, i: int, station: StationSettings, error: ConfigError) -> ConfigError:
    """A map's error as one of the configuration, where it is this file that has to change."""
    table, _, rest = error.key.partition(".")
    if table == "user_values":
        name, _, key = rest.partition(".")
        at = next(k for k, value in enumerate(station.user_values) if value.name == name)
        where = key_text(("stations", i, "user_values", at, *([key] if key else [])))
        return ConfigError(file, where, f"{error.wrong} (in '{station.name}', \"{name}\")", error.hint)
    if error.key in ("map", "(file)") and error.file == station.map:
        return ConfigError(file, f"stations[{i}].map", f"{error.file}: {error.wrong} (in '{station.name}')", error.hint)
    return error


def _shared_folders(file: str, stations: Stations) -> Iterator[ConfigError]:
    folders = {
        (i, table): os.path.normcase(os.path.realpath(folder))
        for i, station in stations.items()
        for table, folder in station.drop_folders.items()
    }
    for (i, table), (first, other) in _repeated(folders):
        wrong = f'{folders[i, table]} is the drop folder of station "{stations[first].name}" too'
        wrong += f" ({other})" if first == i else ""
        instead = "give each station a drop folder of its own, or a picture may be judged for the wrong part"
        if stations[i].views:
            instead = "give each view a drop folder of its own, or a picture may be judged in the wrong view"
        yield ConfigError(file, f"stations[{i}].{table}.folder", wrong, instead)


def _link_errors(file: str, links: LinkSettings, stations: Stations) -> Iterator[ConfigError]:
    if not links.names:
        yield ConfigError(file, "links", "there is no link", "write [links.modbus] or [links.opcua]")
        return
    for i, station in stations.items():
        if station.control not in links.names:
            wrong = f"there is no [links.{station.control}] (in '{station.name}')"
            instead = f'write control = "{links.names[0]}", or add [links.{station.control}]'
            yield ConfigError(file, f"stations[{i}].control", wrong, instead)
    yield from _port_clash(file, links)
    yield from _no_writer(file, links, stations)


def _no_writer(file: str, links: LinkSettings, stations: Stations) -> Iterator[ConfigError]:
    """Control tags over OPC UA that nobody has the right to write: the PLC would find out at its first trigger.

    Who is in a users file may change at any time: that there is one, is enough here.
    """
    opcua = links.opcua
    if opcua is None or opcua.anonymous == "operate" or opcua.users_file is not None:
        return
    if any(user.role != "viewer" for user in opcua.users):
        return
    instead = 'name a users_file, add [[links.opcua.users]] with role = "engineer", or write anonymous = "operate"'
    for i, station in stations.items():
        if station.control == "opcua":
            wrong = f"nobody may write the control tags over OPC UA (in '{station.name}')"
            yield ConfigError(file, f"stations[{i}].control", wrong, instead)


def _port_clash(file: str, links: LinkSettings) -> Iterator[ConfigError]:
    modbus, opcua = links.modbus, links.opcua
    if modbus is None or opcua is None or not modbus.port or modbus.port != opcua.port:
        return
    everywhere = {"0.0.0.0", "::"}
    if modbus.host in opcua.hosts or everywhere & {modbus.host, *opcua.hosts}:
        wrong = f"port {opcua.port} is taken by [links.modbus]"
        yield ConfigError(file, "links.opcua.port", wrong, "write another port; 4840 is usual, and 502 for Modbus")


def _address_errors(file: str, stations: Stations, maps: Mapping[int, RegisterMap]) -> Iterator[ConfigError]:
    spans = {i: _spans(registers, stations[i].modbus.offset) for i, registers in maps.items()}
    for i, kinds in spans.items():
        for kind, (_, end) in kinds.items():
            if end > 65536:
                wrong = f"{kind} would end at {end - 1}, past 65535 (in '{stations[i].name}')"
                yield ConfigError(
                    file, f"stations[{i}].modbus.offset", wrong, "write a smaller offset, or use a unit id"
                )
    for one, other in combinations(spans, 2):
        if _share_unit(stations[one], stations[other]):
            yield from _overlap(file, one, other, stations, spans)


def _share_unit(one: StationSettings, other: StationSettings) -> bool:
    """Can one request mean both? A station without a unit id answers to all of them."""
    units = {one.modbus.unit, other.modbus.unit}
    return None in units or len(units) == 1


def _overlap(
    file: str, one: int, other: int, stations: Stations, spans: Mapping[int, Mapping[str, _Span]]
) -> Iterator[ConfigError]:
    """One error for two stations that lie on each other, whatever lies on what."""
    for kind, (start, end) in spans[other].items():
        first, last = spans[one][kind]
        if start < last and first < end:
            wrong = f'{kind} {start}..{end - 1} lie on those of station "{stations[one].name}" ({first}..{last - 1})'
            beyond = max(kinds["registers"][1] for kinds in spans.values())
            offset = -(-beyond // STRIDE) * STRIDE
            instead = f"write modbus = {{ offset = {offset} }}, or give each station a unit id of its own"
            yield ConfigError(file, f"stations[{other}].modbus", f"{wrong} (in '{stations[other].name}')", instead)
            return


def _spans(registers: RegisterMap, offset: int) -> dict[str, _Span]:
    """What a station takes in each address space; gaps between its blocks are its own."""
    blocks = registers.blocks
    coils, discretes = registers.coils + offset // BITS, registers.discretes + offset // BITS
    return {
        "registers": (min(block.start for block in blocks) + offset, max(block.end for block in blocks) + offset),
        "coils": (coils, coils + BITS),
        "discrete inputs": (discretes, discretes + BITS),
    }
