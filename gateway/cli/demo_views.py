"""The demo's cameras where several look at each part: one for each view, each with a drop folder of its own."""

import asyncio
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from gateway.core.image import TagImage
from gateway.core.result import Result, Verdict
from gateway.ports import ResultSink, StationPort
from gateway.sim.camera import DropCamera, picture_number
from gateway.sim.parts import defects_of, part_image
from gateway.sim.pekat_settings import Judge

_VIEW = """\
[[stations.views]]
name = "{name}"
source = {{ kind = "file_drop", folder = '{folder}' }}
"""
_FAULTLESS = 1
"""The seed of the picture of a view that sees nothing wrong."""


class SeveralDropping:
    """A DemoCamera: a picture of each view for each accepted trigger. What is wrong is seen by one of them, in turn."""

    judge: Judge = "look"

    def __init__(self, folder: Path, views: int) -> None:
        self._folders = {f"view{number}": folder / f"view{number}" for number in range(1, views + 1)}
        self._cameras = [
            DropCamera(place, lambda number, at=at: _picture(at, views, number))  # type: ignore[misc]  # its own `at`
            for at, place in enumerate(self._folders.values())
        ]
        self._stack = ExitStack()
        self.slips: list[str] = []
        self.sinks: list[ResultSink] = []

    async def __aenter__(self) -> "SeveralDropping":
        for camera in self._cameras:
            self._stack.enter_context(camera)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._stack.close)

    @property
    def source(self) -> str:
        return "\n".join(_VIEW.format(name=name, folder=folder) for name, folder in self._folders.items())

    @property
    def where(self) -> tuple[str, str]:
        return "drop folders", ", ".join(map(str, self._folders.values()))

    def begin(self, station: StationPort) -> None:
        for camera in self._cameras:
            camera.begin(station)

    def see(self, image: TagImage) -> None:
        for camera in self._cameras:
            camera.see(image)

    def deserved(self, number: int) -> Verdict | None:
        return Verdict.NOK if defects_of(picture_number(number)) else Verdict.OK

    def shown_at(self, result: Result) -> int:
        """So that with the longest time at PEKAT it makes the view that all had to wait for."""
        asked = [view.inspector_us for view in result.judgement.views]
        dropped = [camera.dropped_at(result.inspection_id) for camera in self._cameras]
        if not all(dropped) or len(asked) != len(dropped):
            return 0
        return max(map(sum, zip(dropped, asked, strict=True))) - max(asked)


def _picture(at: int, views: int, number: int) -> bytes:
    """Picture `number` of a part as view `at` (from 0) sees it."""
    return part_image(number) if number % views == at else _faultless()


@cache
def _faultless() -> bytes:
    return part_image(_FAULTLESS, defects=0)
