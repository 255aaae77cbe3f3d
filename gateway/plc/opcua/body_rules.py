"""Whether the body of a request can be decoded at all, and within bounds: OPC 10000-6, section 5.2. Pure.

asyncua's decoder believes every length it reads: a negative one moves it backwards, an array of nulls takes memory
without a byte being there, dimensions are filled up to a million empty lists, and all of it again and again in one
message. So bodies are walked first, without anything being made of them: it takes a small part of the decoder's time,
and what it lets pass costs the decoder no more than its bytes are worth.

The layouts come from asyncua's own data classes, so the walk and the decoder agree; structures that were registered
with asyncua later (custom data types) are walked as well.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, IntFlag
from functools import cache
from math import prod
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import get_safe_type_hints
from asyncua.ua.uatypes import (
    type_allow_subclass,
    type_from_list,
    type_from_optional,
    type_is_list,
    type_is_optional,
    type_is_union,
    types_or_list_from_union,
)

DEEPEST: Final = 100
"""Levels of variants, extension objects and diagnostic infos in each other; a decoder has to know so many (5.1.9)."""

MOST_ITEMS: Final = 100_000
"""Items of all arrays in one request (numbers count by the kilobyte): ten for each of the 10 000 operations that one
request may have."""


class _Bounds:
    """What is left of a request's bounds while it is walked."""

    __slots__ = ("depth", "items")

    def __init__(self) -> None:
        self.depth = DEEPEST
        self.items = MOST_ITEMS

    def enter(self) -> None:
        self.depth -= 1
        if self.depth < 0:
            raise BadBodyError(StatusCodes.BadEncodingLimitsExceeded, f"more than {DEEPEST} levels deep")

    def leave(self) -> None:
        self.depth += 1

    def count(self, items: int) -> None:
        self.items -= items
        if self.items < 0:
            raise BadBodyError(StatusCodes.BadEncodingLimitsExceeded, f"more than {MOST_ITEMS} items in arrays")


_Walk = Callable[[bytes, int, _Bounds], int]
"""From the data, where a value starts, and its bounds, to where the value ends."""

_INT32 = struct.Struct("<i")
_FIXED: Mapping[str, int] = MappingProxyType(
    {
        "Boolean": 1, "SByte": 1, "Byte": 1, "Char": 1, "Int16": 2, "UInt16": 2, "Int32": 4, "UInt32": 4, "Float": 4,
        "StatusCode": 4, "Int64": 8, "UInt64": 8, "Double": 8, "DateTime": 8, "Guid": 16,
    }
)  # fmt: skip
_TEXTS = frozenset({"String", "Bytes", "ByteString", "CharArray", "XmlElement"})


