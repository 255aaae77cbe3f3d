"""The three PLC programs of docs/handshake.md, line by line in Python, against the real handshake.

The PLC reads and writes its blocks once a cycle; PEKAT takes 0 to 5 cycles, is silent now and then, and the gateway
is restarted in the middle. Each part must get its own answer and no other.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.state import Options
from gateway.core.tags import TagValue
from tests.core.driver import NOK, OK, Rig, fresh

Tags = dict[str, TagValue]
CYCLE_MS = 10
Answers = list[tuple[str, str]]
"""(part id, what the PLC made of it)"""
Program = Callable[[Answers, int], Iterator[tuple[Commands, Tags]]]


def bit_style(got: Answers, parts: int) -> Iterator[tuple[Commands, Tags]]:
    """Steps 0 to 90; yields the control block and is sent the status block. `sts` is a box that the line refills."""
    step, part, waited, missed, mine, boot = 0, 0, 0, 0, 0, 0
    ctl, sts = Commands(), Tags()
    while len(got) < parts:
        if step == 0:
            ctl, step = Commands(reset=True), 1
        elif step == 1:
            ctl = replace(ctl, reset=False, enable=True)
            if sts["ready"]:
                boot, step = int(sts["boot_id"]), 10
        elif step == 10 and sts["ready"]:
            missed, part, waited, step = int(sts["count_missed"]), part + 1, 0, 20
            ctl = replace(ctl, part_id=f"P{part}", trigger=True)
        elif step == 20 and sts["trigger_ack"]:
            mine, step = int(sts["trigger_seq_accepted"]), 30
            ctl = replace(ctl, trigger=False)
        elif step == 20 and sts["count_missed"] != missed:
            ctl, step = replace(ctl, trigger=False), 0
        elif step == 30 and sts["result_valid"] and sts["result_trigger_seq"] == mine:
            told = "ok" if sts["ok"] else "nok" if sts["nok"] else "unknown"
            got.append((str(sts["result_part_id"]), told))
            assert sts["result_part_id"] == f"P{part}", "a result for another part"
            step = 10
        waited += step in (20, 30)
        if waited > 60 or (step >= 10 and sts["boot_id"] != boot):
            step, waited = 0, 0
        yield ctl, sts


def sequence_style(got: Answers, parts: int) -> Iterator[tuple[Commands, Tags]]:
    step, part, missed, seq, boot = 0, 0, 0, 0, 0
    ctl, sts = Commands(), Tags()
    while len(got) < parts:
        if step == 0:
            ctl, step = Commands(buffer_results=True, reset=True), 1
        elif step == 1:
            ctl = replace(ctl, reset=False, enable=True)
            if sts["ready"]:
                boot, seq, step = int(sts["boot_id"]), int(sts["trigger_seq_accepted"]), 10
        elif step == 10 and sts["ready"]:
            missed, part, step = int(sts["count_missed"]), part + 1, 20
            seq = 1 if seq == 65535 else seq + 1
            ctl = replace(ctl, part_id=f"P{part}", trigger_seq=seq)
        elif step == 20 and (sts["trigger_seq_accepted"] == seq or sts["count_missed"] != missed):
            step = 10
        if step >= 10 and sts["result_valid"] and sts["result_seq"] != ctl.result_ack_seq:
            got.append((str(sts["result_part_id"]), "ok" if sts["ok"] else "nok" if sts["nok"] else "unknown"))
            ctl = replace(ctl, result_ack_seq=int(sts["result_seq"]))
        if step >= 10 and sts["boot_id"] != boot:
            step = 0
        yield ctl, sts


def bit_style_pipelined(got: Answers, parts: int) -> Iterator[tuple[Commands, Tags]]:
    step, part, waited, missed, boot, taking = 0, 0, 0, 0, 0, False
    ctl, sts = Commands(), Tags()
    while len(got) < parts:
        if step == 0:
            ctl, step, taking = Commands(buffer_results=True, reset=True), 1, False
        elif step == 1:
            ctl = replace(ctl, reset=False, enable=True)
            if sts["ready"]:
                boot, step = int(sts["boot_id"]), 10
        elif step == 10 and sts["ready"]:
            missed, part, waited, step = int(sts["count_missed"]), part + 1, 0, 20
            ctl = replace(ctl, part_id=f"P{part}", trigger=True)
        elif step == 20 and sts["trigger_ack"]:
            ctl, step = replace(ctl, trigger=False), 30
        elif step == 20 and sts["count_missed"] != missed:
            ctl, step = replace(ctl, trigger=False), 10
        elif step == 30 and (sts["exposure_done"] or sts["ready"]):
            step = 10
        if step >= 10 and sts["result_valid"] and not taking:
            got.append((str(sts["result_part_id"]), "ok" if sts["ok"] else "nok" if sts["nok"] else "unknown"))
            ctl, taking = replace(ctl, result_ack=True), True
        elif taking and not sts["result_valid"]:
            ctl, taking = replace(ctl, result_ack=False), False
        waited += step in (20, 30)
        if waited > 60 or (step >= 10 and sts["boot_id"] != boot):
            step, waited = 0, 0
        yield ctl, sts


PROGRAMS: dict[Program, int] = {bit_style: 1, sequence_style: 2, bit_style_pipelined: 3}
"""Each with the inspections that may be in flight."""


def _world(bench: Rig, due: dict[int, int], chance: Random) -> None:
    """One cycle of camera and PEKAT: `due` says how many cycles each inspection still takes."""
    for start in bench.did(act.Start):
        due[start.inspection_id] = chance.choice([0, 1, 2, 5, 10_000])
    for inspection in list(due):
        due[inspection] -= 1
        bench.expose(inspection)
        if due[inspection] < 0:
            del due[inspection]
            bench.answer(inspection, OK if inspection % 2 else NOK)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_documented_program_gets_each_parts_own_answer(program: Program, seed: int) -> None:
    chance, got, due, parts = Random(seed), Answers(), dict[int, int](), 40
    options = Options(max_in_flight=PROGRAMS[program], result_depth=4, inspection_timeout_ms=200)
    bench = Rig(fresh(options))
    truth: dict[str, set[str]] = {}
    for cycle, (ctl, sts) in enumerate(program(got, parts)):
        if cycle == 70:  # the gateway is restarted
            bench, due = Rig(fresh(options, boot_id=12), now=bench.now), {}
        bench.happen(ev.PlcWrote(ctl), CYCLE_MS)
        _world(bench, due, chance)
        for result in bench.results:
            truth.setdefault(result.part_id, set()).add({1: "ok", 2: "nok", 3: "unknown"}[result.verdict])
        sts.update(bench.tags)
        assert cycle < 5_000, "the program hangs"
    assert len({part for part, _ in got}) == len(got) == parts
    assert all(told in truth[part] for part, told in got)
    assert [int(part[1:]) for part, _ in got] == sorted(int(part[1:]) for part, _ in got)
    assert {told for _, told in got} == {"ok", "nok", "unknown"}
