"""Reads mappings/*.toml into register maps, checked: unknown tags, overlaps, types, addresses, `extends`.

A map is named by the name of a shipped one (`standard`) or by a path to a file. The format is in mappings/README.md.
"""

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from gateway.config_errors import nearest, parse_toml, raise_all, read_toml
from gateway.core.errors import ConfigError
from gateway.core.registers import Block, Place, RegisterMap, width
from gateway.core.tags import QUERY_TAGS, STANDARD_TAGS, VIEW_TAGS, Tag
from gateway.tagmap_checks import Blame, cells, check_map, span_text
from gateway.tagmap_file import BlockText, MapFile, MapText, Spot, parse_map

DEEPEST = 8
"""Maps that extend maps: more than this nobody can follow."""


@dataclass(frozen=True, slots=True)
class TagMap:
    """A map with what its file says about it. `chain` are the maps it extends, nearest first."""

    file: str
    name: str
    version: int
    why: str
    chain: tuple[str, ...]
    registers: RegisterMap


def load_map(
    name_or_path: str | Path,
    user_tags: Sequence[Tag] = (),
    registers: Mapping[str, int] | None = None,
    *,
    several_views: bool = False,
) -> RegisterMap:
    """The map with a station's user values in its user block, and with the views block where it has several views.

    They stand behind `user_result_seq` in their order, or at the register that `registers` gives for a tag's name.
    Raises ConfigError or ConfigErrors; keys of errors in user values begin with `user_values`.
    """
    tag_map = read_map(name_or_path, several_views=several_views)
    return _with_user_tags(tag_map, user_tags, registers or {})


def read_map(name_or_path: str | Path, *, several_views: bool = True) -> TagMap:
    """The map without user values, as a station with several views has it, or one with one view.

    Where it needs the registers of a query block that it only inherits, it is read without that block: maps are older
    than it. Raises ConfigError, or ConfigErrors with all that is wrong.
    """
    chain = _chain(str(name_or_path))
    first = chain[0]
    spots: dict[str, Spot | None] = {}
    for layer in reversed(chain):
        spots |= layer.spots
    left_out = frozenset() if several_views else _VIEW_NAMES
    kept = {name: spot for name, spot in spots.items() if spot is not None and name not in left_out}
    registers, errors = _checked(chain, kept)
    if errors and all(spot.file != first.file for name, spot in kept.items() if name in _QUERY_NAMES):
        fewer = {name: spot for name, spot in kept.items() if name not in _QUERY_NAMES}
        without, still = _checked(chain, fewer)
        registers, errors = (without, still) if not still else (registers, errors)
    raise_all(errors)
    names = tuple(layer.text.name for layer in chain[1:])
    return TagMap(first.file, first.text.name, first.text.version, first.text.why.strip(), names, registers)


def shipped_maps() -> tuple[str, ...]:
    """The names of the maps that come with the gateway."""
    files = [entry.name for entry in _shipped_folder().iterdir()]
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def is_path(name_or_path: str) -> bool:
    """Whether a map is named by its file: a shipped map's name has no dot and no separator."""
    return any(mark in name_or_path for mark in "./\\")


def _shipped_folder() -> Traversable:
    """`gateway/mappings` in an installed wheel, `mappings` beside the package in a source checkout."""
    package = importlib.resources.files("gateway")
    inside = package.joinpath("mappings")
    return inside if inside.is_dir() else Path(str(package)).parent / "mappings"


def _chain(name_or_path: str) -> list[MapFile]:
    """The map's own file, then what it extends, up to one that extends nothing."""
    chain: list[MapFile] = []
    wanted: str | None = name_or_path
    folder, asked_by = Path(), ""
    while wanted is not None:
        layer, folder = _read(wanted, folder, asked_by)
        if layer.file in [other.file for other in chain]:
            circle = " -> ".join([*(other.text.name for other in chain), layer.text.name])
            raise ConfigError(asked_by, "extends", f"maps extend each other in a circle: {circle}", "break the circle")
        chain.append(layer)
        if len(chain) > DEEPEST:
            raise ConfigError(asked_by, "extends", f"more than {DEEPEST} maps deep", "extend a map nearer the root")
        wanted, asked_by = layer.text.extends, layer.file
    return chain


def _read(name_or_path: str, folder: Path, asked_by: str) -> tuple[MapFile, Path]:
    """One file, and the folder that paths in it are relative to."""
    if is_path(name_or_path):
        path = (folder / name_or_path).resolve()
        if asked_by and not path.is_file():
            raise ConfigError(asked_by, "extends", f"there is no file {path}", "name a shipped map or a file")
        return parse_map(str(path), read_toml(path)), path.parent
    resource = _shipped_folder().joinpath(f"{name_or_path}.toml")
    if not resource.is_file():
        raise _unknown(name_or_path, asked_by)
    text = resource.read_text(encoding="utf-8")
    return parse_map(str(resource), parse_toml(str(resource), text)), Path(str(resource)).parent


def _unknown(name: str, asked_by: str) -> ConfigError:
    shipped = shipped_maps()
    close = nearest(name, shipped)
    instead = f"write one of {', '.join(shipped)}, or a path to a .toml file (./my_map.toml)"
    if close:
        instead = f"did you mean {close}? {instead}"
    return ConfigError(asked_by or name, "extends" if asked_by else "map", f"there is no map {name!r}", instead)


