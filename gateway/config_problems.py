"""pydantic's complaints as ConfigErrors: the key as it stands in the file, what is wrong, what to write instead.

What to write is read from the JSON schema of the settings: types, limits, known keys, descriptions.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gateway.config_errors import KeyPath, key_text, nearest
from gateway.config_schema import Schema, child, schema_at
from gateway.core.errors import ConfigError

Detail = Mapping[str, Any]

_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text in quotes",
    "boolean": "true or false",
    "array": "a list [..]",
    "object": "a table",
    "null": "nothing",
}
_GIVEN: tuple[tuple[type, str], ...] = (
    (bool, "a truth value"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a table"),
)
_WRITE = re.compile(r"[:;,] (?=(?:write|add|give|name|set) )")
"""Where a validator's complaint goes over into its advice."""
_TEXT = '"..."'
_COMPARED = {"greater_than_equal": "ge", "greater_than": "gt", "less_than_equal": "le", "less_than": "lt"}


def problems(file: str, error: ValidationError, data: object, schema: Schema) -> list[ConfigError]:
    """One ConfigError for each key that pydantic complains of. `data` is what was validated, `schema` its schema."""
    found: dict[str, ConfigError] = {}
    for detail in error.errors(include_url=False):
        path = file_path(detail["loc"], data)
        if detail["type"] == "too_short" and detail["input"]:  # its entries are wrong, and are complained of themselves
            continue
        if key_text(path) not in found:  # a union complains once for each of its members
            found[key_text(path)] = _problem(file, path, detail, schema_at(schema, path, data), data, schema)
    return list(found.values())


def file_path(loc: KeyPath, data: object) -> KeyPath:
    """pydantic's `loc` without what is not in the file: the tags and the type names of unions."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(data, dict):
            if data.get("kind") == part and part not in data:
                continue
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            break
        path.append(part)
    return tuple(path)


def _problem(file: str, path: KeyPath, detail: Detail, here: Schema, data: object, schema: Schema) -> ConfigError:
    kind, given, ctx = detail["type"], detail["input"], detail.get("ctx", {})
    key = key_text(path)
    if kind == "extra_forbidden":
        parent = schema_at(schema, path[:-1], data)
        return ConfigError(file, key, f"unknown key{_owner(path, data)}", _known_keys(str(path[-1]), parent))
    if kind == "missing":
        return ConfigError(
            file, key, f"is missing{_owner(path, data)}", f"add it: {_example(path, here)}{_about(here)}"
        )
    if "instead" in ctx:
        return ConfigError(file, key, f"{detail['msg']}{_owner(path, data)}", str(ctx["instead"]))
    wrong = _wrong(kind, given, ctx, str(detail["msg"]), here)
    return ConfigError(file, key, f"{wrong}{_owner(path, data)}", _instead(kind, given, ctx, path, here))


def _wrong(kind: str, given: object, ctx: Detail, message: str, here: Schema) -> str:
    if kind in _COMPARED:
        words = {"ge": "is less than", "gt": "is not more than", "le": "is more than", "lt": "is not less than"}
        limit = _COMPARED[kind]
        return f"{_shown(given)} {words[limit]} {ctx[limit]}"
    if kind in ("literal_error", "enum"):
        return f"{_shown(given)} is none of the possible values"
    if kind == "string_pattern_mismatch":
        return f"{_shown(given)} does not have the right form"
    if kind == "multiple_of":
        return f"{_shown(given)} is no multiple of {ctx['multiple_of']}"
    if kind == "too_short":
        return "is empty"
    if kind.startswith("union_tag"):
        return "has no kind" if kind == "union_tag_not_found" else f"{_shown(ctx.get('tag'))} is no known kind"
    if kind == "value_error":
        return _sentence(given, str(ctx.get("error", message)))
    if kind.endswith(("_type", "_parsing")):
        return f"{_shown(given)} is {_noun_given(given)}, not {_noun(here)}"
    return f"{_shown(given)}: {message[:1].lower()}{message[1:]}"


def _sentence(given: object, complaint: str) -> str:
    """A validator's complaint without its advice; the value stands before it unless it is a whole table."""
    said = _WRITE.search(complaint)
    complaint = complaint[: said.start()] if said else complaint
    return complaint if isinstance(given, dict | list) else f"{_shown(given)} {complaint}"


