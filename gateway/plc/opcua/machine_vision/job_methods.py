"""Methods of the state machines: what a vision system does. A job of OPC 40100-1 is an inspection, or a continuous run.

Starting a job returns at once; its results come by ResultReady with the job's id, and by GetResultById.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.result import Origin
from gateway.core.tags import PART_ID_LENGTH
from gateway.plc.opcua.machine_vision.calls import LONGEST_ID, JobIds, OutOfRangeError, VisionMethod, id_text, note
from gateway.plc.opcua.machine_vision.data_types import (
    MeasIdDataType,
    PartIdDataType,
    ProductIdDataType,
    RecipeIdExternalDataType,
)
from gateway.plc.opcua.machine_vision.error_codes import MethodError, MethodFailedError
from gateway.plc.opcua.machine_vision.recipes import Recipes
from gateway.plc.opcua.machine_vision.values import job
from gateway.plc.opcua.methods import Caller
from gateway.ports import StationPort

Outputs = Sequence[Any]

_LIMITS = {"PartId": PART_ID_LENGTH, "MeasId": LONGEST_ID, "ProductId": LONGEST_ID}


class JobMethods:
    """The methods of VisionStateMachine and AutomaticModeStateMachine."""

    def __init__(self, station: StationPort, recipes: Recipes, job_ids: JobIds) -> None:
        self._station = station
        self._recipes = recipes
        self._job_ids = job_ids

    @property
    def methods(self) -> Mapping[str, VisionMethod]:
        """By browse name."""
        return {
            "SelectModeAutomatic": self.select_mode_automatic,
            "Halt": self.halt,
            "Reset": self.reset,
            "StartSingleJob": self.start_single_job,
            "StartContinuous": self.start_continuous,
            "Stop": self.stop,
            "Abort": self.abort,
            "SimulationMode": self.simulation_mode,
        }

    async def select_mode_automatic(self, caller: Caller) -> Outputs:
        if self._station.state.halted:
            raise MethodFailedError(MethodError.WRONG_STATE)
        note(self._station.name, "SelectModeAutomatic", caller, 0, "")
        self._station.select_automatic()
        return ()

    async def halt(self, caller: Caller, cause: int, description: str) -> Outputs:
        note(self._station.name, "Halt", caller, cause, description)
        self._station.halt()
        return ()

    async def reset(self, caller: Caller, cause: int, description: str) -> Outputs:
        note(self._station.name, "Reset", caller, cause, description)
        self._station.reset()
        return ()

    async def start_single_job(self, caller: Caller, *given: Any) -> Outputs:
        part_id, origin = self._job(caller, "job", *given)
        self._station.trigger(part_id, origin)
        return (job(origin.job_id),)

    async def start_continuous(self, caller: Caller, *given: Any) -> Outputs:
        part_id, origin = self._job(caller, "continuous", *given)
        self._station.run_continuously(part_id, origin)
        return (job(origin.job_id),)

    async def stop(self, caller: Caller, cause: int, description: str) -> Outputs:
        """What is in flight is finished; a single job is only that, so nothing is left to stop."""
        self._check_running()
        note(self._station.name, "Stop", caller, cause, description)
        self._station.stop()
        return ()

    async def abort(self, caller: Caller, cause: int, description: str) -> Outputs:
        self._check_running()
        note(self._station.name, "Abort", caller, cause, description)
        self._station.abort()
        return ()

    async def simulation_mode(self, caller: Caller, activate: bool, cause: int, description: str) -> Outputs:
        note(self._station.name, f"SimulationMode {'on' if activate else 'off'}", caller, cause, description)
        self._station.simulate(activate)
        return ()

    def _check_running(self) -> None:
        state = self._station.state
        if state.continuous is None and not state.in_flight:
            raise MethodFailedError(MethodError.NOTHING_RUNS)

    def _job(
        self,
        caller: Caller,
        by: str,
        meas_id: MeasIdDataType | None,
        part_id: PartIdDataType | None,
        recipe_id: RecipeIdExternalDataType | None,
        product_id: ProductIdDataType | None,
        parameters: list[Any],
    ) -> tuple[str, Origin]:
        """The part and the origin of a job, checked: our recipes have no parameters."""
        ids = {"MeasId": id_text(meas_id), "PartId": id_text(part_id), "ProductId": id_text(product_id)}
        wrong = [name for name, text in ids.items() if len(text.encode()) > _LIMITS[name]]
        if wrong or parameters:
            raise OutOfRangeError(*wrong, *(["Parameters"] if parameters else []))
        self._recipes.check_prepared(recipe_id, ids["ProductId"])
        origin = Origin(by, self._job_ids.next(), ids["MeasId"], ids["ProductId"], client=caller.client)
        return ids["PartId"], origin