def _checked(chain: Sequence[MapFile], spots: Mapping[str, Spot]) -> tuple[RegisterMap, list[ConfigError]]:
    """The layers merged, and all that is wrong with them."""
    registers = _registers(chain, spots)
    blame = Blame(chain[0].file, {name: spot.file for name, spot in spots.items()})
    return registers, check_map(registers, blame)


def _registers(chain: Sequence[MapFile], spots: Mapping[str, Spot]) -> RegisterMap:
    """The layers merged, not yet checked. Raises ConfigErrors for what no layer says."""
    said: dict[str, Any] = {}
    for layer in reversed(chain):
        said |= _said(layer.text)
    missing = [key for key in _SAMPLES if key not in said]
    instead = 'write {}, or extends = "standard"'
    raise_all([ConfigError(chain[0].file, key, "is missing", instead.format(_SAMPLES[key])) for key in missing])
    blocks = {name: Block(said[f"blocks.{name}.start"], said[f"blocks.{name}.size"]) for name in _BLOCKS}
    for name, tags in _FURTHER.items():
        if tags & spots.keys() and {f"blocks.{name}.start", f"blocks.{name}.size"} <= said.keys():
            blocks[name] = Block(said[f"blocks.{name}.start"], said[f"blocks.{name}.size"])
    places = [Place(STANDARD_TAGS[name], spot.register, spot.bit) for name, spot in spots.items()]
    values: dict[str, Any] = {key: said[key] for key in _SAMPLES if "." not in key} | blocks
    return RegisterMap(name=chain[0].text.name, **values, places=_sorted(places))


_VIEW_NAMES = frozenset(tag.name for tag in VIEW_TAGS)
_QUERY_NAMES = frozenset(tag.name for tag in QUERY_TAGS) | {"result_query"}
_FURTHER = {"views": _VIEW_NAMES, "query": _QUERY_NAMES - {"result_query"}}
"""Blocks that are there where one of these tags is."""
_BLOCKS = ("status", "user", "control")
_SAMPLES = {
    "word_order": 'word_order = "ABCD"',
    "string_order": 'string_order = "high_first"',
    "string_end": 'string_end = "length_word"',
    "coils": "coils = 0",
    "discretes": "discretes = 0",
    **{f"blocks.{name}.start": f"{name} = {{ start = .., size = .. }}" for name in _BLOCKS},
    **{f"blocks.{name}.size": f"{name} = {{ start = .., size = .. }}" for name in _BLOCKS},
}


def _said(text: MapText) -> dict[str, Any]:
    """What one file says of the keys in _SAMPLES."""
    values: dict[str, Any] = {key: getattr(text, key) for key in _SAMPLES if "." not in key}
    for name in (*_BLOCKS, *_FURTHER):
        block: BlockText = getattr(text.blocks, name)
        values |= {f"blocks.{name}.start": block.start, f"blocks.{name}.size": block.size}
    return {key: value for key, value in values.items() if value is not None}


def _sorted(places: Sequence[Place]) -> tuple[Place, ...]:
    return tuple(sorted(places, key=lambda place: (place.register, place.bit or 0)))


def _with_user_tags(tag_map: TagMap, tags: Sequence[Tag], given: Mapping[str, int]) -> RegisterMap:
    registers = tag_map.registers
    taken = {register: p.tag.name for p in registers.places for register, _ in cells(p)}
    errors: list[ConfigError] = []
    placed: list[Place] = []
    for tag in sorted(tags, key=lambda tag: tag.name not in given):  # the free ones go round the fixed ones
        try:
            place = _place(tag, given.get(tag.name), registers.user, taken, tag_map)
        except ConfigError as error:
            errors.append(error)
        else:
            placed.append(place)
            taken |= {register: tag.name for register, _ in cells(place)}
    raise_all(errors)
    return replace(registers, places=_sorted([*registers.places, *placed]))


def _place(tag: Tag, at: int | None, block: Block, taken: Mapping[int, str], tag_map: TagMap) -> Place:
    key = f"user_values.{tag.name.removeprefix('user.')}"
    size = width(tag)
    where = f"{block.start + 1} to {block.end - size}"
    if at is None:
        free = _first_free(size, block, taken)
        if free is None:
            wrong = f"no {size} registers are free for it in block user ({block.start}..{block.end - 1})"
            instead = (
                f'use shorter or fewer values, or a map of your own: extends = "{tag_map.name}", larger blocks.user'
            )
            raise ConfigError(tag_map.file, key, wrong, instead)
        return Place(tag, free)
    if not block.holds(at, size):
        wrong = f"{span_text(at, size)} is outside block user ({block.start}..{block.end - 1})"
        raise ConfigError(tag_map.file, f"{key}.register", wrong, f"write a register from {where}, or leave it out")
    other = next((taken[register] for register in range(at, at + size) if register in taken), None)
    if other is not None:
        wrong = f"{tag.name} at {span_text(at, size)} overlaps {other}"
        raise ConfigError(tag_map.file, f"{key}.register", wrong, "write a free register, or leave it out")
    return Place(tag, at)


def _first_free(size: int, block: Block, taken: Mapping[int, str]) -> int | None:
    """The first `size` free registers behind everything in the block that belongs to the map itself."""
    own = [register for register, name in taken.items() if name in STANDARD_TAGS and block.holds(register, 1)]
    first = max(own, default=block.start - 1) + 1
    starts = range(first, block.end - size + 1)
    return next((at for at in starts if all(at + n not in taken for n in range(size))), None)
