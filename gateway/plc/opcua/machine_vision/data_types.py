"""The structures of OPC 40100-1 as Python classes, registered with asyncua under the ids that the nodeset gives them.

asyncua could make classes like these from the nodeset itself, but it takes the three ids without fields of their own
(external recipe, internal recipe, configuration) for their base type and sends that one's encoding id. Classes that
are known before the import are left alone by it, on the server and in a client of the same process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Protocol

from asyncua import ua
from asyncua.ua import uatypes

if TYPE_CHECKING:
    Boolean = bool
else:
    from asyncua.ua import Boolean  # what asyncua looks for in an annotation; it is no subtype of bool

NAMESPACE_URI = "http://opcfoundation.org/UA/MachineVision"
NAMESPACE = 3
"""The index of the namespace on every server of ours: asyncua's register of types knows indices, not URIs."""


_NONE = ua.String("")
_NO_FIELDS = ua.UInt32(0)
_ZERO = ua.Int32(0)


def _now() -> ua.DateTime:
    return ua.DateTime.now(UTC)


def model_id(number: int) -> ua.NodeId:
    """A node of the companion specification."""
    return ua.NodeId(ua.Int32(number), ua.Int16(NAMESPACE))


class Structure(Protocol):
    """A structure of the specification."""

    data_type: ClassVar[ua.NodeId]


@dataclass(slots=True)
class BinaryIdBaseDataType:
    """The base of recipe and configuration ids. `Encoding` tells which optional fields there are, made on sending."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    Id: ua.String = _NONE
    Version: ua.String | None = None
    Hash: ua.ByteString | None = None
    HashAlgorithm: ua.String | None = None
    Description: ua.LocalizedText | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3019)


@dataclass(slots=True)
class RecipeIdExternalDataType(BinaryIdBaseDataType):
    """What the plant calls a recipe."""

    data_type: ClassVar[ua.NodeId] = model_id(3002)


@dataclass(slots=True)
class RecipeIdInternalDataType(BinaryIdBaseDataType):
    """What the vision system calls a recipe."""

    data_type: ClassVar[ua.NodeId] = model_id(3013)


@dataclass(slots=True)
class ConfigurationIdDataType(BinaryIdBaseDataType):
    """Names a configuration of the vision system."""

    data_type: ClassVar[ua.NodeId] = model_id(3008)


@dataclass(slots=True)
class ConfigurationDataType:
    """A configuration, without its content."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    HasTransferableDataOnFile: Boolean | None = None
    ExternalId: ConfigurationIdDataType | None = None
    InternalId: ConfigurationIdDataType = field(default_factory=ConfigurationIdDataType)
    LastModified: ua.DateTime = field(default_factory=_now)
    data_type: ClassVar[ua.NodeId] = model_id(3007)


@dataclass(slots=True)
class JobIdDataType:
    """One execution: in OPC 40100-1 a job is what elsewhere in the gateway is an inspection or a continuous run."""

    Id: ua.String = _NONE
    data_type: ClassVar[ua.NodeId] = model_id(3016)


@dataclass(slots=True)
class MeasIdDataType:
    """A measurement; the client's own numbering, handed through."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    Id: ua.String = _NONE
    Description: ua.LocalizedText | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3015)


@dataclass(slots=True)
class PartIdDataType:
    """A part."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    Id: ua.String = _NONE
    Description: ua.LocalizedText | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3004)


@dataclass(slots=True)
class ProductIdDataType:
    """A kind of part; recipes are linked to it."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    Id: ua.String = _NONE
    Description: ua.LocalizedText | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3003)


@dataclass(slots=True)
class ProductDataType:
    """A product."""

    ExternalId: ProductIdDataType = field(default_factory=ProductIdDataType)
    data_type: ClassVar[ua.NodeId] = model_id(3020)


@dataclass(slots=True)
class ProcessingTimesDataType:
    """When a result was made. Durations in milliseconds."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    StartTime: ua.DateTime = field(default_factory=_now)
    EndTime: ua.DateTime = field(default_factory=_now)
    AcquisitionDuration: ua.Double | None = None
    ProcessingDuration: ua.Double | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3005)


@dataclass(slots=True)
class ResultIdDataType:
    """Names a result for ever."""

    Id: ua.String = _NONE
    data_type: ClassVar[ua.NodeId] = model_id(3021)


@dataclass(slots=True)
class ResultDataType:
    """A result. `ResultState` says how far the evaluation got; the verdict is the first element of `ResultContent`."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    ResultId: ResultIdDataType = field(default_factory=ResultIdDataType)
    HasTransferableDataOnFile: Boolean | None = None
    IsPartial: Boolean = False
    IsSimulated: Boolean | None = None
    ResultState: ua.Int32 = _ZERO
    MeasId: MeasIdDataType | None = None
    PartId: PartIdDataType | None = None
    ExternalRecipeId: RecipeIdExternalDataType | None = None
    InternalRecipeId: RecipeIdInternalDataType = field(default_factory=RecipeIdInternalDataType)
    ProductId: ProductIdDataType | None = None
    ExternalConfigurationId: ConfigurationIdDataType | None = None
    InternalConfigurationId: ConfigurationIdDataType = field(default_factory=ConfigurationIdDataType)
    JobId: JobIdDataType = field(default_factory=JobIdDataType)
    CreationTime: ua.DateTime = field(default_factory=_now)
    ProcessingTimes: ProcessingTimesDataType | None = None
    ResultContent: list[ua.Variant] | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3006)


class TriStateBooleanDataType(IntEnum):
    """A filter's wish."""

    FALSE_0 = 0
    TRUE_1 = 1
    DONTCARE_2 = 2


class SystemStateDataType(IntEnum):
    """The basic states of SEMI E10: productive, standby, engineering, scheduled and unscheduled downtime, none."""

    PRD_1 = 1
    SBY_2 = 2
    ENG_3 = 3
    SDT_4 = 4
    UDT_5 = 5
    NST_6 = 6


@dataclass(slots=True)
class SystemStateDescriptionDataType:
    """The state of the whole system."""

    Encoding: ua.UInt32 = field(default=_NO_FIELDS, repr=False, compare=False)
    State: SystemStateDataType = SystemStateDataType.SBY_2
    StateDescription: ua.String | None = None
    data_type: ClassVar[ua.NodeId] = model_id(3024)


ENCODINGS: Mapping[type[Structure], int] = MappingProxyType(
    {
        BinaryIdBaseDataType: 5027,
        RecipeIdExternalDataType: 5002,
        RecipeIdInternalDataType: 5268,
        ConfigurationIdDataType: 5090,
        ConfigurationDataType: 5088,
        JobIdDataType: 5008,
        MeasIdDataType: 5006,
        PartIdDataType: 5013,
        ProductIdDataType: 5224,
        ProductDataType: 5272,
        ProcessingTimesDataType: 5016,
        ResultIdDataType: 5274,
        ResultDataType: 5018,
        SystemStateDescriptionDataType: 5278,
    }
)
"""The binary encoding of each structure, by the number that the nodeset gives it."""


ENUMERATIONS: Mapping[type[IntEnum], int] = MappingProxyType({TriStateBooleanDataType: 3014, SystemStateDataType: 3023})
"""The data type of each enumeration."""


def register_data_types() -> None:
    """Make the types known to asyncua, for sending and receiving. Harmless where they are known already."""
    for enumeration, number in ENUMERATIONS.items():
        uatypes.register_enum(enumeration.__name__, model_id(number), enumeration)
    for structure, encoding in ENCODINGS.items():
        uatypes.register_extension_object(structure.__name__, model_id(encoding), structure, structure.data_type)