class BadBodyError(Exception):
    """Cannot be decoded. `code` is the status for the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def check_body(kind: type, body: bytes) -> None:
    """Raises BadBodyError where `body` is none of this data class, too deep or too long. What follows it is let be."""
    try:
        end = layout(kind)(body, 0, _Bounds())
    except (struct.error, IndexError):
        end = len(body) + 1
    if end > len(body):
        raise _broken("it ends too early")


def handle_of(body: bytes) -> int:
    """The request handle in a body that cannot be decoded as a whole; 0 where even that cannot be found."""
    try:
        token = _node_id(body, 0, _Bounds())
        start = _node_id(body, token, _Bounds()) + 8  # behind the authentication token and the time
        return int.from_bytes(body[start : start + 4], "little")
    except (struct.error, IndexError, BadBodyError):
        return 0


def _broken(reason: str) -> BadBodyError:
    return BadBodyError(StatusCodes.BadDecodingError, reason)


# ---- values of one kind ------------------------------------------------------------------------------------------


def _text(data: bytes, at: int, left: _Bounds) -> int:
    (length,) = _INT32.unpack_from(data, at)
    if length < -1 or length > len(data) - at - 4:
        raise _broken(f"a text of {length} bytes")
    return at + 4 + max(0, int(length))


def _node_id(data: bytes, at: int, left: _Bounds) -> int:
    mask = data[at]
    kind = mask & 0x3F
    if kind > 5:
        raise _broken(f"node id of kind {kind}")
    end = at + (2, 4, 7, 3, 19, 3)[kind]
    if kind in (3, 5):
        end = _text(data, end, left)
    if mask & 0x80:
        end = _text(data, end, left)
    return end + 4 if mask & 0x40 else end


def _localized_text(data: bytes, at: int, left: _Bounds) -> int:
    mask = data[at]
    end = at + 1
    for bit in (1, 2):
        if mask & bit:
            end = _text(data, end, left)
    return end


def _qualified_name(data: bytes, at: int, left: _Bounds) -> int:
    return _text(data, at + 2, left)


def _count(data: bytes, at: int, least: int) -> int:
    """The length of an array whose items take `least` bytes each."""
    (count,) = _INT32.unpack_from(data, at)
    if count < -1 or count * least > len(data) - at - 4:
        raise _broken(f"an array of {count}")
    return max(0, int(count))


def _variant(data: bytes, at: int, left: _Bounds) -> int:
    mask = data[at]
    kind = mask & 0x3F
    walk = _built_in(kind)
    if not mask & 0x80:
        if mask & 0x40 or kind == _VARIANT:
            raise _broken("a single value with dimensions, or a variant in a variant")
        left.enter()
        end = walk(data, at + 1, left)
        left.leave()
        return end
    count = _count(data, at + 1, 1)
    if count and not kind:
        raise _broken("an array of nulls")
    left.enter()
    end = _items(walk, count, data, at + 5, left)
    left.leave()
    return _dimensions(data, end, count) if mask & 0x40 else end


def _items(walk: _Walk, count: int, data: bytes, at: int, left: _Bounds) -> int:
    size = _SIZES.get(walk)
    if size is not None:
        left.count(count // 1024)
        return at + count * size
    left.count(count)
    for _ in range(count):
        at = walk(data, at, left)
    return at


def _dimensions(data: bytes, at: int, count: int) -> int:
    number = _count(data, at, 4)
    sizes = struct.unpack_from(f"<{number}i", data, at + 4)
    if any(size < 0 for size in sizes) or (number and prod(sizes) != count):
        raise _broken(f"dimensions that are not those of {count} values")
    if not number or (number > 1 and not count):
        raise _broken("dimensions without values")
    return at + 4 + 4 * number


def _data_value(data: bytes, at: int, left: _Bounds) -> int:
    mask = data[at]
    end = at + 1
    if mask & 0x01:
        end = _variant(data, end, left)
    for bit, size in ((0x02, 4), (0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2)):
        if mask & bit:
            end += size
    return end


def _diagnostic_info(data: bytes, at: int, left: _Bounds) -> int:
    mask = data[at]
    end = at + 1 + 4 * (mask & 0x0F).bit_count()
    if mask & 0x10:
        end = _text(data, end, left)
    if mask & 0x20:
        end += 4
    if mask & 0x40:
        left.enter()
        end = _diagnostic_info(data, end, left)
        left.leave()
    return end


def _extension_object(data: bytes, at: int, left: _Bounds) -> int:
    start = _node_id(data, at, left)
    encoding = data[start]
    if encoding == 0:
        return start + 1
    if encoding != 1:
        raise _broken(f"an extension object of encoding {encoding}")
    end = _text(data, start + 1, left)
    kind = ua.extension_objects_by_typeid.get(_number(data, at))
    if kind is not None:
        inside = data[start + 5 : end]
        left.enter()
        if layout(kind)(inside, 0, left) > len(inside):
            raise _broken(f"a {kind.__name__} that ends too early")
        left.leave()
    return end


def _number(data: bytes, at: int) -> ua.NodeId:
    """A numeric node id; structures are known by nothing else, for which the null id stands."""
    match data[at] & 0x3F:
        case 0:
            return ua.NodeId(ua.Int32(data[at + 1]))
        case 1:
            return ua.NodeId(ua.Int32(int.from_bytes(data[at + 2 : at + 4], "little")), ua.Int16(data[at + 1]))
        case 2:
            space, number = struct.unpack_from("<HI", data, at + 1)
            return ua.NodeId(ua.Int32(number), ua.Int16(space))
    return ua.NodeId()


_SPECIAL: Mapping[str, _Walk] = MappingProxyType(
    {
        "NodeId": _node_id, "ExpandedNodeId": _node_id, "QualifiedName": _qualified_name,
        "LocalizedText": _localized_text, "ExtensionObject": _extension_object, "DataValue": _data_value,
        "Variant": _variant, "DiagnosticInfo": _diagnostic_info,
    }
)  # fmt: skip
_VARIANT = ua.VariantType.Variant.value


_SIZES: dict[_Walk, int] = {}
"""The bytes of those values that have always the same number of them."""


@cache
def _fixed(size: int) -> _Walk:
    def walk(data: bytes, at: int, left: _Bounds) -> int:
        return at + size

    _SIZES[walk] = size
    return walk


@cache
def _built_in(kind: int) -> _Walk:
    """What a variant of this number holds; numbers that are not given yet are byte strings (5.2.2.16)."""
    if kind > 31:
        raise _broken(f"a variant of type {kind}")
    return _named(ua.VariantType(kind).name) if 0 < kind <= 25 else _fixed(0) if not kind else _text


def _named(name: str) -> _Walk:
    return _SPECIAL[name] if name in _SPECIAL else _text if name in _TEXTS else _fixed(_FIXED[name])


# ---- structures --------------------------------------------------------------------------------------------------


@cache
def layout(kind: Any) -> _Walk:
    """How a value of this type, as asyncua's data classes name it, is walked."""
    if type_is_list(kind):
        return _array(type_from_list(kind))
    name = kind.__name__
    if name in _SPECIAL or name in _TEXTS or name in _FIXED:
        return _named(name)
    if issubclass(kind, Enum):
        return _fixed(_FIXED[kind.datatype()] if issubclass(kind, IntFlag) and hasattr(kind, "datatype") else 4)
    for base, walk in ((ua.Variant, _variant), (ua.NodeId, _node_id)):
        if issubclass(kind, base):
            return walk
    if issubclass(kind, ua.UaUnion):
        return _union(kind)
    if not is_dataclass(kind):
        raise _broken(f"a {name} has no layout")
    return _structure(kind)


