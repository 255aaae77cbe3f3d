"""The JSON schema of the settings, looked up by key: what a key is, and what may stand beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.config_errors import KeyPath

Schema = Mapping[str, Any]


def schema_at(root: Schema, path: Sequence[str | int], data: object) -> Schema:
    """The schema of one key: references followed, unions decided by the `kind` in the data. {} where unknown."""
    here = _resolved(root, root, data)
    for part in path:
        data = child(data, part)
        inner = here.get("items", {}) if isinstance(part, int) else _property(here, part)
        here = _resolved(root, inner, data)
    return here


def child(data: object, part: str | int) -> object:
    """The value of one key or list place; None where there is none."""
    if isinstance(data, dict):
        return data.get(part)
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None


def _property(schema: Schema, key: str) -> Schema:
    inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
    return inner if isinstance(inner, Mapping) else {}


def _resolved(root: Schema, schema: Schema, data: object) -> Schema:
    """References followed; what stands beside a reference (description, default) wins over what it points to."""
    for pick in _PICKS:
        inner = pick(root, schema, data)
        if inner is not None:
            beside = {key: value for key, value in schema.items() if key in ("description", "default")}
            return {**_resolved(root, inner, data), **beside}
    return schema


def _referenced(root: Schema, schema: Schema, _: object) -> Schema | None:
    ref = schema.get("$ref")
    return _pointed(root, str(ref)) if ref is not None else None


def _chosen(root: Schema, schema: Schema, data: object) -> Schema | None:
    """The member of a discriminated union that the data says it is."""
    mapping = schema.get("discriminator", {}).get("mapping", {})
    ref = mapping.get(data.get("kind")) if isinstance(data, dict) else None
    return _pointed(root, ref) if ref is not None else None


def _optional(root: Schema, schema: Schema, _: object) -> Schema | None:
    """The table of "a table or nothing"."""
    members = [member for member in schema.get("anyOf", ()) if member.get("type") != "null"]
    return members[0] if len(members) == 1 else None


_PICKS: tuple[Callable[[Schema, Schema, object], Schema | None], ...] = (_referenced, _chosen, _optional)


def _pointed(root: Schema, ref: str) -> Schema:
    found: Any = root
    for step in ref.removeprefix("#/").split("/"):
        found = found[step]
    return found if isinstance(found, Mapping) else {}


def all_keys(data: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Every key of nested tables and lists with its value, outermost first."""
    items: Sequence[tuple[str | int, object]] = ()
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    for key, value in items:
        yield (*path, key), value
        yield from all_keys(value, (*path, key))
