"""One station as a VisionSystem of OPC 40100-1: its object beside the flat tags, from the same state machine.

The station's steps are only noted while it steps. They are shown, and told as events, together with the tags: in one
go, without any suspension, off the path of the trigger.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache

from asyncua import ua
from asyncua.server.internal_server import InternalServer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core.result import Origin
from gateway.core.state import State
from gateway.core.tags import Direction, Tag, TagType, TagValue
from gateway.plc.opcua.face import StationFace, put
from gateway.plc.opcua.machine_vision import remarks, values
from gateway.plc.opcua.machine_vision.condition_nodes import ConditionNodes
from gateway.plc.opcua.machine_vision.conditions import WARNING
from gateway.plc.opcua.machine_vision.course import Course, Note, images_taken, jobs_begun, records
from gateway.plc.opcua.machine_vision.data_types import (
    SystemStateDataType,
    SystemStateDescriptionDataType,
    model_id,
)
from gateway.plc.opcua.machine_vision.drawing import DrawingNode
from gateway.plc.opcua.machine_vision.emitter import Emitter
from gateway.plc.opcua.machine_vision.events import Source
from gateway.plc.opcua.machine_vision.faults import Faults
from gateway.plc.opcua.machine_vision.instance import Instances
from gateway.plc.opcua.machine_vision.machine import VARIABLES, MachineNodes
from gateway.plc.opcua.machine_vision.results_folder import MadeLater, ResultsFolder
from gateway.plc.opcua.machine_vision.states import Move, VisionState, vision_state
from gateway.plc.opcua.machine_vision.telling import Teller
from gateway.plc.opcua.machine_vision.values import Catalogue, utc
from gateway.plc.opcua.methods import MethodTable
from gateway.plc.opcua.nodes import NAMESPACE, node_id, standard_id
from gateway.plc.opcua.requests import Setting
from gateway.plc.opcua.security.rights import Role
from gateway.ports import Recorded, Step, StoredResult
from gateway.records import Registrar, monotonic_us

MAIN = "VisionStateMachine"
AUTOMATIC = f"{MAIN}.AutomaticModeStateMachine"
MOST_NOTES = 10_000
"""Steps noted and not yet shown. A loop that is that far behind is shown at once."""

OPTIONAL = frozenset(
    {
        "SystemState",
        "DiagnosticLevel",
        "ConfigurationManagement",
        "ConfigurationManagement.ReleaseConfigurationHandle",
        "RecipeManagement",
        "RecipeManagement.PrepareProduct",
        "RecipeManagement.UnprepareProduct",
        "RecipeManagement.ReleaseRecipeHandle",
        "ResultManagement",
        "ResultManagement.ReleaseResultHandle",
        "ResultManagement.Results",
        AUTOMATIC,
        f"{MAIN}.SelectModeAutomatic",
        f"{MAIN}.ConfirmAll",
        f"{AUTOMATIC}.SimulationMode",
        *(f"{machine}.{name}" for machine in (MAIN, AUTOMATIC) for name in VARIABLES),
    }
)
"""The optional nodes of VisionSystemType that are there. All others would do nothing."""

_SYSTEM_STATES = {
    VisionState.PREOPERATIONAL: SystemStateDataType.SBY_2,
    VisionState.HALTED: SystemStateDataType.SDT_4,
    VisionState.ERROR: SystemStateDataType.UDT_5,
    VisionState.INITIALIZED: SystemStateDataType.SBY_2,
    VisionState.READY: SystemStateDataType.SBY_2,
    VisionState.SINGLE_EXECUTION: SystemStateDataType.PRD_1,
    VisionState.CONTINUOUS_EXECUTION: SystemStateDataType.PRD_1,
}


@cache  # there are a dozen of them, and each trigger shows two
def _system_state(vision: VisionState, *, simulating: bool) -> ua.Variant:
    """SystemState for this state of the vision system."""
    shown = SystemStateDescriptionDataType(
        State=SystemStateDataType.ENG_3 if simulating else _SYSTEM_STATES[vision],
        StateDescription=ua.String(vision.name.replace("_", " ").lower()),
    )
    return ua.Variant(shown, ua.VariantType.ExtensionObject)


_LEVEL = Tag("DiagnosticLevel", Direction.CONTROL, TagType.UINT16, "How much is told of what happens inside")


class VisionSystem:
    """The VisionSystem of one station. `attach` it to follow the station, `detach` it at the end."""

    def __init__(
        self,
        face: StationFace,
        server: InternalServer,
        instances: Instances,
        methods: MethodTable,
        emitter: Emitter,
        registrar: Registrar,
        catalogue: Catalogue,
        kept_results: int,
    ) -> None:
        self.view, self.station = face.view, face.station
        self.registrar, self.catalogue = registrar, catalogue
        self._face, self._aspace = face, server.aspace
        self._notes: deque[Note] = deque()
        self._causes: list[str] = []
        self._course = Course()
        self._job = ""
        self._level = 0
        self._shown: tuple[VisionState, bool] | None = None
        self._end_observing: Callable[[], None] = lambda: None
        self.here = f"{self.station.name}.vision"
        name = ua.QualifiedName(f"{self.station.name} vision", NAMESPACE)
        self.root = instances.make(model_id(1003), standard_id(ObjectIds.ObjectsFolder), name, self.here, OPTIONAL)
        instances.refer(node_id(self.here, MAIN, "Operational"), ObjectIds.HasSubStateMachine, self.node(AUTOMATIC))
        self._make_notifier(instances)
        self._make_writable("DiagnosticLevel")
        self.diagnostic_level = Setting(_LEVEL, Role.ENGINEER, self._set_level)
        main, automatic = (self._source(path) for path in (MAIN, AUTOMATIC))
        self.source = Source(self.root, name.Name, self.root)
        self._teller = Teller(emitter, self.source, main, automatic, catalogue)
        self.conditions = ConditionNodes(server.aspace, instances, methods, emitter, self.source)
        self._faults = Faults(self.conditions, catalogue)
        now = registrar.clock.at(monotonic_us())
        self._machines = (
            MachineNodes(server.aspace, f"{self.here}.{MAIN}", now, automatic_mode=False),
            MachineNodes(server.aspace, f"{self.here}.{AUTOMATIC}", now, automatic_mode=True),
        )
        management = f"{self.here}.ResultManagement"
        self._results = ResultsFolder(server.aspace, instances, f"{management}.Results", kept_results)
        self._drawing = DrawingNode(server.aspace, instances, management) if self.station.draws else None

    def node(self, path: str) -> ua.NodeId:
        """The node with this path of browse names below the vision system."""
        return node_id(self.here, path)

    # ---- following the station -----------------------------------------------------------------------------

    def attach(self) -> None:
        """Show the station as it is now, and from now on."""
        state, now = self.station.state, self.registrar.clock.at(monotonic_us())
        self._put("ConfigurationManagement.ActiveConfiguration", self.catalogue.configuration, now)
        self._set_level(0)
        self._faults.begin(state, now)
        self._show_state(vision_state(state), now)
        self._show_system(state, now)
        self._face.also(self.flush)
        self._end_observing = self.station.observe(self._note)

    def detach(self) -> None:
        """Follow no longer."""
        self._end_observing()

    def flush(self) -> None:
        """Show and tell what was noted."""
        while self._notes:
            self._follow(self._notes.popleft())

    def _note(self, step: Step) -> None:
        self._notes.append(Note(step, frozenset(self._causes)))
        self._face.schedule()
        if len(self._notes) >= MOST_NOTES:
            self.flush()

    def _follow(self, note: Note) -> None:
        step = note.step
        at = self.registrar.clock.at(step.at)
        heard = self._teller.heard
        if heard:
            for inspection in images_taken(step):
                self._teller.acquisition_done(self._job_of(inspection.origin, inspection.id), at)
        result = self._take_results(step, heard=heard)
        for move in self._course.moves(note):
            self._make_move(move, step.after, at, heard=heard)
        for origin, inspection_id in jobs_begun(step):
            self._job = self._job_of(origin, inspection_id)
            if heard:
                self._teller.job_started(self._job, at)
        self._faults.follow(step, result, at)
        if heard:
            self._remark(step, at)
        self._show_system(step.after, at)

    def _take_results(self, step: Step, *, heard: bool) -> MadeLater | None:
        result: MadeLater | None = None
        for record in records(step):
            recorded = Recorded(self.station.name, record.result, step.after.counts, record.presented)
            result = MadeLater(self.registrar.stored(recorded), self.catalogue)
            self._results.add(result)
            self._show_drawing(result.stored)
            if heard:
                verdict = values.WORDS[record.result.verdict]
                self._teller.result_ready(result.data, verdict, result.stored.answered)
        return result

    def _show_drawing(self, stored: StoredResult) -> None:
        image = self.station.drawn(stored.result.inspection_id) if self._drawing is not None else None
        if self._drawing is not None and image is not None:
            self._drawing.show(image, stored)

    def _make_move(self, move: Move, state: State, at: datetime, *, heard: bool) -> None:
        self._machines[move.transition.automatic_mode].show_transition(move.transition, at)
        self._show_state(move.after, at)
        if not heard:
            return
        self._teller.moved(move, at)
        if move.transition.before in (VisionState.SINGLE_EXECUTION, VisionState.CONTINUOUS_EXECUTION):
            self._teller.ready(self._job, at)
        if move.transition.cause in ("PrepareRecipe", "PrepareProduct"):
            self._teller.prepared(state, at)

    def _remark(self, step: Step, at: datetime) -> None:
        for words in remarks.information(step):
            self._teller.remark(words, at)
        for words in remarks.diagnostics(step, self._level):
            self._teller.diagnose(words, at)

    def _job_of(self, origin: Origin, inspection_id: int) -> str:
        """The client's job, or one named as the result that it will have."""
        return origin.job_id or self.registrar.result_id(inspection_id)

    # ---- what methods use ----------------------------------------------------------------------------------

    @contextmanager
    def caused_by(self, method: str) -> Iterator[None]:
        """While this lasts, `method` (its browse name) is the cause of the transitions that it can be the cause of."""
        self._causes.append(method)
        try:
            yield
        finally:
            self._causes.remove(method)

    def warn(self, code: int, text: str) -> None:
        """A method failed: a warning condition, which somebody may acknowledge. `code` is the method's Error."""
        self.flush()
        condition = self.conditions.conditions[WARNING]
        condition.come_up(abs(code), text, self.registrar.clock.at(monotonic_us()), momentary=True)
        self.conditions.show(condition)

    # ---- nodes ---------------------------------------------------------------------------------------------

    def _show_state(self, vision: VisionState, at: datetime) -> None:
        for machine in self._machines:
            machine.show(vision, at)

    def _show_system(self, state: State, at: datetime) -> None:
        vision = self._course.state(state)
        if (vision, state.simulating) != self._shown:
            self._shown = vision, state.simulating
            self._put("SystemState", _system_state(vision, simulating=state.simulating), at)

    def _set_level(self, level: TagValue) -> None:
        """How much of its diagnostics the vision system tells, from the next step on."""
        self.flush()
        self._level = int(level)
        now = self.registrar.clock.at(monotonic_us())
        self._put("DiagnosticLevel", ua.Variant(self._level, ua.VariantType.UInt16), now)

    def _put(self, path: str, value: object, at: datetime) -> None:
        variant = value if isinstance(value, ua.Variant) else ua.Variant(value, ua.VariantType.ExtensionObject)
        put(self._aspace[self.node(path)].attributes[AttributeIds.Value], variant, utc(at), utc(at))

    def _source(self, path: str) -> Source:
        return Source(self.node(path), path.rpartition(".")[2], self.root)

    def _make_writable(self, path: str) -> None:
        both = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.CurrentWrite.mask
        for attribute in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel):
            place = self._aspace[self.node(path)].attributes[attribute]
            place.value = ua.DataValue(ua.Variant(both, ua.VariantType.Byte))

    def _make_notifier(self, instances: Instances) -> None:
        """Events can be subscribed to here, and the Server object tells that they come from here."""
        place = self._aspace[self.root].attributes[AttributeIds.EventNotifier]
        place.value = ua.DataValue(ua.Variant(1, ua.VariantType.Byte))
        instances.refer(standard_id(ObjectIds.Server), ObjectIds.HasNotifier, self.root)
