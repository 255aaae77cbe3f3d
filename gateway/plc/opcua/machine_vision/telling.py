"""The events of one vision system, made of what the station did. Nothing is made unless somebody listens."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

from asyncua import ua

from gateway.core.state import State
from gateway.plc.opcua.machine_vision import events as ev
from gateway.plc.opcua.machine_vision.data_types import JobIdDataType, ResultDataType, Structure, model_id
from gateway.plc.opcua.machine_vision.emitter import Emitter
from gateway.plc.opcua.machine_vision.events import Path, Source, VisionEvent, base_path, model_path
from gateway.plc.opcua.machine_vision.states import STATE_NODES, Move, VisionState
from gateway.plc.opcua.machine_vision.values import Catalogue, utc

_KINDS = ua.VariantType
RESULT_FIELDS: Mapping[str, ua.VariantType] = {
    "IsPartial": _KINDS.Boolean,
    "IsSimulated": _KINDS.Boolean,
    "ResultState": _KINDS.Int32,
    "CreationTime": _KINDS.DateTime,
    "ResultContent": _KINDS.Variant,
    **dict.fromkeys(
        (
            "ResultId", "MeasId", "PartId", "ExternalRecipeId", "InternalRecipeId", "ProductId",
            "ExternalConfigurationId", "InternalConfigurationId", "JobId", "ProcessingTimes",
        ),
        _KINDS.ExtensionObject,
    ),
}  # fmt: skip
"""The fields of ResultReadyEventType and how they are sent."""


class Teller:
    """Tells of one vision system. `main` and `automatic` are its two state machines."""

    def __init__(self, emitter: Emitter, root: Source, main: Source, automatic: Source, catalogue: Catalogue) -> None:
        self._emitter = emitter
        self._root, self._main, self._automatic = root, main, automatic
        self._catalogue = catalogue
        self._ids = {
            model_path("InternalConfigurationId"): ev.structure(catalogue.configuration.InternalId),
            model_path("ExternalConfigurationId"): ev.structure(catalogue.configuration.ExternalId),
            model_path("CausePath"): ua.Variant(root.name, _KINDS.String),
        }

    @property
    def heard(self) -> bool:
        """Somebody listens to this vision system's events."""
        return self._emitter.wanted(self._root.notifier)

    def moved(self, move: Move, at: datetime) -> None:
        """A transition was made; entering and leaving the state Error are events of their own."""
        source = self._automatic if move.transition.automatic_mode else self._main
        fields = _transition_fields(move, at)
        words = f"{_name(move.transition.before)} to {_name(move.transition.after)}"
        self._emit(ev.STATE_CHANGED, source, ev.STATE_SEVERITY, words, at, fields)
        if move.after is VisionState.ERROR:
            self._emit(ev.ERROR, source, ev.ERROR_SEVERITY, "the vision system stopped: see its conditions", at, fields)
        elif move.before is VisionState.ERROR:
            self._emit(ev.ERROR_RESOLVED, source, ev.STATE_SEVERITY, "the error is over", at, fields)

    def prepared(self, state: State, at: datetime) -> None:
        """A recipe is in force that a method asked for."""
        number = state.recipe
        fields = {
            model_path("ExternalId"): ev.structure(self._catalogue.external(number)),
            model_path("InternalId"): ev.structure(self._catalogue.internal(number)),
            model_path("ProductId"): ev.structure(self._catalogue.product_of(number)),
        }
        self._emit(ev.RECIPE_PREPARED, self._root, ev.STATE_SEVERITY, f"recipe {number} is prepared", at, fields)

    def job_started(self, job: str, at: datetime) -> None:
        """A job begins."""
        self._job_event(ev.JOB_STARTED, job, f"job {job} started", at)

    def acquisition_done(self, job: str, at: datetime) -> None:
        """The image is taken: the part may move."""
        self._job_event(ev.ACQUISITION_DONE, job, f"image taken for job {job}", at)

    def ready(self, job: str, at: datetime) -> None:
        """The next job may be started."""
        self._job_event(ev.READY, job, "ready for the next job", at)

    def result_ready(self, result: ResultDataType, verdict: str, at: datetime) -> None:
        """A result, whole."""
        self._emitter.emit(self._root.notifier, lambda: result_event(self._root, result, verdict, at))

    def remark(self, words: str, at: datetime) -> None:
        """Something that an operator may want to know."""
        self._emit(ev.INFORMATION, self._root, ev.STATE_SEVERITY, words, at, self._ids)

    def diagnose(self, words: str, at: datetime) -> None:
        """Something that a technician asked for."""
        self._emit(ev.DIAGNOSTIC, self._root, ev.DIAGNOSTIC_SEVERITY, words, at, self._ids)

    def _job_event(self, kind: ua.NodeId, job: str, message: str, at: datetime) -> None:
        fields = {model_path("JobId"): ev.structure(JobIdDataType(ua.String(job)))}
        self._emit(kind, self._root, ev.STATE_SEVERITY, message, at, fields)

    def _emit(
        self,
        kind: ua.NodeId,
        source: Source,
        severity: int,
        words: str,
        at: datetime,
        fields: Mapping[Path, ua.Variant],
    ) -> None:
        self._emitter.emit(source.notifier, lambda: VisionEvent(kind, source, severity, words, utc(at), fields))


