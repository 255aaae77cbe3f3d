"""The demo's cameras: one that drops pictures into a folder, or one that speaks GigE Vision.

Each knows what its pictures deserve, so that every answer can be checked.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol, Self

from gateway.cli.kept_process import KeptProcess
from gateway.core.errors import GatewayError
from gateway.core.image import TagImage
from gateway.core.result import Result, Verdict
from gateway.ports import Recorded, ResultSink, StationPort
from gateway.sim.camera import DropCamera, inspections_before, picture_number
from gateway.sim.gige_camera import ADDRESS, CAMERA_HINT, FAKES, HEIGHT, PORT, PROGRAM, WIDTH, Fake, port_is_taken
from gateway.sim.parts import defects_of, part_image
from gateway.sim.pekat_settings import Judge
from gateway.sources.camera_drivers import INSTALL, installed

NEAR = 2.5
"""Grey values between what a frame shows and what was seen of it: rounding, and a score of four digits."""
MIDDLE = 127.5
"""Darker than this is NOK."""
LOST_AT_MOST = 8
"""Frames that a camera may have made, after it was started anew, before one was judged."""


class DemoCamera(Protocol):
    """Entered before the gateway, left after it."""

    judge: Judge
    """How the simulated PEKAT has to come to its verdicts."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    @property
    def slips(self) -> list[str]:
        """Answers that were wrong."""
        ...

    @property
    def source(self) -> str:
        """The tables of the station that say where images come from, as TOML."""
        ...

    @property
    def where(self) -> tuple[str, str]:
        """What it is and where, for people."""
        ...

    @property
    def sinks(self) -> list[ResultSink]:
        """Who has to see the results."""
        ...

    def begin(self, station: StationPort) -> None:
        """From now on it sees this station, whose numbers go on from before a restart; part 1 is its first part now."""
        ...

    def see(self, image: TagImage) -> None:
        """The station's new image."""
        ...

    def deserved(self, number: int) -> Verdict | None:
        """What part number n deserves; None where that is not known."""
        ...

    def shown_at(self, result: Result) -> int:
        """When this result's picture was there, in monotonic microseconds; 0 where that is not known."""
        ...


class Dropping:
    """A picture of part n at the n-th accepted trigger, as a camera on a hardware trigger would take it."""

    judge: Judge = "look"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._camera = DropCamera(folder, part_image)
        self.slips: list[str] = []
        self.sinks: list[ResultSink] = []

    async def __aenter__(self) -> Self:
        self._camera.__enter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._camera.__exit__, *exc)

    @property
    def source(self) -> str:
        return f"[stations.source]\nkind = \"file_drop\"\nfolder = '{self._folder}'"

    @property
    def where(self) -> tuple[str, str]:
        return "drop folder", str(self._folder)

    def begin(self, station: StationPort) -> None:
        self._camera.begin(station)

    def see(self, image: TagImage) -> None:
        self._camera.see(image)

    def deserved(self, number: int) -> Verdict | None:
        return Verdict.NOK if defects_of(picture_number(number)) else Verdict.OK

    def shown_at(self, result: Result) -> int:
        return self._camera.dropped_at(result.inspection_id)


