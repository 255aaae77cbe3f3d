"""What the layout promises: small files, short functions, every kind of part in its union, a home for each library."""

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import gateway
import gateway.sources
from gateway.sources import SourceSettings

PACKAGE = Path(gateway.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 60

HOMES = {
    "pymodbus": {"plc", "sim"},
    "asyncua": {"plc", "sim"},
    "requests": {"vision", "sources"},
    "jmespath": {"vision"},
    "starlette": {"sim"},
    "uvicorn": {"sim"},
    "watchdog": {"sources"},
    "inotify_simple": {"sources"},
    "viva_genicam": {"sources", "sim"},
    "av": {"sources"},
    "typer": {"cli"},
}


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_file_is_short_and_so_are_its_functions(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize("library", HOMES)
def test_library_stays_in_its_home(library: str) -> None:
    users = set()
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] == library for name in names):
                users.add(file.relative_to(PACKAGE).parts[0])
    assert users, f"{library} is not used at all: take it out of the table"
    assert users <= HOMES[library]


def test_every_kind_of_source_is_in_the_union() -> None:
    """A new source is one file and one line; this finds the forgotten line."""
    union = set(get_args(get_args(SourceSettings)[0]))
    found = set()
    for info in pkgutil.iter_modules(gateway.sources.__path__):
        try:
            module = importlib.import_module(f"gateway.sources.{info.name}")
        except ImportError:
            if info.name != "watch_linux":  # inotify_simple is installed on Linux only
                raise
            continue
        found |= {
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, BaseModel)
            and "kind" in value.model_fields
            and value.__module__ == module.__name__
        }
    assert found == union
