"""The rows of the matrix: how the station is brought to each state, how it is known there, and how the PLC goes on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.core.state import StationState
from tests.faults.cell import STEP_S, Cell
from tests.faults.faces import Program

THINKS_MS = 400
"""How long PEKAT thinks about the image in the state "inspecting": a fault comes in the middle of that."""


async def _offline(cell: Cell) -> None:
    cell.plc.set(set_offline=True)


async def _ready(cell: Cell) -> None:
    pass


async def _acquiring(cell: Cell) -> None:
    cell.under_way.append(await cell.trigger())


async def _inspecting(cell: Cell) -> None:
    cell.plant.misbehave("delay", 1, THINKS_MS)
    part = await cell.trigger()
    cell.under_way.append(part)
    cell.photograph(part)


async def _result_pending(cell: Cell) -> None:
    await _acknowledging(cell)
    cell.lower()


async def _acknowledging(cell: Cell) -> None:
    part = await cell.trigger()
    cell.photograph(part)
    await cell.answer(part)


async def _changing_recipe(cell: Cell) -> None:
    """PEKAT does not answer whether it is ready for recipe 2."""
    cell.plant.route("pekat2", "hold")
    cell.plc.set(recipe_request=2, change_recipe=True)


async def _deliver(cell: Cell) -> None:
    for part in cell.under_way:
        cell.photograph(part)


async def _nothing(cell: Cell) -> None:
    pass


async def _let_change(cell: Cell) -> None:
    """PEKAT answers, unless the fault holds it back."""
    if cell.plant.mode("pekat2") == "hold" and cell.plant.mode("pekat") != "hold":
        cell.plant.route("pekat2", "open")


async def _trigger_in_vain(cell: Cell, patience_s: float) -> None:
    """A trigger that must not be accepted."""
    await cell.tried(cell.trigger(patience_s))
    cell.lower()


async def _one_part(cell: Cell, patience_s: float) -> None:
    await cell.tried(cell.inspect(patience_s))


async def _finish(cell: Cell, patience_s: float) -> None:
    cell.lower()
    for part in cell.under_way:
        if await cell.tried(cell.answer(part, patience_s)):
            await cell.tried(cell.take(patience_s))


async def _acknowledge(cell: Cell, patience_s: float) -> None:
    cell.lower()
    await cell.tried(cell.take(patience_s))


async def _end_change(cell: Cell, patience_s: float) -> None:
    await cell.tried(cell.plc.until(lambda tags: tags["recipe_ack"] or tags["recipe_error"], patience_s))
    cell.plc.set(change_recipe=False)


@dataclass(frozen=True, slots=True)
class Situation:
    """A state of the station. `bring` leads to it from ready; `world` is what happens around it whatever is broken,
    `program` what the PLC does next, if it still can.
    """

    state: StationState
    bring: Callable[[Cell], Awaitable[None]]
    world: Callable[[Cell], Awaitable[None]]
    program: Callable[[Cell, float], Awaitable[None]]
    shows: bool = False
    """Ready, with a result on show that nobody has to take: free running knows no other state after an answer."""

    @property
    def name(self) -> str:
        return "result on show" if self.shows else self.state.name.lower().replace("_", " ")

    @property
    def idle(self) -> bool:
        """Nothing has happened yet, and the station waits for the first trigger."""
        return self.state is StationState.READY and not self.shows

    async def enter(self, cell: Cell) -> None:
        """Until the tags show it."""
        await self.bring(cell)
        await cell.plc.until(
            lambda tags: tags["state"] == self.state and (tags["result_valid"] or not self.shows), STEP_S
        )


BUFFERED = (
    Situation(StationState.OFFLINE, _offline, _nothing, _trigger_in_vain),
    Situation(StationState.READY, _ready, _nothing, _one_part),
    Situation(StationState.ACQUIRING, _acquiring, _deliver, _finish),
    Situation(StationState.INSPECTING, _inspecting, _nothing, _finish),
    Situation(StationState.RESULT_PENDING, _result_pending, _nothing, _acknowledge),
    Situation(StationState.ACKNOWLEDGING, _acknowledging, _nothing, _acknowledge),
    Situation(StationState.CHANGING_RECIPE, _changing_recipe, _let_change, _end_change),
)
FREE_RUNNING = (
    *(one for one in BUFFERED if one.state not in (StationState.RESULT_PENDING, StationState.ACKNOWLEDGING)),
    Situation(StationState.READY, _acknowledging, _nothing, _one_part, shows=True),
)


def situations(program: Program) -> tuple[Situation, ...]:
    """The states that a PLC with this program gets to see."""
    return BUFFERED if program.buffered else FREE_RUNNING
