"""One map file as it is written, before `extends` is followed: its keys and types are checked, its places are not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.config_errors import TomlTable, nearest, raise_all
from gateway.config_problems import problems
from gateway.core.errors import ConfigError
from gateway.core.image import MAP_VERSION
from gateway.core.registers import StringEnd, StringOrder, WordOrder, width
from gateway.core.tags import DETECTION_TAGS, QUERY_TAGS, STANDARD_TAGS, VIEW_CELLS, TagType

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_Address = Field(ge=0, le=65535)
DETECTIONS = "detections"
"""In `registers`: the first register of the whole detection table."""
VIEWS = "views"
"""The same for the table of views."""
QUERY = "query"
"""The same for what is told of the result that is read again."""
_TABLES: Mapping[str, tuple[str, ...]] = {
    DETECTIONS: tuple(tag.name for tag in DETECTION_TAGS),
    VIEWS: tuple(tag.name for tag in VIEW_CELLS),
    QUERY: tuple(tag.name for tag in QUERY_TAGS),
}
"""Tables that are placed as a whole: the tags that stand behind each other."""


class BlockText(BaseModel):
    """A block, or in an extending map what differs of it."""

    model_config = _STRICT

    start: int | None = Field(None, ge=0, le=65535, description="First register, 0-based PDU address")
    size: int | None = Field(None, ge=1, le=65536, description="Registers that can be read, those without a tag too")


class BlocksText(BaseModel):
    """The blocks."""

    model_config = _STRICT

    status: BlockText = Field(BlockText(), description="What the gateway writes")
    user: BlockText = Field(BlockText(), description="User values; the gateway writes them")
    control: BlockText = Field(BlockText(), description="What the PLC writes")
    views: BlockText = Field(BlockText(), description="What each of several views says; the gateway writes it")
    query: BlockText = Field(BlockText(), description="The result that the PLC reads again; the gateway writes it")


class MapText(BaseModel):
    """The keys of a map file."""

    model_config = _STRICT

    name: str = Field(min_length=1, description="The map's name")
    version: int = Field(description="Version of the tags, which the PLC reads in map_version")
    why: str = Field(min_length=1, description="Why the map is as it is, for the next person")
    extends: str | None = Field(None, min_length=1, description="A shipped map's name, or a file beside this one")
    word_order: WordOrder | None = Field(None, description="How a 32-bit value lies in two registers")
    string_order: StringOrder | None = Field(None, description="Which byte of a register holds the first character")
    string_end: StringEnd | None = Field(None, description="How long a string is that the PLC writes")
    coils: int | None = Field(None, ge=0, le=65520, description="Coil of bit 0 of the command word")
    discretes: int | None = Field(None, ge=0, le=65520, description="Discrete input of bit 0 of the status word")
    blocks: BlocksText = Field(BlocksText(), description="Where the blocks lie")
    registers: dict[str, Any] = Field(
        default_factory=dict, description="tag = register, tag = { word = register, bit = number }, or tag = false"
    )


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a file puts a tag. `file` is the one that said so, for the errors."""

    register: int
    bit: int | None
    file: str


@dataclass(frozen=True, slots=True)
class MapFile:
    """A map file's text and what it says of each tag; None takes a tag out of the map that it extends."""

    file: str
    text: MapText
    spots: dict[str, Spot | None]


def parse_map(file: str, table: TomlTable) -> MapFile:
    """Check one file's keys and types. Raises ConfigError, or ConfigErrors with all that is wrong."""
    errors: list[ConfigError] = []
    text: MapText | None = None
    try:
        text = MapText.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        errors += problems(file, error, table, MapText.model_json_schema())
    spots, wrong = _spots(file, table.get("registers", {}))
    errors += wrong
    if text is not None and text.version != MAP_VERSION:
        instead = f"write version = {MAP_VERSION} and check the tags against the README's tag table"
        errors.append(ConfigError(file, "version", f"{text.version} is not the tags' version", instead))
    raise_all(errors)
    assert text is not None  # else there was an error
    return MapFile(file, text, spots)


def _spots(file: str, registers: object) -> tuple[dict[str, Spot | None], list[ConfigError]]:
    spots: dict[str, Spot | None] = {}
    errors: list[ConfigError] = []
    items = registers.items() if isinstance(registers, dict) else ()
    for name, value in sorted(items, key=lambda item: item[0] not in _TABLES):  # a single cell overrides its table
        try:
            spot = _spot(file, name, value)
        except ConfigError as error:
            errors.append(error)
        else:
            spots.update(_cells(_TABLES[name], spot) if name in _TABLES else {name: spot})
    return spots, errors


def _cells(names: Sequence[str], first: Spot | None) -> dict[str, Spot | None]:
    """A table's cells, row by row."""
    ends = accumulate(width(STANDARD_TAGS[name]) for name in names)
    starts = zip(names, (0, *ends), strict=False)  # behind the last one nothing starts
    return {name: first and Spot(first.register + at, None, first.file) for name, at in starts}


def _spot(file: str, name: str, value: object) -> Spot | None:
    key = f"registers.{name}"
    if name not in _TABLES and name not in STANDARD_TAGS:
        raise ConfigError(file, key, "there is no such tag", _similar(name))
    if value is False:
        return None
    is_bit = name not in _TABLES and STANDARD_TAGS[name].type is TagType.BIT
    form = f"{name} = {{ word = 200, bit = 0 }}" if is_bit else f"{name} = 100"
    if is_bit != isinstance(value, dict):
        wrong = "is a bit, and bits stand in a word" if is_bit else "is no bit, and has a register of its own"
        raise ConfigError(file, key, wrong, f"write {form}")
    if isinstance(value, dict):
        return _bit_spot(file, key, value, form)
    return Spot(_number(file, key, value, 65535, form), None, file)


def _bit_spot(file: str, key: str, value: TomlTable, form: str) -> Spot:
    if set(value) != {"word", "bit"}:
        raise ConfigError(file, key, f"has the keys {', '.join(value) or 'none'}", f"write {form}")
    word = _number(file, f"{key}.word", value["word"], 65535, form)
    return Spot(word, _number(file, f"{key}.bit", value["bit"], 15, form), file)


def _number(file: str, key: str, value: object, limit: int, form: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(file, key, f"{value!r} is no whole number", f"write {form}")
    if not 0 <= value <= limit:
        raise ConfigError(file, key, f"{value} is outside 0..{limit}", f"write a number from 0 to {limit}, as {form}")
    return value


def _similar(name: str) -> str:
    if name.startswith("user."):
        return "take it out: user values are placed by the configuration (`register` of [[stations.user_values]])"
    close = nearest(name, [*_TABLES, *STANDARD_TAGS])
    return f"did you mean {close}?" if close else "take it out; `pekat-gateway tags standard` lists all tags"
