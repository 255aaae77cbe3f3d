"""Relative paths in gateway.toml are relative to its folder, wherever the gateway was started."""

import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.tagmap import is_path

_Model = TypeVar("_Model", bound=BaseModel)


def rooted(model: _Model, folder: Path) -> _Model:
    """The settings with absolute paths.

    In a table with a `folder`, every other `*_folder` stays as it is: it is relative to that folder. A tag map that is
    named by its file becomes that file's path.
    """
    changes: dict[str, Any] = {}
    for name in type(model).model_fields:
        before = getattr(model, name)
        after = before if _is_inner(type(model), name) else _rooted(name, before, folder)
        if after is not before:
            changes[name] = after
    return model.model_copy(update=changes) if changes else model


def _is_inner(model: type[BaseModel], name: str) -> bool:
    return name.endswith("_folder") and "folder" in model.model_fields


def _rooted(name: str, value: object, folder: Path) -> object:
    if isinstance(value, BaseModel):
        return rooted(value, folder)
    if isinstance(value, Path):
        return _absolute(value, folder)
    if isinstance(value, tuple) and any(isinstance(item, BaseModel | Path) for item in value):
        return tuple(_rooted(name, item, folder) for item in value)
    if name == "map" and isinstance(value, str) and is_path(value):
        return str(_absolute(Path(value), folder))
    return value


def _absolute(path: Path, folder: Path) -> Path:
    return Path(os.path.abspath(folder / path.expanduser()))
