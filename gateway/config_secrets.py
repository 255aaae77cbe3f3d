"""Secrets come from the environment or from a file that is named in the config, never from the config itself."""

import os
import re
from collections.abc import Container, Iterator, Mapping

from pydantic import BaseModel

from gateway.config_errors import KeyPath, key_text
from gateway.config_schema import Schema, all_keys, schema_at
from gateway.core.errors import ConfigError

_SECRET = re.compile(r"(^|_)(api_?key|password|passwd|passphrase|secret|token|pin)$", re.IGNORECASE)


def written_secrets(file: str, table: Mapping[str, object], schema: Schema) -> list[ConfigError]:
    """An error for each key that looks like a secret written into the file, be its value what it may."""
    errors = []
    for path, value in all_keys(dict(table)):
        key = path[-1]
        free_text = path[-2:-1] == ("classes",)  # labels of the user's own, not keys
        if isinstance(key, str) and _SECRET.search(key) and not free_text and not isinstance(value, dict | list):
            known = schema_at(schema, path[:-1], table).get("properties", {})
            wrong = "a secret does not belong into a configuration file"
            errors.append(ConfigError(file, key_text(path), wrong, _other_way(key, known)))
    return errors


def _other_way(key: str, known: Mapping[str, object]) -> str:
    ways = []
    if f"{key}_env" in known:
        ways.append(f'{key}_env = "NAME" and set the environment variable NAME')
    if f"{key}_file" in known:
        ways.append(f'{key}_file = "path/to/file" and put it into that file')
    if ways:
        return "write " + ", or ".join(ways)
    return "take it out; secrets are named by keys that end with _env (an environment variable) or _file (a file)"


def missing_secrets(file: str, settings: BaseModel | None, path: KeyPath) -> Iterator[ConfigError]:
    """An error for each environment variable or file that should hold a secret and does not."""
    fields = type(settings).model_fields if settings is not None else {}
    for name in fields:
        value, key = getattr(settings, name), (*path, name)
        if isinstance(value, BaseModel):
            yield from missing_secrets(file, value, key)
        elif isinstance(value, tuple):
            for i, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from missing_secrets(file, item, (*key, i))
        elif value and name.endswith("_env"):
            yield from _unset(file, key, str(value))
        elif value and name.endswith("_file") and _is_secret(name.removesuffix("_file"), fields):
            yield from _unreadable(file, key, str(value))


def _is_secret(name: str, keys: Container[str]) -> bool:
    """By its name, or as the environment may hold it instead."""
    return bool(_SECRET.search(name)) or f"{name}_env" in keys


def _unset(file: str, key: KeyPath, variable: str) -> Iterator[ConfigError]:
    if not os.environ.get(variable, "").strip():
        wrong = f"the environment variable {variable} is not set, or empty"
        yield ConfigError(file, key_text(key), wrong, f"set {variable} to the secret before the gateway starts")


def _unreadable(file: str, key: KeyPath, secret: str) -> Iterator[ConfigError]:
    try:
        with open(secret, encoding="utf-8") as stream:
            empty = not stream.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        yield ConfigError(file, key_text(key), f"{secret} cannot be read: {error}", "name a text file with the secret")
        return
    if empty:
        yield ConfigError(file, key_text(key), f"{secret} is empty", "put the secret into it")
