"""The folder Results: the last results of a station, each a ResultType variable with its components.

The places are made once and used in turn, the oldest result giving way: nodes that come and go would change the model
with each part. A place that no result has yet says so with Bad_NoData.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from functools import cached_property, partial

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.machine_vision.data_types import ResultDataType, model_id
from gateway.plc.opcua.machine_vision.instance import Instances
from gateway.plc.opcua.machine_vision.live import Live
from gateway.plc.opcua.machine_vision.telling import RESULT_FIELDS
from gateway.plc.opcua.machine_vision.values import Catalogue, result_data
from gateway.plc.opcua.nodes import NAMESPACE, node_id
from gateway.plc.opcua.traffic.shown import Shown
from gateway.ports import StoredResult

_TYPE = model_id(2002)
_OPTIONAL = (
    "ExternalConfigurationId", "ExternalRecipeId", "HasTransferableDataOnFile", "IsSimulated", "MeasId", "PartId",
    "ProcessingTimes", "ProductId", "ResultContent",
)  # fmt: skip
_FIELDS: Mapping[str, ua.VariantType] = {**RESULT_FIELDS, "HasTransferableDataOnFile": ua.VariantType.Boolean}
_GOOD = ua.StatusCode()
_NO_DATA = ua.StatusCode(ua.UInt32(StatusCodes.BadNoData))


class MadeLater:
    """A result whose structure is made when somebody wants it, and then once."""

    def __init__(self, stored: StoredResult, catalogue: Catalogue) -> None:
        self.stored, self._catalogue = stored, catalogue

    @cached_property
    def data(self) -> ResultDataType:
        return result_data(self.stored, self._catalogue)


class ResultsFolder:
    """`size` places below the folder `here`."""

    def __init__(self, aspace: AddressSpace, instances: Instances, here: str, size: int) -> None:
        self._places = [_Place(aspace, instances, here, number) for number in range(1, size + 1)]
        self._next = 0

    def add(self, result: MadeLater) -> None:
        """Show one more result, in the place of the oldest one."""
        if self._places:
            self._places[self._next].show(result)
            self._next = (self._next + 1) % len(self._places)


class _Place:
    def __init__(self, aspace: AddressSpace, instances: Instances, here: str, number: int) -> None:
        name = f"Result{number:02}"
        made = instances.make(_TYPE, node_id(here), ua.QualifiedName(name, NAMESPACE), f"{here}.{name}", _OPTIONAL)
        self._result: MadeLater | None = None
        self._empty_since = ua.DateTime.now(UTC)
        self._variables = [
            *(Live(aspace, node_id(here, name, field), partial(self._component, field)) for field in _FIELDS),
            Live(aspace, made, self._whole),
        ]

    def show(self, result: MadeLater) -> None:
        self._result = result
        for variable in self._variables:
            variable.changed()

    def _whole(self) -> Shown:
        return self._shown(lambda result: ua.Variant(result, ua.VariantType.ExtensionObject))

    def _component(self, field: str) -> Shown:
        return self._shown(
            lambda result: ua.Variant(getattr(result, field), _FIELDS[field], is_array=field == "ResultContent")
        )

    def _shown(self, value: Callable[[ResultDataType], ua.Variant]) -> Shown:
        if self._result is None:
            return Shown(ua.Variant(), _NO_DATA, self._empty_since, self._empty_since)
        at = self._result.data.CreationTime
        return Shown(value(self._result.data), _GOOD, at, at)
