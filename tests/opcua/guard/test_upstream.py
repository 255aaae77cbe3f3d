"""What is offered to asyncua: its own server shows each defect as it is installed, and none with the patch."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import asyncua
import pytest

from tests.opcua.guard.reproductions import CASES

SCRIPT = Path(__file__).with_name("reproductions.py")
PATCH = Path(__file__).parents[3] / "docs" / "upstream" / "asyncua-2.1.0-transport-guard.patch"
DOCUMENT = PATCH.with_name("asyncua-transport-guard.md")


def _outcomes(folder: Path) -> dict[str, str]:
    """By an asyncua in this folder, in a process of its own."""
    run = subprocess.run(
        [sys.executable, str(SCRIPT)], env={**os.environ, "PYTHONPATH": str(folder)}, cwd=folder,
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    seen: dict[str, str] = json.loads(run.stdout)
    return seen


@pytest.mark.timeout(240)
@pytest.mark.skipif(version("asyncua") != "2.1.0", reason="the patch is for asyncua 2.1.0")
@pytest.mark.skipif(shutil.which("git") is None, reason="git applies the patch")
def test_each_case_is_a_defect_as_installed_and_none_with_the_patch(tmp_path: Path) -> None:
    installed, patched = tmp_path / "installed", tmp_path / "patched"
    for folder in (installed, patched):
        shutil.copytree(Path(asyncua.__file__).parent, folder / "asyncua", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "apply", "--whitespace=nowarn", str(PATCH)], cwd=patched, check=True)
    wanted = {name: expected for name, (_, _, _, expected) in CASES.items()}
    assert _outcomes(patched) == wanted
    as_it_is = _outcomes(installed)
    assert not [name for name in CASES if as_it_is[name] == wanted[name]]


def test_the_document_names_each_case() -> None:
    words = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name, (section, _, _, _) in CASES.items() if name not in words or section not in words]
