"""The tests are tested: each bug below is planted into a copy of the core, and the tests of its rule must fail.

A bug is an exact replacement in the source text; where the text is no longer there the test says so, and the bug
has to be planted anew. `soak` runs the oracle (test_stateful.py) against every bug as well.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Bug:
    """`rule` is the number of the rule that it breaks; `told` says in a sentence what the PLC would suffer."""

    name: str
    rule: int
    told: str
    file: str
    right: str
    wrong: str


BUGS = [
    Bug("held trigger runs for ever", 1, "a trigger held at 1 starts an inspection with each write",
        "handshake", "bit=new.trigger and not old.trigger and not fresh", "bit=new.trigger and not fresh"),
    Bug("retry runs twice", 1, "writing the same trigger_seq again inspects the part again",
        "handshake", "new.trigger_seq not in (0, old.trigger_seq)", "new.trigger_seq != 0"),
    Bug("ready while exposing", 2, "a second part is triggered while the first is photographed",
        "state", "in self.flight):\n            return RejectReason.EXPOSING",
        "in self.flight[:0]):\n            return RejectReason.EXPOSING"),
    Bug("promised place forgotten", 2, "the FIFO overflows: what is in flight was not counted",
        "state", "taken = len(self.flight) + len(self.waiting) + int(self.valid)",
        "taken = len(self.waiting) + int(self.valid)"),
    Bug("part id not latched", 3, "the result carries the part id of the next part",
        "turn", "result = _result(done, judgement, s.result_seq)",
        "result = _result(replace(done, part_id=s.commands.part_id), judgement, s.result_seq)"),
    Bug("silent rejection", 4, "a refused trigger is not counted as missed",
        "turn", "missed=s.counts.missed + 1", "missed=s.counts.missed"),
    Bug("ack never falls", 5, "trigger_ack stays after trigger has fallen: the PLC waits for ever",
        "handshake", "if not new.trigger:  # H5\n        turn.lower_trigger_ack()",
        "if not new.trigger:  # H5\n        pass"),
    Bug("restart inspects", 6, "the first trigger_seq after a restart of the gateway starts an inspection",
        "handshake", "seq=seq_known and", "seq="),
    Bug("enable is an edge", 6, "raising enable with trigger still at 1 inspects",
        "handshake", "fresh = first or (new.enable and not old.enable)", "fresh = first"),
    Bug("time-out one event late", 7, "an answer at its deadline still counts, and a Tick at the deadline does nothing",
        "handshake", "inspection.open and inspection.deadline <= now", "inspection.open and inspection.deadline < now"),
    Bug("stop loses the answer", 7, "an inspection in flight at shutdown is never answered",
        "handshake", "turn.cancel_all(Reason.SHUTDOWN)", "pass"),
    Bug("second answer wins", 8, "a doubled answer overwrites one that waits for its turn",
        "turn", "if inspection.id == inspection_id and inspection.open:", "if inspection.id == inspection_id:"),
    Bug("late answer for the next part", 8, "an answer is given to the oldest inspection, whoever it was meant for",
        "turn", "if inspection.id == inspection_id and inspection.open:", "if inspection.open:"),
    Bug("overtaking", 9, "answers leave as they come, not in the order of the triggers",
        "turn", "inspection, s.flight = s.flight[0], s.flight[1:]",
        "inspection, s.flight = s.flight[-1], s.flight[:-1]\n"
        "            judgement = inspection.judgement or judgement"),
    Bug("sequence wraps to 0", 9, "result_seq is 0 after 65535",
        "state", "return seq % LAST_SEQ + 1", "return (seq + 1) % (LAST_SEQ + 1)"),
    Bug("ok outlives the result", 10, "ok stays 1 after the result was acknowledged",
        "image", "if s.presented is not None and s.valid else", "if s.presented is not None else"),
    Bug("stale result stays valid", 11, "result_valid of the last part is still 1 while the next is inspected",
        "turn", "if not s.buffered and s.options.max_in_flight == 1:  # H11\n                s.valid = False",
        "if False:  # H11\n                s.valid = False"),
    Bug("toggle stands still", 11, "two results in one step flip result_toggle twice",
        "presenting", "        state.toggle = not before.toggle", "        state.toggle = bool(state.shown_seq & 1)"),
    Bug("block not frozen", 12, "a new result overwrites one that the PLC is reading",
        "presenting", "if state.buffered:\n        state.waiting", "if False:\n        state.waiting"),
    Bug("next result too early", 12, "the next result comes while result_ack is still 1",
        "presenting", "state.ack_must_fall = by_bit and not by_seq", "state.ack_must_fall = False"),
    Bug("foreign ack taken", 13, "an acknowledgement of another result frees this one",
        "presenting", "if by_seq and new.result_ack_seq != state.shown_seq:", "if False:"),
    Bug("mode change loses the order", 14, "after buffered mode a new result overtakes the backlog",
        "state", "return self.commands.buffer_results or bool(self.waiting)", "return self.commands.buffer_results"),
    Bug("enable falls, nobody is told", 15, "dropping enable leaves the inspection running",
        "handshake", "if old.enable and not new.enable:  # H15\n        _abort(turn)",
        "if old.enable and not new.enable:  # H15\n        pass"),
    Bug("reset shows its answers", 16, "inspections cancelled by reset are presented",
        "handshake", "turn.cancel_all(Reason.RESET, present=False)\n    presenting.drop_all(s)",
        "presenting.drop_all(s)\n    turn.cancel_all(Reason.RESET)"),
    Bug("wrong offline reason", 17, "the least grave reason is shown",
        "state", "max(self.offline, default=OfflineReason.NONE)", "min(self.offline, default=OfflineReason.NONE)"),
    Bug("failed recipe in force", 18, "a recipe whose change failed is used all the same",
        "recipes", "if error is ErrorCode.NONE:\n        s.recipe, s.unprepared = change.recipe, False",
        "s.recipe, s.unprepared = change.recipe, False"),
    Bug("two commands, one run", 19, "trigger and abort in one write: the trigger runs",
        "handshake", "if bit + seq + abort + flush + change > 1:  # H19", "if False:  # H19"),
    Bug("newest error shown", 20, "a later error overwrites the first",
        "fault_latch", "if state.error is None:\n        state.error = fault", "state.error = fault"),
    Bug("heart stops", 21, "the heartbeat does not count",
        "heartbeat", "state.heartbeat = (state.heartbeat + 1) & 0xFFFF", "state.heartbeat = state.heartbeat & 0xFFFF"),
    Bug("any write is a life sign", 22, "a PLC whose program has stopped keeps the watchdog quiet",
        "heartbeat", "if commands.plc_heartbeat == state.commands.plc_heartbeat:\n        return",
        "if False:\n        return"),
    Bug("reconnect is an edge", 23, "a PLC that comes back with its tags unchanged triggers once more",
        "handshake", "s, old, first, seq_known = turn.s, turn.s.commands, not turn.s.plc_seen, turn.s.seq_known",
        "s, old, first, seq_known = turn.s, Commands(enable=True), not turn.s.plc_seen, turn.s.seq_known"),
    Bug("torn image", 24, "result_seq_end is not the number of the result shown",
        "image", '"result_seq_end": s.shown_seq', '"result_seq_end": s.result_seq'),
]  # fmt: skip


def _plant(bug: Bug, home: Path) -> None:
    """A copy of the core with the bug, and of the tests, below `home`."""
    (home / "gateway").mkdir()
    (home / "gateway" / "__init__.py").touch()
    (home / "tests").mkdir()
    (home / "tests" / "__init__.py").touch()
    shutil.copytree(ROOT / "gateway" / "core", home / "gateway" / "core", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HERE, home / "tests" / "core", ignore=shutil.ignore_patterns("__pycache__"))
    source = home / "gateway" / "core" / f"{bug.file}.py"
    text = source.read_text()
    assert text.count(bug.right) == 1, f"{bug.name}: {bug.right!r} is not in {source.name} once: plant it anew"
    source.write_text(text.replace(bug.right, bug.wrong))


def _test(home: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_tests_of_its_rule_catch_it(bug: Bug, tmp_path: Path) -> None:
    _plant(bug, tmp_path)
    files = [str(path) for path in sorted((tmp_path / "tests" / "core").glob("test_rules_*.py"))]
    done = _test(tmp_path, *files, "-k", f"test_h{bug.rule}_", seconds=60)
    assert done.returncode == 1, f"{bug.name} was not caught:\n{done.stdout}{done.stderr}"
    assert f"::test_h{bug.rule}_" in done.stdout


def test_without_a_bug_the_copy_passes(tmp_path: Path) -> None:
    _plant(Bug("none", 0, "", "state", "LAST_SEQ = 65535", "LAST_SEQ = 65535"), tmp_path)
    files = [str(path) for path in sorted((tmp_path / "tests" / "core").glob("test_rules_*.py"))]
    done = _test(tmp_path, *files, seconds=60)
    assert done.returncode == 0, done.stdout


def test_at_least_twelve_bugs_over_all_rules() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 12
    assert {bug.rule for bug in BUGS} == set(range(1, 25))


ORACLE_ALONE = """
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.core.test_stateful import Handshake
quick = settings(max_examples=600, stateful_step_count=40, deadline=None, phases=[Phase.generate], database=None,
                 derandomize=True, suppress_health_check=list(HealthCheck))
run_state_machine_as_test(Handshake, settings=quick)
"""
"""The state machine without shrinking: that it fails is enough here."""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_oracle_catches_it_too(bug: Bug, tmp_path: Path) -> None:
    """By itself, without the examples. The heartbeat is none of the oracle's business (H21)."""
    _plant(bug, tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", ORACLE_ALONE]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode == 1 and "AssertionError" in done.stderr) == (bug.rule != 21), done.stderr[-2000:]
