"""The reference of gateway.toml as Markdown, from the settings' own JSON schema: one table for each TOML table."""

import json
from collections.abc import Iterator
from typing import Any

from gateway.cli.tags import escaped
from gateway.config import schema

JsonSchema = dict[str, Any]

_ELSEWHERE = {"source": "stations.source", "simulation": "stations.source"}
"""Keys whose tables are long, and told where they come first."""
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}


def config_reference() -> str:
    """All tables of gateway.toml, in their order: key, type, default, meaning."""
    root = schema()
    return "\n".join(_sections(root, root, "", many=False))


def _sections(root: JsonSchema, table: JsonSchema, name: str, *, many: bool, title: str = "") -> Iterator[str]:
    """A table's own keys first, then the tables in it."""
    keys = {key: _resolved(root, value) for key, value in table.get("properties", {}).items()}
    inner = {key: value for key, value in keys.items() if _tables(root, value)}
    if name:
        yield f"### `{title or _heading(name, many=many)}`\n\n{_first_line(table)}\n"
        yield _key_table(table, {key: value for key, value in keys.items() if key not in inner})
    for key, value in inner.items():
        path = f"{name}.{key}" if name else key
        if key in _ELSEWHERE and path != _ELSEWHERE[key]:
            yield f"### `{_heading(path, many=False)}`\n\n{value['description']}: a table like `[{_ELSEWHERE[key]}]`.\n"
            continue
        for kind, part in _tables(root, value):
            is_list = value.get("type") == "array"
            heading = _heading(path, many=is_list) + (f' kind = "{kind}"' if kind else "")
            yield from _sections(root, part, path, many=is_list, title=heading)


def _heading(name: str, *, many: bool) -> str:
    return f"[[{name}]]" if many else f"[{name}]"


def _first_line(table: JsonSchema) -> str:
    return str(table.get("description", "")).split("\n\n", maxsplit=1)[0].replace("\n", " ")


def _resolved(root: JsonSchema, schema: JsonSchema) -> JsonSchema:
    """References followed, "or nothing" left out; description and default of the key itself kept."""
    own = {key: value for key, value in schema.items() if key in ("description", "default")}
    members = [member for member in schema.get("anyOf", ()) if member.get("type") != "null"]
    if len(members) == 1:
        return {**_resolved(root, members[0]), **own}
    if "$ref" in schema:
        return {**root["$defs"][schema["$ref"].rsplit("/", maxsplit=1)[-1]], **own}
    return schema


def _tables(root: JsonSchema, schema: JsonSchema) -> list[tuple[str, JsonSchema]]:
    """(kind, table) of each TOML table that this key can be; kind is "" where there is only one."""
    if schema.get("type") == "array":
        return _tables(root, _resolved(root, schema.get("items", {})))
    mapping = schema.get("discriminator", {}).get("mapping", {})
    if mapping:
        return [(kind, _resolved(root, {"$ref": ref})) for kind, ref in mapping.items()]
    return [("", schema)] if "properties" in schema else []


def _key_table(table: JsonSchema, keys: dict[str, JsonSchema]) -> str:
    lines = ["| Key | Type | Default | Meaning |", "|---|---|---|---|"]
    for key, value in keys.items():
        default = "**required**" if key in table.get("required", ()) else _default(value)
        meaning = escaped(str(value.get("description", "")))
        lines.append(f"| `{key}` | {_type(value)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n" if keys else ""


def _default(value: JsonSchema) -> str:
    default = value.get("default")
    return "" if default is None or default in ("", [], {}) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _type(value: JsonSchema) -> str:
    if "const" in value:
        return f'`"{value["const"]}"`'
    if "enum" in value:
        return ", ".join(f'`"{choice}"`' for choice in value["enum"])
    if "anyOf" in value:
        return " or ".join(_type(member) for member in value["anyOf"] if member.get("type") != "null")
    kind = value.get("type")
    if kind == "array" and "prefixItems" in value:
        return f"list of {' and '.join(dict.fromkeys(_type(item) for item in value['prefixItems']))}"
    if kind == "array":
        return f"list of {_type(value.get('items', {}))}"
    if kind == "object":
        return f"table of name = {_type(value.get('additionalProperties', {}))}"
    return _TYPES.get(str(kind), "text") + _range(value)


def _range(value: JsonSchema) -> str:
    low, high = value.get("minimum"), value.get("maximum")
    if low is None and high is None:
        return ""
    return f" {_plain(low)}..{_plain(high)}"


def _plain(limit: float | None) -> str:
    return "" if limit is None else str(int(limit)) if limit == int(limit) else str(limit)
