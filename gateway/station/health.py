"""Brings a station's source and inspector up, keeps an eye on them and restarts them, off the trigger's path."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from gateway.backoff import BackOff
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, GatewayError, InspectorError, OfflineReason, RecipeError
from gateway.core.events import Event
from gateway.ports import Inspector
from gateway.station.living import LivingInspector, LivingSource
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
LONGEST_RETRY_S = 30.0
"""What crashes is restarted after RETRY_S, and after twice as long each further time, up to this."""
ENTER_S = 60.0
"""How long a restart may take: the slowest camera is up in a third of that."""

Start = Literal["fail", "retry", "ignore"]
"""What a part that cannot start leads to: the gateway does not start either; the station waits for it, offline; or the
station does without it. What cannot mend itself (an error that is not retriable) ends a start with `retry` too.
"""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """Whether an ill part takes the station offline; if not (the default), each trigger gets "no decision"."""

    source_takes_offline: bool = False
    inspector_takes_offline: bool = False
    source_start: Start = "retry"
    inspector_start: Start = "retry"
    check_s: float = CHECK_S


@dataclass(slots=True, eq=False)
class _Patient:
    name: str
    """"source", "inspector"; with several views, the view's name before it."""
    part: LivingSource | LivingInspector
    fault: Fault
    offline: OfflineReason
    """Where it is to be while the part is ill."""
    gone: OfflineReason
    """Where it is while the part is being restarted."""
    start: Start
    entered: bool = False
    ill: bool = False
    told: OfflineReason = OfflineReason.NONE
    """Where it is because of this part."""
    pause_s: float = 0.0
    """Until the next attempt to enter it."""
    pauses: BackOff = field(default_factory=lambda: BackOff(RETRY_S, LONGEST_RETRY_S))
    """After a crash."""
    crashed: asyncio.Event = field(default_factory=asyncio.Event)
    """It crashed in this life, and has to be left."""
    leaving: asyncio.Task[None] | None = None
    restarts: int = 0


def _patients(views: Sequence[View], policy: HealthPolicy) -> Iterator[_Patient]:
    """The living parts of all views. With several, a fault says which view it is of."""
    source_offline = OfflineReason.SOURCE if policy.source_takes_offline else OfflineReason.NONE
    inspector_offline = OfflineReason.INSPECTOR if policy.inspector_takes_offline else OfflineReason.NONE
    for at, view in enumerate(views, start=1):
        number, whose = (at, f"{view.name} ") if len(views) > 1 else (0, "")
        if isinstance(source := view.source, LivingSource):
            fault = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE, number)
            start = policy.source_start
            gone = OfflineReason.NONE if start == "ignore" else OfflineReason.SOURCE
            yield _Patient(f"{whose}source", source, fault, source_offline, gone, start)
        fault = Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR, number)
        start = policy.inspector_start
        gone = OfflineReason.NONE if start == "ignore" else OfflineReason.INSPECTOR
        if isinstance(inspector := view.inspector, LivingInspector):
            yield _Patient(f"{whose}inspector", inspector, fault, inspector_offline, gone, start)


