"""Brings a station's source and inspector up, and keeps an eye on them, off the trigger's path."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, GatewayError, InspectorError, OfflineReason
from gateway.core.events import Event
from gateway.ports import Inspector, Part
from gateway.station.views import View

log = logging.getLogger(__name__)

CHECK_S = 5.0
"""PEKAT's own tools ask once in five seconds; more often only costs."""
CHECK_TIMEOUT_S = 3.0
"""Longer than a connect time-out of a second or two, shorter than the pause between two checks."""
CANCEL_AGAIN_S = 0.1
"""A task ends within a turn of the loop; only one that lost its cancellation takes longer."""
RETRY_S = 1.0
"""A share or a camera that comes up later than this PC is in use within a second of its own start."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """Whether an ill part takes the station offline; if not (the default), each trigger gets "no decision"."""

    source_takes_offline: bool = False
    inspector_takes_offline: bool = False
    check_s: float = CHECK_S


@dataclass(slots=True, eq=False)
class _Patient:
    name: str
    """"source", "inspector"; with several views, the view's name before it."""
    part: Part
    check: Callable[[], Awaitable[None]]
    fault: Fault
    offline: OfflineReason
    entered: bool = False
    ill: bool = False


def _patients(views: Sequence[View], policy: HealthPolicy) -> Iterator[_Patient]:
    """The parts of all views. With several, a fault says which view it is of."""
    source_offline = OfflineReason.SOURCE if policy.source_takes_offline else OfflineReason.NONE
    inspector_offline = OfflineReason.INSPECTOR if policy.inspector_takes_offline else OfflineReason.NONE
    for at, view in enumerate(views, start=1):
        number, whose = (at, f"{view.name} ") if len(views) > 1 else (0, "")
        if (source := view.source) is not None:
            fault = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE, number)
            yield _Patient(f"{whose}source", source, source.check, fault, source_offline)
        fault = Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR, number)
        yield _Patient(f"{whose}inspector", view.inspector, view.inspector.check, fault, inspector_offline)


class Health:
    """Watches the parts of one station. Reports changes only: once when a fault begins, once when it ends."""

    def __init__(
        self, station: str, views: Sequence[View], post: Callable[[Event], None], policy: HealthPolicy
    ) -> None:
        self._station, self._views, self._post, self._policy = station, views, post, policy
        self._patients = tuple(_patients(views, policy))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Enter all parts. A retriable failure is tried again in the background; any other is raised."""
        for patient in self._patients:
            await self._enter(patient)
        self._open()
        self._tasks = [
            asyncio.create_task(self._care(patient), name=f"{self._station}-health-{patient.name.replace(' ', '-')}")
            for patient in self._patients
        ]

    async def stop(self) -> None:
        """End the watch and leave all parts."""
        pending = set(self._tasks)
        while pending:  # a part that swallows a cancellation gets another one: leaving must not depend on it
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
        for patient in self._patients:
            if patient.entered:
                patient.entered = False
                await patient.part.__aexit__(None, None, None)

    async def prepared(self, recipe: int) -> ErrorCode:
        """Have every inspector prepare a recipe, all at once; what to tell the core about it."""
        failed = await asyncio.gather(*(self._prepared(view.inspector, recipe) for view in self._views))
        return max(failed)

    async def _prepared(self, inspector: Inspector, recipe: int) -> ErrorCode:
        try:
            await inspector.prepare(recipe)
        except InspectorError as error:
            log.warning("%s: recipe %d cannot be used: %s", self._station, recipe, error)
            return ErrorCode.RECIPE_FAILED
        return ErrorCode.NONE

    async def _enter(self, patient: _Patient) -> None:
        try:
            await patient.part.__aenter__()
            patient.entered = True
        except GatewayError as error:
            if not error.retriable:
                raise
            self._report(patient, error)

    def _open(self) -> None:
        """Once all parts are there, the station is no longer starting."""
        if all(patient.entered for patient in self._patients):
            self._post(ev.CameOnline(OfflineReason.STARTING))

    async def _care(self, patient: _Patient) -> None:
        while not patient.entered:
            await asyncio.sleep(RETRY_S)
            await self._enter(patient)
            self._open()
        while True:
            await self._examine(patient)
            await asyncio.sleep(self._policy.check_s)

    async def _examine(self, patient: _Patient) -> None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await patient.check()
        except (GatewayError, TimeoutError) as error:
            self._report(patient, error)
        else:
            if patient.ill:
                log.info("%s: %s is back", self._station, patient.name)
                patient.ill = False
                self._post(ev.PartRecovered(patient.fault, self._gone(patient)))

    def _gone(self, patient: _Patient) -> OfflineReason:
        """The reason to be offline that ends with this recovery: none while the same part of another view is ill."""
        others = any(other.ill and other.offline is patient.offline for other in self._patients)
        return OfflineReason.NONE if others else patient.offline

    def _report(self, patient: _Patient, error: Exception) -> None:
        if patient.ill:
            return
        patient.ill = True
        text = str(error) or f"no answer to the health check within {CHECK_TIMEOUT_S:.0f} s"
        log.warning("%s: %s is down: %s", self._station, patient.name, text)
        self._post(ev.PartFailed(patient.fault, patient.offline))
