"""Whether the body of a request can be decoded at all, and within bounds: OPC 10000-6, section 5.2. Pure.

asyncua's decoder believes every length it reads: a negative one moves it backwards, an array of nulls takes memory
without a byte being there, dimensions are filled up to a million empty lists, and all of it again and again in one
message. So bodies are walked first, without anything being made of them: it takes a small part of the decoder's time,
and what it lets pass costs the decoder no more than its bytes are worth.

The layouts come from asyncua's own data classes, so the walk and the decoder agree; structures that were registered
with asyncua later (custom data types) are walked as well.
"""

import struct
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum, IntFlag
from functools import cache, lru_cache
from typing import Any, Final, cast

from asyncua import ua
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

from gateway.plc.opcua.transport.value_rules import (
    BYTES,
    FIXED,
    SPECIAL,
    STRINGS,
    BadBodyError,
    Bounds,
    Walk,
    broken,
    count_of,
    extension_object,
    fixed,
    items_of,
    named,
    node_id,
    variant,
)

REMEMBERED: Final = 256
REMEMBERED_BYTES: Final = 8192
"""Parameters that were found good are not walked again: who polls sends the same ones all the time. 2 MiB at most."""


def check_body(kind: Any, body: bytes) -> None:
    """Raises BadBodyError where `body` is no such request, is too deep, or too long. What follows it is let be."""
    try:
        start = node_id(body, 0, Bounds(layout))
        end = layout(ua.RequestHeader)(body, start, Bounds(layout, strict=False))
    except (struct.error, IndexError):
        end = len(body) + 1
    if end > len(body):
        raise broken("its header ends too early")
    parameters = body[end:]
    if len(parameters) <= REMEMBERED_BYTES:
        _check_remembered(kind, parameters)
    else:
        _check_parameters(kind, parameters)


def _check_parameters(kind: Any, data: bytes) -> None:
    """Everything behind the header."""
    try:
        end = _structure(kind, leave_out=_HEADER)(data, 0, Bounds(layout, strict=kind not in _LENIENT))
    except (struct.error, IndexError):
        end = len(data) + 1
    if end > len(data):
        raise broken("it ends too early")


_check_remembered: Callable[[Any, bytes], None] = lru_cache(REMEMBERED)(_check_parameters)


def handle_of(body: bytes) -> int:
    """The request handle in a body that cannot be decoded as a whole; 0 where even that cannot be found."""
    try:
        token = node_id(body, 0, Bounds(layout))
        start = node_id(body, token, Bounds(layout)) + 8  # behind the authentication token and the time
        return int.from_bytes(body[start : start + 4], "little")
    except (struct.error, IndexError, BadBodyError):
        return 0


@cache
def layout(kind: Any) -> Walk:
    """How a value of this type, as asyncua's data classes name it, is walked."""
    if type_is_list(kind):
        return _array(type_from_list(kind))
    name = kind.__name__
    if name in SPECIAL or name in BYTES or name in STRINGS or name in FIXED:
        return named(name)
    if issubclass(kind, Enum):
        return fixed(FIXED[kind.datatype()] if issubclass(kind, IntFlag) and hasattr(kind, "datatype") else 4)
    for base, walk in ((ua.Variant, variant), (ua.NodeId, node_id)):
        if issubclass(kind, base):
            return walk
    if issubclass(kind, ua.UaUnion):
        return _union(kind)
    if is_dataclass(kind):
        return _structure(cast(type, kind))
    raise broken(f"a {name} has no layout")


def _array(kind: Any) -> Walk:
    walk: Walk | None = None

    def walk_array(data: bytes, at: int, left: Bounds) -> int:
        nonlocal walk
        count = count_of(data, at, 1)
        end = at + 4
        if count and walk is None:  # not sooner: structures may hold lists of themselves
            walk = _member(kind)
        return items_of(walk, count, data, end, left) if walk is not None else end

    return walk_array


def _member(kind: Any) -> Walk:
    if type_is_union(kind) and not type_is_optional(kind):
        is_list, inner = types_or_list_from_union(kind)
        return _array(inner) if is_list else layout(inner)
    return extension_object if type_allow_subclass(kind) else layout(kind)


_HEADER = frozenset({"TypeId", "RequestHeader"})

_LENIENT = (ua.CreateSessionRequest, ua.GetEndpointsRequest, ua.FindServersRequest)
"""Nothing hangs on the names in them, and there are clients that put theirs there in Latin-1."""


@cache
def _structure(kind: Any, leave_out: frozenset[str] = frozenset()) -> Walk:
    """Fields that may be left out have a bit each, in the field named Encoding."""
    hints = get_safe_type_hints(kind, {"ua": ua})
    parts: list[tuple[int, Walk]] = []
    bit, mask_size = 1, 0
    for one in fields(kind):
        if one.name in leave_out:
            continue
        hint, needs = hints[one.name], 0
        if type_is_optional(hint):
            hint, needs, bit = type_from_optional(hint), bit, bit << 1
        if one.name == "Encoding":
            mask_size = FIXED[hint.__name__]
        parts.append((needs, _lazily(hint) if hint is kind else _member(hint)))
    if not mask_size:
        walks = tuple(walk for _, walk in parts)

        def walk_all(data: bytes, at: int, left: Bounds) -> int:
            for walk in walks:
                at = walk(data, at, left)
            return at

        return walk_all

    def walk_given(data: bytes, at: int, left: Bounds) -> int:
        mask = int.from_bytes(data[at : at + mask_size], "little")
        for needs, walk in parts:
            if not needs or mask & needs:
                at = walk(data, at, left)
        return at

    return walk_given


def _lazily(kind: Any) -> Walk:
    def walk(data: bytes, at: int, left: Bounds) -> int:
        left.enter()
        end = layout(kind)(data, at, left)
        left.leave()
        return end

    return walk


def _union(kind: Any) -> Walk:
    members = tuple(_member(one) for one in kind._union_types)  # noqa: SLF001 - asyncua names them nowhere else

    def walk_chosen(data: bytes, at: int, left: Bounds) -> int:
        (choice,) = struct.unpack_from("<I", data, at)
        return members[choice - 1](data, at + 4, left) if 0 < choice <= len(members) else at + 4

    return walk_chosen
