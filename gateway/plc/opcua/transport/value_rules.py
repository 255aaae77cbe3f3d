"""How the built-in types of OPC 10000-6, 5.2.2, lie in a message: from where a value starts to where it ends. Pure.

Nothing is made of a value; it is only seen whether there is one, within bounds. See body_rules.py for why.
"""

import struct
from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

DEEPEST: Final = 100
"""Levels of variants, extension objects and diagnostic infos in each other; a decoder has to know so many (5.1.9)."""

MOST_ITEMS: Final = 100_000
"""Items of all arrays in one request (numbers count by the kilobyte): ten for each of the 10 000 operations that one
request may have."""


class Bounds:
    """What is left of a request's bounds while it is walked."""

    __slots__ = ("depth", "items", "layout", "strict")

    def __init__(self, layout: "Callable[[Any], Walk]", *, strict: bool = True) -> None:
        self.layout = layout
        """How structures lie in a message."""
        self.strict = strict
        """Whether strings have to be UTF-8, as they should."""
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


Walk = Callable[[bytes, int, Bounds], int]
"""From the data, where a value starts, and its bounds, to where the value ends."""

_INT32 = struct.Struct("<i")
FIXED: Mapping[str, int] = MappingProxyType(
    {
        "Boolean": 1, "SByte": 1, "Byte": 1, "Char": 1, "Int16": 2, "UInt16": 2, "Int32": 4, "UInt32": 4, "Float": 4,
        "StatusCode": 4, "Int64": 8, "UInt64": 8, "Double": 8, "DateTime": 8, "Guid": 16,
    }
)  # fmt: skip
BYTES = frozenset({"Bytes", "ByteString"})
STRINGS = frozenset({"String", "CharArray", "XmlElement"})


class BadBodyError(Exception):
    """Cannot be decoded. `code` is the status for the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def broken(reason: str) -> BadBodyError:
    return BadBodyError(StatusCodes.BadDecodingError, reason)


# ---- values of one kind ------------------------------------------------------------------------------------------


def _text(data: bytes, at: int, left: Bounds) -> int:
    (length,) = _INT32.unpack_from(data, at)
    if length < -1 or length > len(data) - at - 4:
        raise broken(f"a text of {length} bytes")
    return at + 4 + max(0, int(length))


def _string(data: bytes, at: int, left: Bounds) -> int:
    end = _text(data, at, left)
    text = data[at + 4 : end]
    if left.strict and not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            raise broken("a string that is no UTF-8") from None
    return end


def node_id(data: bytes, at: int, left: Bounds) -> int:
    mask = data[at]
    kind = mask & 0x3F
    if kind > 5:
        raise broken(f"node id of kind {kind}")
    end = at + (2, 4, 7, 3, 19, 3)[kind]
    if kind == 3:
        end = _string(data, end, left)
    elif kind == 5:
        end = _text(data, end, left)
    if mask & 0x80:
        end = _string(data, end, left)
    return end + 4 if mask & 0x40 else end


def _localized_text(data: bytes, at: int, left: Bounds) -> int:
    mask = data[at]
    end = at + 1
    for bit in (1, 2):
        if mask & bit:
            end = _string(data, end, left)
    return end


def _qualified_name(data: bytes, at: int, left: Bounds) -> int:
    return _string(data, at + 2, left)


def count_of(data: bytes, at: int, least: int) -> int:
    """The length of an array whose items take `least` bytes each."""
    (count,) = _INT32.unpack_from(data, at)
    if count < -1 or count * least > len(data) - at - 4:
        raise broken(f"an array of {count}")
    return max(0, int(count))


def variant(data: bytes, at: int, left: Bounds) -> int:
    mask = data[at]
    kind = mask & 0x3F
    walk = _built_in(kind)
    if not mask & 0x80:
        if mask & 0x40 or kind == _VARIANT:
            raise broken("a single value with dimensions, or a variant in a variant")
        left.enter()
        end = walk(data, at + 1, left)
        left.leave()
        return end
    count = count_of(data, at + 1, 1)
    if count and not kind:
        raise broken("an array of nulls")
    left.enter()
    end = items_of(walk, count, data, at + 5, left)
    left.leave()
    return _dimensions(data, end, count) if mask & 0x40 else end


def items_of(walk: Walk, count: int, data: bytes, at: int, left: Bounds) -> int:
    size = _SIZES.get(walk)
    if size is not None:
        left.count(count // 1024)
        return at + count * size
    left.count(count)
    for _ in range(count):
        at = walk(data, at, left)
    return at


def _dimensions(data: bytes, at: int, count: int) -> int:
    number = count_of(data, at, 4)
    sizes = struct.unpack_from(f"<{number}i", data, at + 4)
    if any(size < 0 for size in sizes) or (number and prod(sizes) != count):
        raise broken(f"dimensions that are not those of {count} values")
    if not number or (number > 1 and not count):
        raise broken("dimensions without values")
    return at + 4 + 4 * number


def _data_value(data: bytes, at: int, left: Bounds) -> int:
    mask = data[at]
    end = at + 1
    if mask & 0x01:
        end = variant(data, end, left)
    for bit, size in ((0x02, 4), (0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2)):
        if mask & bit:
            end += size
    return end


def _diagnostic_info(data: bytes, at: int, left: Bounds) -> int:
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


def extension_object(data: bytes, at: int, left: Bounds) -> int:
    start = node_id(data, at, left)
    encoding = data[start]
    if encoding == 0:
        return start + 1
    if encoding != 1:
        raise broken(f"an extension object of encoding {encoding}")
    end = _text(data, start + 1, left)
    kind = ua.extension_objects_by_typeid.get(_number(data, at))
    if kind is not None:
        inside = data[start + 5 : end]
        left.enter()
        if left.layout(kind)(inside, 0, left) > len(inside):
            raise broken(f"a {kind.__name__} that ends too early")
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


SPECIAL: Mapping[str, Walk] = MappingProxyType(
    {
        "NodeId": node_id, "ExpandedNodeId": node_id, "QualifiedName": _qualified_name,
        "LocalizedText": _localized_text, "ExtensionObject": extension_object, "DataValue": _data_value,
        "Variant": variant, "DiagnosticInfo": _diagnostic_info,
    }
)  # fmt: skip
_VARIANT = ua.VariantType.Variant.value


_SIZES: dict[Walk, int] = {}
"""The bytes of those values that have always the same number of them."""


@cache
def fixed(size: int) -> Walk:
    def walk(data: bytes, at: int, left: Bounds) -> int:
        return at + size

    _SIZES[walk] = size
    return walk


@cache
def _built_in(kind: int) -> Walk:
    """What a variant of this number holds; numbers that are not given yet are byte strings (5.2.2.16)."""
    if kind > 31:
        raise broken(f"a variant of type {kind}")
    return named(ua.VariantType(kind).name) if 0 < kind <= 25 else fixed(0) if not kind else _text


def named(name: str) -> Walk:
    if name in SPECIAL:
        return SPECIAL[name]
    return _string if name in STRINGS else _text if name in BYTES else fixed(FIXED[name])