def _array(kind: Any) -> _Walk:
    walk: _Walk | None = None

    def walk_array(data: bytes, at: int, left: _Bounds) -> int:
        nonlocal walk
        count = _count(data, at, 1)
        end = at + 4
        if count and walk is None:  # not sooner: structures may hold lists of themselves
            walk = _member(kind)
        return _items(walk, count, data, end, left) if walk is not None else end

    return walk_array


def _member(kind: Any) -> _Walk:
    if type_is_union(kind) and not type_is_optional(kind):
        is_list, inner = types_or_list_from_union(kind)
        return _array(inner) if is_list else layout(inner)
    return _extension_object if type_allow_subclass(kind) else layout(kind)


def _structure(kind: Any) -> _Walk:
    """Fields that may be left out have a bit each, in the field named Encoding."""
    hints = get_safe_type_hints(kind, {"ua": ua})
    parts: list[tuple[int, _Walk]] = []
    bit, mask_size = 1, 0
    for one in fields(kind):
        hint, needs = hints[one.name], 0
        if type_is_optional(hint):
            hint, needs, bit = type_from_optional(hint), bit, bit << 1
        if one.name == "Encoding":
            mask_size = _FIXED[hint.__name__]
        parts.append((needs, _lazily(hint) if hint is kind else _member(hint)))
    if not mask_size:
        walks = tuple(walk for _, walk in parts)

        def walk_all(data: bytes, at: int, left: _Bounds) -> int:
            for walk in walks:
                at = walk(data, at, left)
            return at

        return walk_all

    def walk_given(data: bytes, at: int, left: _Bounds) -> int:
        mask = int.from_bytes(data[at : at + mask_size], "little")
        for needs, walk in parts:
            if not needs or mask & needs:
                at = walk(data, at, left)
        return at

    return walk_given


def _lazily(kind: Any) -> _Walk:
    def walk(data: bytes, at: int, left: _Bounds) -> int:
        left.enter()
        end = layout(kind)(data, at, left)
        left.leave()
        return end

    return walk


def _union(kind: Any) -> _Walk:
    members = tuple(_member(one) for one in kind._union_types)  # noqa: SLF001 - asyncua names them nowhere else

    def walk_chosen(data: bytes, at: int, left: _Bounds) -> int:
        (choice,) = struct.unpack_from("<I", data, at)
        return members[choice - 1](data, at + 4, left) if 0 < choice <= len(members) else at + 4

    return walk_chosen