def _instead(kind: str, given: object, ctx: Detail, path: KeyPath, here: Schema) -> str:
    if kind.startswith("union_tag"):
        kinds = sorted(here.get("discriminator", {}).get("mapping", {}))
        return "write " + " or ".join(f'kind = "{name}"' for name in kinds)
    choices = _choices(here)
    if choices:
        close = nearest(str(given), choices)
        one_of = "write one of " + ", ".join(f'"{choice}"' for choice in choices)
        return f'did you mean "{close}"? {one_of}' if close else one_of
    if kind in _COMPARED:
        return f"write {_noun(here)} {_limits(here)}{_about(here)}"
    if kind == "string_pattern_mismatch":
        return f"write text of the form {ctx.get('pattern')}{_about(here)}"
    if kind == "multiple_of":
        step = int(ctx["multiple_of"])
        below = int(given) // step * step if isinstance(given, int) else 0
        return f"write {below} or {below + step}{_about(here)}"
    if kind == "value_error":
        return _advice(str(ctx.get("error", "")), path, here)
    return f"write {_example(path, here)}{_about(here)}"


def _advice(complaint: str, path: KeyPath, here: Schema) -> str:
    """What a validator's own complaint says to write, or what its key is for."""
    said = _WRITE.search(complaint)
    if said:
        return complaint[said.end() :]
    if "properties" in here:
        return f"change the keys of [{_table_name(path)}] so that it holds"
    return f"write another {path[-1]}{_about(here)}" if path else "change it as said"


def _known_keys(word: str, parent: Schema) -> str:
    known = list(parent.get("properties", {}))
    close = nearest(word, known)
    keys = f"known keys here: {', '.join(known)}"
    return f"did you mean {close}? {keys}" if close else f"remove it; {keys}"


def _owner(path: KeyPath, data: object) -> str:
    """Which named list entry the key is in: people do not count `[[stations]]` tables from 0."""
    named = ""
    for part in path[:-1]:
        data = child(data, part)
        if isinstance(part, int) and isinstance(data, dict) and isinstance(data.get("name"), str):
            named = data["name"]
    return f" (in {named!r})" if named else ""


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _noun_given(value: object) -> str:
    return next((noun for kind, noun in _GIVEN if isinstance(value, kind)), "nothing")


def _types(schema: Schema) -> list[str]:
    members = [member for member in schema.get("anyOf", [schema]) if member.get("type") != "null"]
    return [str(member.get("type", "string")) for member in members]


def _noun(schema: Schema) -> str:
    return " or ".join(dict.fromkeys(_NOUNS.get(kind, kind) for kind in _types(schema)))


def _choices(schema: Schema) -> list[str]:
    if "const" in schema:
        return [str(schema["const"])]
    return [str(choice) for member in (schema, *schema.get("anyOf", ())) for choice in member.get("enum", ())]


def _limits(schema: Schema) -> str:
    member = next((m for m in (schema, *schema.get("anyOf", ())) if {"minimum", "maximum"} & set(m)), schema)
    low, high = member.get("minimum"), member.get("maximum")
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return (
        f"of at least {low}" if low is not None else f"of at most {high}" if high is not None else "within its limits"
    )


def _example(path: KeyPath, schema: Schema) -> str:
    """A line that would be right, as far as the schema tells."""
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    kind = _types(schema)[0]
    default, choices = schema.get("default"), _choices(schema)
    if kind == "array" and "$ref" in schema.get("items", {}):
        return f"[[{_table_name(path)}]]"
    if kind == "object" and "properties" in schema:
        return f"[{_table_name(path)}]"
    if choices:
        return f'{key} = "{choices[0]}"'
    if default not in (None, "", {}, []):
        return f"{key} = {_shown(default)}"
    number = str(schema.get("minimum", 1))
    sample = {"integer": number, "number": number, "boolean": "true", "array": "[..]", "object": "{ .. }"}
    return f"{key} = {sample.get(kind, _TEXT)}"


def _table_name(path: KeyPath) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))


def _about(schema: Schema) -> str:
    text = str(schema.get("description", ""))
    return f": {text}" if text else ""
