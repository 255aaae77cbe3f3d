"""The last image that the inspector drew of what it saw, as a variable: LastImage, beside the folder of results.

It is there where a recipe asks for an image. An inspection without one leaves the last one standing: its source time
stamp, and the property ResultId, tell whose it is.
"""

from datetime import UTC

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.face import put
from gateway.plc.opcua.machine_vision.data_types import ResultIdDataType
from gateway.plc.opcua.machine_vision.instance import Instances
from gateway.plc.opcua.machine_vision.values import utc
from gateway.plc.opcua.nodes import NAMESPACE, node_id, standard_id
from gateway.ports import StoredResult

NAME = "LastImage"
_PNG = standard_id(ObjectIds.ImagePNG)
_NO_DATA = ua.StatusCode(ua.UInt32(StatusCodes.BadNoData))
_KINDS = ua.VariantType


class DrawingNode:
    """The variable below `owner`, the path of an object."""

    def __init__(self, aspace: AddressSpace, instances: Instances, owner: str) -> None:
        self._aspace = aspace
        here = f"{owner}.{NAME}"
        variable = standard_id(ObjectIds.BaseDataVariableType)
        instances.make(variable, node_id(owner), ua.QualifiedName(NAME, NAMESPACE), here)
        kind = standard_id(ObjectIds.PropertyType)
        name = ua.QualifiedName("ResultId", NAMESPACE)
        instances.make(kind, node_id(here), name, f"{here}.ResultId", reference=ObjectIds.HasProperty)
        self._image, self._result = node_id(here), node_id(here, "ResultId")
        now = ua.DateTime.now(UTC)
        for node, data_type in ((self._image, _PNG), (self._result, ResultIdDataType.data_type)):
            self._describe(node, AttributeIds.DataType, ua.Variant(data_type, _KINDS.NodeId))
            self._describe(node, AttributeIds.ValueRank, ua.Variant(ua.ValueRank.Scalar.value, _KINDS.Int32))
            put(aspace[node].attributes[AttributeIds.Value], ua.Variant(), now, now, _NO_DATA)

    def show(self, image: bytes, stored: StoredResult) -> None:
        """Another image, of this result."""
        at = utc(stored.answered)
        name = ResultIdDataType(ua.String(stored.result_id))
        self._put(self._result, ua.Variant(name, _KINDS.ExtensionObject), at)
        self._put(self._image, ua.Variant(image, _KINDS.ByteString), at)

    def _put(self, node: ua.NodeId, value: ua.Variant, at: ua.DateTime) -> None:
        put(self._aspace[node].attributes[AttributeIds.Value], value, at, at)

    def _describe(self, node: ua.NodeId, attribute: AttributeIds, value: ua.Variant) -> None:
        self._aspace[node].attributes[attribute].value = ua.DataValue(value)