class Health:
    """Watches the parts of one station. Reports changes only: once when a fault begins, once when it ends.

    `views` are those that it was given; by way of them it sees where a part crashes in the middle of a call.
    """

    def __init__(
        self, station: str, views: Sequence[View], post: Callable[[Event], None], policy: HealthPolicy
    ) -> None:
        self._station, self._post, self._policy = station, post, policy
        self.views = tuple(_living(view) for view in views)
        self._patients = tuple(_patients(self.views, policy))
        for patient in self._patients:
            patient.part.on_crash(partial(self._crash, patient))
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def restarts(self) -> dict[str, int]:
        """How often each part was restarted after a crash."""
        return {patient.name: patient.restarts for patient in self._patients}

    async def start(self) -> None:
        """Enter all parts; what fails goes by its `Start`."""
        for patient in self._patients:
            await self._enter(patient, first=True)
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
            if patient.leaving is not None:
                await asyncio.wait({patient.leaving}, timeout=CHECK_TIMEOUT_S)
            elif patient.entered:
                patient.entered = False
                await patient.part.__aexit__(None, None, None)

    async def prepared(self, recipe: int) -> ErrorCode:
        """Have every inspector prepare a recipe, all at once; what to tell the core about it."""
        failed = await asyncio.gather(*(self._prepared(view.inspector, recipe) for view in self.views))
        return max(failed)

    async def _prepared(self, inspector: Inspector, recipe: int) -> ErrorCode:
        try:
            await inspector.prepare(recipe)
        except InspectorError as error:
            cure = f" ({error.hint})" if error.hint else ""
            log.warning("%s: recipe %d cannot be used: %s%s", self._station, recipe, error, cure)
            return error.code if isinstance(error, RecipeError) else ErrorCode.RECIPE_FAILED
        except Exception:
            log.exception("%s: preparing recipe %d crashed", self._station, recipe)
            return ErrorCode.RECIPE_FAILED
        return ErrorCode.NONE

    async def _enter(self, patient: _Patient, *, first: bool) -> None:
        patient.pause_s = RETRY_S
        try:
            async with asyncio.timeout(None if first else ENTER_S):
                await patient.part.__aenter__()
            patient.entered = True
        except GatewayError as error:
            if first and (patient.start == "fail" or (patient.start == "retry" and not error.retriable)):
                raise
            if not error.retriable:
                patient.pause_s = patient.pauses.failed()
            self._report(patient, error, patient.offline)
        except Exception as error:
            if first and patient.start == "fail":
                text = f"{self._station}: its {patient.name} crashed at the start: {type(error).__name__}: {error}"
                raise GatewayError(text, hint="see docs/operations.md for start policies") from error
            log.exception("%s: %s crashed while it started", self._station, patient.name)
            patient.pause_s = patient.pauses.failed()
            self._report(patient, error, patient.gone)

    def _open(self) -> None:
        """Once all parts are there, or those that it cannot do without, the station is no longer starting."""
        if all(patient.entered or patient.start == "ignore" for patient in self._patients):
            self._post(ev.CameOnline(OfflineReason.STARTING))

    async def _care(self, patient: _Patient) -> None:
        while True:
            if patient.entered:
                await self._examine(patient)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._policy.check_s):
                        await patient.crashed.wait()
                if patient.crashed.is_set():
                    await self._leave(patient)
                continue
            await asyncio.sleep(patient.pause_s)
            await self._enter(patient, first=False)
            self._open()

    async def _examine(self, patient: _Patient) -> None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await patient.part.check()
        except (GatewayError, TimeoutError) as error:
            self._report(patient, error, patient.offline)
        except Exception as error:
            log.exception("%s: the health check of the %s crashed", self._station, patient.name)
            self._crash(patient, error)
        else:
            if patient.crashed.is_set():  # in a call meanwhile
                return
            patient.pauses.well()
            if patient.ill:
                log.info("%s: %s is back", self._station, patient.name)
                patient.ill = False
                self._post(ev.PartRecovered(patient.fault, self._gone(patient)))
                patient.told = OfflineReason.NONE

    def _crash(self, patient: _Patient, error: Exception) -> None:
        """At once nobody may rely on it any more; `_care` restarts it. Whoever called it logs the trace."""
        if patient.crashed.is_set():
            return
        patient.crashed.set()
        patient.restarts += 1
        patient.pause_s = patient.pauses.failed()
        text = "%s: %s crashed (%s: %s) and is restarted in %.0f s"
        log.error(text, self._station, patient.name, type(error).__name__, error, patient.pause_s)
        self._report(patient, error, patient.gone)

    async def _leave(self, patient: _Patient) -> None:
        """What crashed is left as well as it can be, then it may come up again. A task of its own: `stop` may come."""
        name = f"{self._station}-leaving-{patient.name.replace(' ', '-')}"
        patient.leaving = leaving = asyncio.create_task(patient.part.__aexit__(None, None, None), name=name)
        patient.entered = False
        _, late = await asyncio.wait({leaving}, timeout=CHECK_TIMEOUT_S)
        if late:
            log.error("%s: %s could not be left within %.0f s", self._station, patient.name, CHECK_TIMEOUT_S)
            leaving.cancel()
        elif not leaving.cancelled() and (error := leaving.exception()) is not None:
            log.error("%s: %s could not be left", self._station, patient.name, exc_info=error)
        patient.leaving = None
        patient.crashed.clear()

    def _gone(self, patient: _Patient) -> OfflineReason:
        """The reason to be offline that ends with this recovery: none while the same part of another view is ill."""
        others = any(other.ill and other.told is patient.told for other in self._patients)
        return OfflineReason.NONE if others else patient.told

    def _report(self, patient: _Patient, error: Exception, offline: OfflineReason) -> None:
        if patient.ill and (patient.told is offline or offline is OfflineReason.NONE):
            return
        if not patient.ill:
            text = str(error) or f"no answer to the health check within {CHECK_TIMEOUT_S:.0f} s"
            log.warning("%s: %s is down: %s", self._station, patient.name, text)
        patient.ill, patient.told = True, offline
        self._post(ev.PartFailed(patient.fault, offline))


def _living(view: View) -> View:
    source = LivingSource(view.source) if view.source is not None else None
    return replace(view, source=source, inspector=LivingInspector(view.inspector))
