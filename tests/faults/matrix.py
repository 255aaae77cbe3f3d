"""The matrix: each fault in each state over each face, and how one cell of it is played."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.core.result import Reason
from tests.faults.cell import Cell
from tests.faults.faces import FACES, Face, Link
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
from tests.faults.states import Situation, situations

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
"""The rows of each table. None of their cells is left out."""


class Plants:
    """One plant for each kind of housing and link, made when it is first asked for: to start one takes seconds."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._made: dict[tuple[House, Link], Plant] = {}

    def of(self, house: House, link: Link) -> Plant:
        """Skips the test, and says why, where this machine cannot have one."""
        if (house, link) not in self._made:
            housing = HOUSINGS[house]()
            if why := housing.missing():
                pytest.skip(why)
            plant = Plant(self._home / f"{house.replace(' ', '_')}_{link}", housing, link=link)
            plant.begin()
            self._made[house, link] = plant
        return self._made[house, link]

    def housing(self, house: House, link: Link) -> Housing:
        return self.of(house, link).housing

    def end(self) -> None:
        for plant in self._made.values():
            plant.end()


HOUSINGS: Mapping[House, type[Housing]] = {"plain": Plain, "small disk": SmallDisk, "settable clock": SettableClock}


def prepared(fault: Fault, housing: Housing, column: int) -> Fault:
    """What a fault needs beside the plant."""
    match fault:
        case ClockSet():
            assert isinstance(housing, SettableClock)
            housing.set("+0")
            return ClockSet(set_clock=housing.set)
        case DatabaseLocked():
            return DatabaseLocked()
        case AnswerAtDeadline():
            return AnswerAtDeadline(offset_s=-0.024 + 0.004 * column)
    return fault


@dataclass(frozen=True, slots=True)
class Place:
    """One cell: where it stands in the matrix."""

    face: Face
    fault: Fault
    situation: Situation

    def __str__(self) -> str:
        return f"{self.face.key}-{self.fault.name}-{self.situation.name}".replace(" ", "_")

    async def play(self, plants: Plants, run: str = "m") -> None:
        """Raises AssertionError or TimeoutError where a promise is broken. `run` begins the ids of its parts: whoever
        plays a cell twice at the same plant needs two of them.
        """
        plant, began = plants.of(self.fault.house, self.face.link), time.monotonic()
        states = situations(self.face.program)
        row, column = FAULTS.index(self.fault), states.index(self.situation)
        made = prepared(self.fault, plants.housing(self.fault.house, self.face.link), column)
        async with playing(plant.reach, Memory(), self.face.program) as plc:
            cell = Cell(f"{run}{FACES.index(self.face)}f{row}s{column}", plant, plc)
            await self._break(cell, made)
            well_s = await cell.recovered(made.stated_s)
            await cell.audit(made.reasons, results_dropped=made.drops_results)
            made.check_felt(cell, ready=self.situation.idle)
        outcome = Outcome(self.fault.name, self.situation.name, len(cell.parts), round(well_s, 3), made.stated_s)
        report.cell_passed(self.face.key, outcome, len(FAULTS) * len(states))
        print(f"{self}: {outcome.parts} parts, well in {well_s:.2f} s; {time.monotonic() - began:.1f} s in all")

    async def _break(self, cell: Cell, fault: Fault) -> None:
        """From ready to the state, through the fault, to its end."""
        await cell.settle()
        await self.situation.enter(cell)
        await fault.begin(cell)
        await self.situation.world(cell)
        if fault.plc_goes_on:
            await self.situation.program(cell, fault.patience_s)
        await fault.end(cell)
        await self.situation.world(cell)


PLACES = tuple(Place(face, fault, one) for face in FACES for fault in FAULTS for one in situations(face.program))
