"""The tests are tested: each bug below is planted into a copy of the core, and the tests of its rule must fail.

A bug is an exact replacement in the source text; where the text is no longer there the test says so, and the bug
has to be planted anew. `soak` runs the oracle (test_stateful.py) against every bug as well.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.bugs import BUGS, Bug

HERE = Path(__file__).parent
NOT_THE_ORACLES = {21, 31, 32, 35}
"""It keeps no heartbeat, sees no restart, has one view, and new settings seldom in the right moment."""
TOO_MANY_FOR_IT = {"questions without bounds"}
"""It has three in flight at most."""
ROOT = HERE.parent.parent
NO_SHRINKING = """
from hypothesis import Phase, settings

settings.register_profile("planted", phases=[Phase.explicit, Phase.generate])
settings.load_profile("planted")
"""
"""That a test fails is enough; the shortest example of a bug that is known takes three times as long."""


def _is_the_oracles(bug: Bug) -> bool:
    return bug.rule not in NOT_THE_ORACLES and bug.name not in TOO_MANY_FOR_IT


def _plant(bug: Bug, home: Path) -> None:
    """A copy of the core with the bug, and of the tests, below `home`."""
    (home / "gateway").mkdir()
    (home / "gateway" / "__init__.py").touch()
    (home / "tests").mkdir()
    (home / "tests" / "__init__.py").touch()
    (home / "conftest.py").write_text(NO_SHRINKING)
    shutil.copytree(ROOT / "gateway" / "core", home / "gateway" / "core")
    shutil.copytree(HERE, home / "tests" / "core", ignore=shutil.ignore_patterns("__pycache__"))
    source = home / "gateway" / "core" / f"{bug.file}.py"
    text = source.read_text()
    assert text.count(bug.right) == 1, f"{bug.name}: {bug.right!r} is not in {source.name} once: plant it anew"
    source.write_text(text.replace(bug.right, bug.wrong))


def _files(home: Path, name: str) -> list[str]:
    """The files that have such a test. Collecting all of them takes longer than what is run of them."""
    files = sorted((home / "tests" / "core").glob("test_rules_*.py"))
    return [str(path) for path in files if f"def {name}" in path.read_text(encoding="utf-8")]


def _test(home: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(home), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_tests_of_its_rule_catch_it(bug: Bug, tmp_path: Path) -> None:
    _plant(bug, tmp_path)
    done = _test(tmp_path, *_files(tmp_path, f"test_h{bug.rule}_"), "-k", f"test_h{bug.rule}_", seconds=60)
    assert done.returncode == 1, f"{bug.name} was not caught:\n{done.stdout}{done.stderr}"
    assert f"::test_h{bug.rule}_" in done.stdout


def test_without_a_bug_the_copy_passes(tmp_path: Path) -> None:
    _plant(Bug("none", 0, "", "state", "LAST_SEQ = 65535", "LAST_SEQ = 65535"), tmp_path)
    done = _test(tmp_path, *_files(tmp_path, "test_h"), seconds=60)
    assert done.returncode == 0, done.stdout


def test_at_least_twelve_bugs_over_all_rules() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 12
    assert {bug.rule for bug in BUGS} == set(range(1, 39))


ORACLE_ALONE = """
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.core.test_stateful import Handshake
quick = settings(max_examples=2000, stateful_step_count=40, deadline=None, phases=[Phase.generate], database=None,
                 derandomize=True, suppress_health_check=list(HealthCheck))
run_state_machine_as_test(Handshake, settings=quick)
"""
"""The state machine without shrinking: that it fails is enough here."""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", [*filter(_is_the_oracles, BUGS)], ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_oracle_catches_it_too(bug: Bug, tmp_path: Path) -> None:
    """By itself, without the examples."""
    _plant(bug, tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", ORACLE_ALONE]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1, "it was not caught"
    assert "state.teardown()" in done.stderr, done.stderr
