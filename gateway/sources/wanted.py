"""Who waits for one frame."""

import asyncio
from collections.abc import Callable
from typing import Protocol, Self

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.sources.genicam_camera import Frame
from gateway.sources.pending import now_us

TOO_SHORT = "is the inspection's time longer than exposure and transfer, and does the firewall let the stream in?"


class Wanted(Protocol):
    """What is found out about the frame of one trigger. Told when it is over, none of it matters any more."""

    def over(self) -> None:
        """The exposure is over."""
        ...

    def give(self, frame: Frame) -> None:
        """This is the frame."""
        ...

    def fail(self, error: SourceError) -> None:
        """It will not come."""
        ...


class Waiting:
    """A Wanted for one order. `with` ends it: nobody waits any more."""

    def __init__(self, exposed: Callable[[], None]) -> None:
        self._exposed = exposed
        self._told = False
        self._frame: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._frame.cancel() and not self._frame.cancelled():
            self._frame.exception()  # else it would be reported as one that nobody has seen

    def over(self) -> None:
        if not self._told and not self._frame.done():
            self._told = True
            self._exposed()

    def give(self, frame: Frame) -> None:
        self.over()
        if not self._frame.done():
            self._frame.set_result(frame)

    def fail(self, error: SourceError) -> None:
        if not self._frame.done():
            self._frame.set_exception(error)

    async def frame(self, deadline: int) -> Frame:
        """Wait for it until `deadline` (monotonic us). Raises SourceError: what `fail` was told, or NO_IMAGE."""
        try:
            async with asyncio.timeout(max(deadline - now_us(), 0) / 1e6):
                return await self._frame
        except TimeoutError:
            raise no_frame("no frame came in time") from None


def no_frame(what: str, hint: str = TOO_SHORT) -> SourceError:
    return SourceError(what, reason=Reason.NO_IMAGE, hint=hint)


def lost_frame(number: int) -> SourceError:
    hint = "check cable, switch, packet_size, and the receive buffer of the network (net.core.rmem_max)"
    return SourceError(f"nothing came of frame {number}", reason=Reason.FRAME_INCOMPLETE, hint=hint)
