"""What the source needs of a camera, whichever library drives it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as the camera sent it."""

    number: int
    """The camera's own count (GigE Vision block id): 16 bits, 0 often left out, or 64 bits. It may begin anywhere."""
    width: int
    height: int
    pixel_format: str
    """Its name in the Pixel Format Naming Convention, as Mono8."""
    padding: int
    """Bytes after each row that are no pixels."""
    data: bytes
    damage: str = ""
    """What is wrong with it, as missing packets; empty where it is whole."""


@dataclass(frozen=True, slots=True)
class Shutter:
    """What can be known of a camera's exposures, as read back from it once it is configured."""

    exposure_s: float | None = None
    """From the trigger to the end of the exposure (TriggerDelay + ExposureTime). None where it is not fixed (automatic
    exposure, trigger width, frame rate limit, rolling shutter) or cannot be read."""
    tells: bool = False
    """The camera itself tells the end of each exposure, and which frame's it is, as by the event ExposureEnd."""


class GenicamCamera(Protocol):
    """One camera; all of it may block, for a bounded time.

    Two threads use it: `next_frame` is called in one, everything else in another, `trigger` and `look` also while
    `next_frame` waits. No `next_frame` is under way while `open`, `configure` or `close` runs.
    Everything but `close` raises SourceError where the camera cannot be had; then it has to be opened again.
    """

    def open(self) -> None:
        """Find the camera and take control of it."""
        ...

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        """Write the settings and begin a stream that waits for triggers: by software, or of the line that is set.

        Again: a stream of its own begins, and frames that are still on their way are nobody's. Where the camera tells
        the end of an exposure, `exposed` is called with the frame's number, in any thread, and must not block.
        """
        ...

    def trigger(self) -> None:
        """Have one frame taken. Returns when the camera has acknowledged it."""
        ...

    def next_frame(self, timeout_s: float) -> Frame | None:
        """The oldest frame that has come, whole or not; None where none comes in this time."""
        ...

    def look(self) -> None:
        """Ask the camera whether it is still there and ours."""
        ...

    def close(self) -> None:
        """Let go of it. Never raises for a camera that is gone."""
        ...
