"""What all methods of a VisionSystem share: how one ends, and what it works with.

A method is a coroutine that gets the caller and the input arguments, and returns the output arguments but `Error`. It
raises OutOfRangeError for values that cannot be taken, and RefusedError for what the station or the method refuses:
the client then gets the number of it in `Error`, and a warning event tells everybody (OPC 40100-1 asks for that).
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from itertools import count
from typing import Any, Protocol

from asyncua import ua

from gateway.core.errors import GatewayError, RefusedError
from gateway.plc.opcua.arguments import Signature
from gateway.plc.opcua.machine_vision.error_codes import ERROR_TEXTS, MethodError, error_of
from gateway.plc.opcua.methods import Caller, Function
from gateway.records import Registrar

log = logging.getLogger(__name__)

LONGEST_ID = 64
"""Bytes of UTF-8 in an id that is handed through to the result."""

VisionMethod = Callable[..., Awaitable[Sequence[Any]]]


class Events(Protocol):
    """What the vision system's events need to know of its methods."""

    def caused_by(self, method: str) -> AbstractContextManager[None]:
        """While this lasts, the method of this name is the cause of what it can be the cause of."""
        ...

    def warn(self, code: int, text: str) -> None:
        """A method ended with this `Error`."""
        ...


class OutOfRangeError(GatewayError):
    """Arguments of the right types whose values cannot be taken; nothing was done."""

    def __init__(self, *names: str) -> None:
        super().__init__(f"out of range: {', '.join(names)}")
        self.names = names


class JobIds:
    """Gives jobs their ids, unique over all vision systems and all starts of the gateway."""

    def __init__(self, registrar: Registrar) -> None:
        self._prefix = f"{registrar.started:%Y%m%dT%H%M%S}-{registrar.boot_id}-job"
        self._numbers = count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"


SELDOM_S = 1.0
"""A method that anybody may call warns at most that often: nobody shall hide the warnings that matter among others."""


class Binding:
    """Makes the functions of one station's methods."""

    def __init__(self, station: str, events: Events, clock: Callable[[], float] = time.monotonic) -> None:
        self._station = station
        self._events = events
        self._clock = clock
        self._warned_at: dict[str, float] = {}

    def function(self, name: str, method: VisionMethod, *, telling: bool) -> Function:
        """What a call of this method runs. `telling`: it only tells, and controls nothing."""

        async def run(caller: Caller, signature: Signature, values: list[Any]) -> ua.CallMethodResult:
            try:
                with self._events.caused_by(name):
                    outputs = await method(caller, *values)
            except OutOfRangeError as error:
                return signature.out_of_range(error.names)
            except RefusedError as error:
                code = error_of(error)
                if not telling or self._is_due(name):
                    self._warn(name, caller, code)
                return signature.answer([*(one.nothing() for one in signature.outputs[:-1]), code])
            return signature.answer([*outputs, MethodError.NONE][: len(signature.outputs)])

        return run

    def _is_due(self, name: str) -> bool:
        now = self._clock()
        due = now - self._warned_at.get(name, -SELDOM_S) >= SELDOM_S
        if due:
            self._warned_at[name] = now
        return due

    def _warn(self, name: str, caller: Caller, error: MethodError) -> None:
        log.info("%s: %s by %r: %s", self._station, name, caller.name, ERROR_TEXTS[error])
        self._events.warn(error, f"{name}: {ERROR_TEXTS[error]}")


def id_text(structure: Any) -> str:
    """The Id in an identifying structure, without blanks around it; "" where nothing was given."""
    return "" if structure is None else (structure.Id or "").strip()


def note(station: str, method: str, caller: Caller, cause: int, description: str) -> None:
    """Log who does this to a station, and why."""
    log.info("%s: %s by %r, cause %d: %.200r", station, method, caller.name, cause, description)