def result_event(source: Source, result: ResultDataType, verdict: str, at: datetime) -> VisionEvent:
    """The ResultReady event of this result. Its id comes from the result's: it is the same in the history."""
    message = f"result {result.ResultId.Id} for part {result.PartId.Id if result.PartId else ''!r}: {verdict}"
    whose = f"{source.name} {result.ResultId.Id}"
    event_id = blake2b(whose.encode(), digest_size=16).digest()
    return VisionEvent(
        ev.RESULT_READY,
        source,
        ev.STATE_SEVERITY,
        message,
        utc(at),
        result_fields(result),
        event_id=event_id,
    )


def result_fields(result: ResultDataType) -> dict[Path, ua.Variant]:
    """The fields of a ResultReady event for this result."""
    return {
        model_path(name): ua.Variant(getattr(result, name), kind, is_array=name == "ResultContent")
        for name, kind in RESULT_FIELDS.items()
    }


def circumstances(catalogue: Catalogue, recipe: int, result: ResultDataType | None) -> dict[Path, ua.Variant]:
    """What a condition tells of where it came up: the recipe and the configuration in force, and the result if any."""
    found: dict[str, Structure] = {
        "ExternalRecipeId": catalogue.external(recipe),
        "InternalRecipeId": catalogue.internal(recipe),
        "InternalConfigurationId": catalogue.configuration.InternalId,
        "ExternalConfigurationId": catalogue.configuration.ExternalId or catalogue.configuration.InternalId,
        "ProductId": catalogue.product_of(recipe),
    }
    if result is not None:
        for name in ("JobId", "MeasId", "PartId", "ResultId", "ProductId", "ExternalRecipeId", "InternalRecipeId"):
            found[name] = getattr(result, name)
    return {model_path(name): ev.structure(value) for name, value in found.items()}


def _transition_fields(move: Move, at: datetime) -> dict[Path, ua.Variant]:
    transition = move.transition
    return {
        **_named("Transition", transition.name, transition.node, transition.number),
        base_path("Transition", "TransitionTime"): ua.Variant(utc(at), _KINDS.DateTime),
        **_named("FromState", *STATE_NODES[transition.before], transition.before),
        **_named("ToState", *STATE_NODES[transition.after], transition.after),
    }


def _named(name: str, words: str, node: int, number: int) -> dict[Path, ua.Variant]:
    return {
        base_path(name): ev.text(ua.LocalizedText(words)),
        base_path(name, "Id"): ua.Variant(model_id(node), _KINDS.NodeId),
        base_path(name, "Number"): ua.Variant(number, _KINDS.UInt32),
        base_path(name, "Name"): ua.Variant(ua.QualifiedName(words, 3), _KINDS.QualifiedName),
    }


def _name(number: int) -> str:
    return STATE_NODES[number][0]
