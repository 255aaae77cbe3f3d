"""A fault in every state: real processes, real sockets, and the same four promises after each.

Exactly one answer for every accepted trigger, none for another part, well again within the stated time, and a journal
that agrees with what the PLC saw.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.result import Reason
from gateway.core.state import StationState
from tests.faults.cell import Cell
from tests.faults.housing import Housing, Plain, SettableClock, SmallDisk
from tests.faults.kinds import (
    SLOW_MS,
    AnswerAtDeadline,
    ClockSet,
    ConnectionCut,
    DatabaseLocked,
    DiskFull,
    Fault,
    FolderGone,
    GatewayKilled,
    House,
    PekatAnswers,
    PekatKilled,
    PlcFrozen,
    PlcRestarted,
)
from tests.faults.plant import Plant
from tests.faults.plc import Memory, playing
from tests.faults.report import Outcome, report
from tests.faults.states import SITUATIONS, Situation

pytestmark = pytest.mark.timeout(120)

FAULTS: tuple[Fault, ...] = (
    GatewayKilled(),
    ConnectionCut(),
    PlcRestarted(),
    PlcFrozen(),
    PekatKilled(),
    PekatAnswers("PEKAT hung", "freeze", frozenset({Reason.TIMEOUT})),
    PekatAnswers("PEKAT slow", "delay", frozenset(), SLOW_MS),
    PekatAnswers("PEKAT answers garbage", "garbage", frozenset({Reason.BAD_REPLY, Reason.INSPECTOR_OFFLINE})),
    PekatAnswers("PEKAT breaks off in mid-body", "truncate", frozenset({Reason.BAD_REPLY, Reason.INSPECTOR_OFFLINE})),
    FolderGone(),
    DiskFull(),
    DatabaseLocked(),
    ClockSet(),
    AnswerAtDeadline(),
)
"""The columns. With seven states that is 98 cells; none of them is left out."""


class Plants:
    """One plant for each kind of housing, made when it is first asked for: to start one takes seconds."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._housings: dict[House, Housing] = {
            "plain": Plain(),
            "small disk": SmallDisk(),
            "settable clock": SettableClock(),
        }
        self._made: dict[House, Plant] = {}

    def of(self, house: House) -> Plant:
        """Skips the test, and says why, where this machine cannot have one."""
        if why := self._housings[house].missing():
            pytest.skip(why)
        if house not in self._made:
            self._made[house] = plant = Plant(self._home / house.replace(" ", "_"), self._housings[house])
            plant.begin()
        return self._made[house]

    def set_clock(self, offset: str) -> None:
        clock = self._housings["settable clock"]
        assert isinstance(clock, SettableClock)
        clock.set(offset)

    def end(self) -> None:
        for plant in self._made.values():
            plant.end()


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plants]:
    made = Plants(tmp_path_factory.mktemp("plants"))
    yield made
    made.end()


def prepared(fault: Fault, plants: Plants, column: int) -> Fault:
    """What a fault needs beside the plant."""
    match fault:
        case ClockSet():
            plants.set_clock("+0")
            return ClockSet(set_clock=plants.set_clock)
        case DatabaseLocked():
            return DatabaseLocked()
        case AnswerAtDeadline():
            return AnswerAtDeadline(offset_s=-0.024 + 0.004 * column)
    return fault


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name.replace(" ", "_"))
@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name.replace(" ", "_"))
async def test_a_fault_in_a_state(fault: Fault, situation: Situation, plants: Plants) -> None:
    plant = plants.of(fault.house)
    row, column = FAULTS.index(fault), SITUATIONS.index(situation)
    made, began = prepared(fault, plants, column), time.monotonic()
    async with playing(plant.plc_port, plant.registers, Memory()) as plc:
        cell = Cell(f"f{row}s{column}", plant, plc)
        await cell.settle()
        await situation.enter(cell)
        await made.begin(cell)
        await situation.world(cell)
        if made.plc_goes_on:
            await situation.program(cell, made.patience_s)
        await made.end(cell)
        await situation.world(cell)
        well_s = await cell.recovered(made.stated_s)
        await cell.audit(made.reasons, results_dropped=made.drops_results)
        made.check_felt(cell, ready=situation.state is StationState.READY)
    outcome = Outcome(fault.name, situation.name, len(cell.parts), round(well_s, 3), made.stated_s)
    report.matrix.append(outcome)
    report.note("cells", of=len(FAULTS) * len(SITUATIONS))
    took = time.monotonic() - began
    print(f"{fault.name} in {situation.name}: {outcome.parts} parts, well in {well_s:.2f} s; {took:.1f} s in all")
