"""OPC 40100-1 on one server: the types, and a VisionSystem for each station."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.server.server import Server

from gateway.plc.opcua.face import StationFace
from gateway.plc.opcua.machine_vision.condition_nodes import ConditionNodes, add_refresh
from gateway.plc.opcua.machine_vision.emitter import Emitter
from gateway.plc.opcua.machine_vision.instance import Instances
from gateway.plc.opcua.machine_vision.nodeset import load_nodeset
from gateway.plc.opcua.machine_vision.values import Catalogue
from gateway.plc.opcua.machine_vision.vision import VisionSystem
from gateway.plc.opcua.machine_vision.vision_methods import VisionMethods
from gateway.plc.opcua.methods import MethodTable
from gateway.plc.opcua.requests import Setting
from gateway.ports import Identity
from gateway.records import Records


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """See OpcUaSettings."""

    kept_results: int = 10


class MachineVision:
    """The companion model of one server. `load` its types, `add` the stations, `attach`; `detach` at the end."""

    def __init__(self, server: Server, identity: Identity, records: Records, options: ModelOptions) -> None:
        self._server, self._identity, self._records, self._options = server, identity, records, options
        self.systems: Sequence[VisionSystem] = ()
        self._methods: VisionMethods | None = None

    async def load(self) -> None:
        """Add the types to the address space. Raises LinkError where that cannot be."""
        await load_nodeset(self._server)

    def add(self, faces: Sequence[StationFace], methods: MethodTable) -> None:
        """Add a VisionSystem for each station."""
        inner, registrar = self._server.iserver, self._records.registrar
        instances, emitter = Instances(inner), Emitter(inner)
        version = self._identity.version
        self.systems = [
            VisionSystem(
                face,
                inner,
                instances,
                methods,
                emitter,
                registrar,
                Catalogue.of(face.station, version, registrar.started),
                self._options.kept_results,
            )
            for face in faces
        ]
        add_refresh(methods, emitter, self._conditions)
        self._methods = VisionMethods(methods, inner.aspace, self._records)
        for system in self.systems:
            self._methods.add(system)

    def settings(self) -> dict[ua.NodeId, Setting]:
        """The variables that clients may write."""
        return {system.node("DiagnosticLevel"): system.diagnostic_level for system in self.systems}

    def attach(self) -> None:
        """Follow the stations from now on. Results can be asked for before events tell of them."""
        if self._methods is not None:
            self._methods.attach()
        for system in self.systems:
            system.attach()

    def detach(self) -> None:
        """Follow them no longer."""
        if self._methods is not None:
            self._methods.detach()
        for system in self.systems:
            system.detach()

    def _conditions(self) -> Iterator[ConditionNodes]:
        return (system.conditions for system in self.systems)
