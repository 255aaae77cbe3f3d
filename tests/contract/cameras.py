"""Every driver with a camera that needs no hardware, each told in the same words what to do."""

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SourceError
from gateway.sources.camera_drivers import camera_of, installed
from gateway.sources.genicam_camera import Frame, GenicamCamera
from gateway.sources.genicam_settings import GenicamSettings
from tests.sources.debian_gi import aravis_installed
from tests.sources.gige_port import gige_port

PATIENCE_S = 10.0
ARAVIS_CAMERA = "arv-fake-gv-camera-0.8"
EMULATED = "PYLON_CAMEMU"


@dataclass
class Bench:
    """One driver and its camera, which is on."""

    settings: GenicamSettings
    unplug: Callable[[GenicamCamera], None]
    """Take the camera away from under an open one."""
    plug: Callable[[], None]
    """Have a camera that can be opened again."""
    other_size: tuple[int, int]
    """Width and height that this camera can have beside those of `settings`."""
    large: tuple[int, int]
    """A size of more than a million pixels."""
    opened: list[GenicamCamera] = field(default_factory=list)

    def camera(self, **more: Any) -> GenicamCamera:
        """A camera that is open and waits for triggers."""
        made = camera_of(self.changed(**more), "line")
        self.opened.append(made)
        made.open()
        made.configure(not_told)
        return made

    def changed(self, **more: Any) -> GenicamSettings:
        return GenicamSettings.model_validate({**self.settings.model_dump(), **more})

    @property
    def size(self) -> tuple[int, int]:
        assert self.settings.region is not None
        return self.settings.region[2:]


def not_told(_: int) -> None:
    """These cameras do not tell the end of an exposure."""


def shot(camera: GenicamCamera) -> Frame:
    """Trigger once and wait for a frame."""
    camera.trigger()
    frame = next_of(camera, PATIENCE_S)
    assert frame is not None
    return frame


def next_of(camera: GenicamCamera, within_s: float) -> Frame | None:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if (frame := camera.next_frame(0.05)) is not None:
            return frame
    return None


@contextmanager
def viva() -> Iterator[Bench]:
    if not installed("viva"):
        pytest.skip("viva-genicam is not installed")
    from viva_genicam.testing import FakeGigeCamera

    with gige_port(), ExitStack() as stack:
        fakes = [stack.enter_context(FakeGigeCamera(width=1200, height=1000, fps=100))]
        settings = {"driver": "viva", "interface": "127.0.0.1", "region": (0, 0, 64, 48), "pixel_format": "Mono8"}
        yield Bench(
            GenicamSettings.model_validate(settings),
            lambda _: fakes[-1].stop(),
            lambda: fakes.append(stack.enter_context(FakeGigeCamera(width=1200, height=1000, fps=100))),
            (128, 96),
            (1200, 1000),
        )


@contextmanager
def pylon() -> Iterator[Bench]:
    """The library's own emulation."""
    if not installed("pylon"):
        pytest.skip("pypylon is not installed")
    before = os.environ.get(EMULATED)
    os.environ[EMULATED] = "1"
    try:
        settings = {"driver": "pylon", "interface": "127.0.0.1", "region": (0, 0, 64, 48), "pixel_format": "Mono8"}
        yield Bench(GenicamSettings.model_validate(settings), _destroy_device, _nothing_to_do, (128, 96), (1024, 1024))
    finally:
        os.environ.pop(EMULATED)
        if before is not None:
            os.environ[EMULATED] = before


def _destroy_device(camera: GenicamCamera) -> None:
    """An emulated camera cannot be unplugged; without its device the library answers as it does then: with errors."""
    from gateway.sources.pylon_camera import PylonCamera

    assert isinstance(camera, PylonCamera)
    assert camera._camera is not None
    camera._camera.DestroyDevice()


@contextmanager
def harvesters() -> Iterator[Bench]:
    """The producer that comes with the library: a camera that cannot be triggered."""
    if not installed("harvesters"):
        pytest.skip("harvesters is not installed")
    spec = importlib.util.find_spec("genicam")
    assert spec is not None
    assert spec.origin is not None
    settings = {
        "driver": "harvesters",
        "producer": str(Path(spec.origin).with_name("viky.cti")),
        "camera": "VikyTL_DEV_red",
        "region": (0, 0, 128, 100),
        "pixel_format": "Mono8",
    }
    yield Bench(GenicamSettings.model_validate(settings), _destroy_acquirer, _nothing_to_do, (160, 120), (800, 800))


def _destroy_acquirer(camera: GenicamCamera) -> None:
    from gateway.sources.harvester_camera import HarvesterCamera

    assert isinstance(camera, HarvesterCamera)
    assert camera._acquirer is not None
    camera._acquirer.destroy()


def _nothing_to_do() -> None:
    """The camera is there whenever it is asked for."""


@contextmanager
def aravis() -> Iterator[Bench]:
    """Aravis' camera in a process of its own. Opened by its address: a search would ask on every network."""
    program = shutil.which(ARAVIS_CAMERA)
    if program is None or not aravis_installed():
        pytest.skip("Aravis is not installed (Debian: aravis-tools, gir1.2-aravis-0.8, python3-gi)")
    with gige_port(), ExitStack() as stack:
        running: list[ExitStack] = []

        def plug() -> None:
            running.append(stack.enter_context(ExitStack()))
            running[-1].enter_context(_process(program))

        plug()
        settings = {"driver": "aravis", "camera": "127.0.0.1", "region": (0, 0, 64, 48), "pixel_format": "Mono8"}
        bench = Bench(
            GenicamSettings.model_validate(settings), lambda _: running[-1].close(), plug, (128, 96), (1200, 1000)
        )
        _wait_for_it(bench)
        yield bench


def _wait_for_it(bench: Bench) -> None:
    end = time.monotonic() + PATIENCE_S
    camera = camera_of(bench.settings, "line")
    while True:
        try:
            camera.open()
        except SourceError:
            assert time.monotonic() < end, "the camera never answered"
        else:
            camera.close()
            return


@contextmanager
def _process(program: str) -> Iterator[None]:
    command = [program, "-i", "127.0.0.1", "-s", "GV01"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()
            process.wait(5)


BENCHES = {"viva": viva, "pylon": pylon, "harvesters": harvesters, "aravis": aravis}