class Gige:
    """A simulated GigE Vision camera in a process of its own; the gateway reaches it through the real protocol.

    The answer to trigger n has to be that of the camera's n-th frame: PEKAT's score is the darkness in its middle.
    """

    judge: Judge = "centre"

    def __init__(self) -> None:
        """Raises GatewayError where no such camera is installed, or its port is taken."""
        self._fake = installed_fake()
        self._process = KeptProcess("the simulated camera", ("camera", "--maker", self._fake.name), _is_up)
        self._book = FrameBook(self._fake)
        self._stack = AsyncExitStack()
        self.sinks: list[ResultSink] = [self._book]

    @property
    def slips(self) -> list[str]:
        return self._book.slips

    async def __aenter__(self) -> Self:
        if port_is_taken():
            hint = "end the program that uses it: another demo, or another simulated camera"
            raise GatewayError(f"UDP port {PORT} on {ADDRESS}, which GigE Vision prescribes, is taken", hint=hint)
        await self._stack.enter_async_context(self._process)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def source(self) -> str:
        place = {"interface": ADDRESS} if self._fake.name == "viva" else {"camera": ADDRESS}
        settings = {"kind": "genicam", "driver": self._fake.name, **place, "pixel_format": "Mono8"}
        settings["exposure_done"] = "frame"  # so that the transfer is the camera's time, and not the gateway's
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        return "\n".join(["[stations.source]", *lines, f"region = [0, 0, {WIDTH}, {HEIGHT}]"])

    @property
    def where(self) -> tuple[str, str]:
        maker = {"viva": "viva-genicam", "aravis": "Aravis"}[self._fake.name]
        return "GigE Vision camera", f"{ADDRESS}:{PORT}, simulated by {maker} (process {self._process.pid})"

    def begin(self, station: StationPort) -> None:
        self._book.begin(inspections_before(station))

    def see(self, image: TagImage) -> None:
        """Nothing to do: the gateway triggers it."""

    def deserved(self, number: int) -> Verdict | None:
        return self._book.deserved(number)

    def shown_at(self, result: Result) -> int:
        return result.exposed_at


def installed_fake() -> Fake:
    """The simulated camera that can be used, with a driver for it. Raises GatewayError where there is none."""
    for name, fake in FAKES.items():
        if fake.installed() and installed(name):
            return fake
    missing = f"; {PROGRAM} is there, but its driver needs {INSTALL['aravis']}" if FAKES["aravis"].installed() else ""
    raise GatewayError(f"no simulated GigE Vision camera is installed{missing}", hint=CAMERA_HINT)


async def _is_up() -> bool:
    return port_is_taken()


class FrameBook:
    """A ResultSink that compares each answer with the frame that its trigger made.

    After an answer without a decision the camera may have been started anew, and then counts from its first frame.
    """

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._skipped = 0
        """So many triggers more than frames."""
        self._sure = True
        self._before = 0
        self.slips: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    def begin(self, before: int) -> None:
        """So many inspections are over: the next one is the camera's first frame."""
        self._before = before

    def put(self, recorded: Recorded) -> None:
        """Look at one answer."""
        result = recorded.result
        if result.verdict is Verdict.NO_DECISION:
            self._sure = False
        elif not self._fits(result, self._skipped) and not self._begun_anew(result):
            self.slips.append(f"part {result.part_id}: the answer is that of another frame ({_seen(result):.0f})")

    def deserved(self, number: int) -> Verdict | None:
        """What part number n deserves; None while the frames' count is not sure, or for what is neither."""
        shown = self._shown(number, self._skipped)
        if not self._sure or abs(shown - MIDDLE) < NEAR:
            return None
        return Verdict.OK if shown > MIDDLE else Verdict.NOK

    def _begun_anew(self, result: Result) -> bool:
        for lost in range(LOST_AT_MOST if not self._sure else 0):
            skipped = self._number(result) - 1 - lost
            if self._fits(result, skipped):
                self._skipped = skipped
                self._sure = True
                return True
        return False

    def _fits(self, result: Result, skipped: int) -> bool:
        fits = abs(_seen(result) - self._shown(self._number(result), skipped)) <= NEAR
        self._sure = self._sure or fits
        return fits

    def _number(self, result: Result) -> int:
        """Counted from 1, which is the first one since this began."""
        return result.inspection_id - self._before

    def _shown(self, number: int, skipped: int) -> float:
        return self._fake.brightness(self._fake.frame(number - 1 - skipped))


def _seen(result: Result) -> float:
    """The brightness in the middle of the picture that was judged, as PEKAT's score tells it; -1 where it does not."""
    score = result.judgement.score
    return (1 - score) * 255 if score is not None else -1.0
