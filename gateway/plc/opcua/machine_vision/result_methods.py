"""Methods of ResultManagement."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.plc.opcua.machine_vision import data_types as types
from gateway.plc.opcua.machine_vision.calls import VisionMethod, id_text
from gateway.plc.opcua.machine_vision.configuration_methods import names
from gateway.plc.opcua.machine_vision.error_codes import MethodError, MethodFailedError
from gateway.plc.opcua.machine_vision.handles import Handles
from gateway.plc.opcua.machine_vision.pages import page_size
from gateway.plc.opcua.machine_vision.past import PastResults
from gateway.plc.opcua.machine_vision.recipes import is_empty
from gateway.plc.opcua.machine_vision.values import Catalogue, result_data
from gateway.plc.opcua.machine_vision.wanted import Wanted
from gateway.plc.opcua.methods import Caller
from gateway.ports import StoredResult

Outputs = Sequence[Any]

_NO_RESULTS: Sequence[StoredResult] = ()

COMPONENTS = (
    "IsPartial", "IsSimulated", "ResultState", "MeasId", "PartId", "ExternalRecipeId", "InternalRecipeId", "ProductId",
    "ExternalConfigurationId", "InternalConfigurationId", "JobId", "CreationTime", "ProcessingTimes", "ResultContent",
)  # fmt: skip
"""What GetResultComponentsById returns after the handle, in its order: the fields of a result by their names."""


class ResultMethods:
    """They read only; who may log in may call them."""

    def __init__(self, past: PastResults, catalogue: Catalogue, handles: Handles) -> None:
        self._past = past
        self._catalogue = catalogue
        self._handles = handles

    @property
    def methods(self) -> Mapping[str, VisionMethod]:
        """By browse name."""
        return {
            "GetResultById": self.get_result_by_id,
            "GetResultComponentsById": self.get_result_components_by_id,
            "GetResultListFiltered": self.get_result_list_filtered,
            "ReleaseResultHandle": self.release_result_handle,
        }

    async def get_result_by_id(self, caller: Caller, result_id: types.ResultIdDataType | None, timeout: int) -> Outputs:
        return await self._found(caller, result_id, timeout)

    async def get_result_components_by_id(
        self, caller: Caller, result_id: types.ResultIdDataType | None, timeout: int
    ) -> Outputs:
        """For clients that cannot decode a structure with optional fields."""
        handle, found = await self._found(caller, result_id, timeout)
        return found.HasTransferableDataOnFile, handle, *(getattr(found, name) for name in COMPONENTS)

    async def get_result_list_filtered(
        self,
        caller: Caller,
        state: int,
        meas_id: types.MeasIdDataType | None,
        part_id: types.PartIdDataType | None,
        external_recipe: types.RecipeIdExternalDataType | None,
        internal_recipe: types.RecipeIdInternalDataType | None,
        external_configuration: types.ConfigurationIdDataType | None,
        internal_configuration: types.ConfigurationIdDataType | None,
        product_id: types.ProductIdDataType | None,
        job_id: types.JobIdDataType | None,
        max_results: int,
        start_index: int,
        timeout: int,
    ) -> Outputs:
        recipes = id_text(external_recipe), id_text(internal_recipe)
        wanted = Wanted(state, id_text(meas_id), id_text(part_id), *recipes, id_text(product_id), id_text(job_id))
        complete, found = True, _NO_RESULTS
        if self._is_configured(external_configuration) and self._is_configured(internal_configuration):
            complete, found = await self._past.page(caller.session, wanted, page_size(max_results), start_index)
        handle = self._handles.give(caller.session, "result", timeout, found)
        return complete, len(found), handle, [result_data(one, self._catalogue) for one in found]

    async def release_result_handle(self, caller: Caller, handle: int) -> Outputs:
        if not self._handles.release(caller.session, "result", handle):
            raise MethodFailedError(MethodError.UNKNOWN_HANDLE)
        return ()

    async def _found(
        self, caller: Caller, result_id: types.ResultIdDataType | None, timeout: int
    ) -> tuple[int, types.ResultDataType]:
        stored = await self._past.find(caller.session, id_text(result_id))
        return self._handles.give(caller.session, "result", timeout, [stored]), result_data(stored, self._catalogue)

    def _is_configured(self, given: types.ConfigurationIdDataType | None) -> bool:
        """Every result is shown with the one configuration."""
        if given is None or is_empty(given):
            return True
        return names(given, self._catalogue.configuration.InternalId)
