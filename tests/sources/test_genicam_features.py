"""What is written to a camera so that it waits for triggers, and what can be known of its exposures."""

from collections.abc import Sequence

import pytest

from gateway.core.errors import SourceError
from gateway.sources.genicam_camera import Shutter
from gateway.sources.genicam_features import Value, shutter_of, wait_for_triggers
from gateway.sources.genicam_settings import GenicamSettings

SOFTWARE = GenicamSettings()
HARDWARE = GenicamSettings(trigger="hardware", trigger_line="Line2", trigger_edge="falling")


class Described:
    """A camera's features as a table; the order of writes is kept."""

    def __init__(self, choices: dict[str, Sequence[str]] | None = None, **values: Value) -> None:
        self.values: dict[str, Value] = {"TriggerMode": "Off", "TriggerSource": "Line1", **values}
        self.entries = {"TriggerSource": ["Line1", "Line2", "Software"], **(choices or {})}
        self.written: list[tuple[str, Value]] = []

    def has(self, name: str) -> bool:
        return name in self.values

    def read(self, name: str) -> Value:
        return self.values[name]

    def write(self, name: str, value: Value) -> None:
        self.values[name] = value
        self.written.append((name, value))

    def choices(self, name: str) -> Sequence[str]:
        return self.entries[name]


def test_the_trigger_comes_from_software_or_from_the_line_that_is_set() -> None:
    camera = Described(TriggerActivation="RisingEdge")
    wait_for_triggers(camera, SOFTWARE)
    assert (camera.values["TriggerMode"], camera.values["TriggerSource"]) == ("On", "Software")
    assert camera.values["TriggerActivation"] == "RisingEdge"
    wait_for_triggers(camera, HARDWARE)
    assert (camera.values["TriggerSource"], camera.values["TriggerActivation"]) == ("Line2", "FallingEdge")


def test_a_camera_without_that_edge_is_refused() -> None:
    with pytest.raises(SourceError, match="no TriggerActivation"):
        wait_for_triggers(Described(), HARDWARE)


@pytest.mark.parametrize(
    ("offered", "before", "after"),
    [
        (["Off", "ReadOut", "PreviousFrame"], "Off", "ReadOut"),
        (["Off", "PreviousFrame"], "Off", "PreviousFrame"),
        (["Off"], "Off", "Off"),
        (["Off", "ReadOut", "PreviousFrame"], "PreviousFrame", "PreviousFrame"),
    ],
)
def test_a_trigger_may_come_while_the_frame_before_is_read_out(offered: list[str], before: str, after: str) -> None:
    camera = Described({"TriggerOverlap": offered}, TriggerOverlap=before)
    wait_for_triggers(camera, SOFTWARE)
    assert camera.values["TriggerOverlap"] == after


def test_other_starts_wait_for_nothing() -> None:
    camera = Described({"TriggerSelector": ["AcquisitionStart", "FrameStart"]}, TriggerSelector="FrameStart")
    wait_for_triggers(camera, SOFTWARE)
    off, on = camera.written.index(("TriggerMode", "Off")), camera.written.index(("TriggerMode", "On"))
    assert camera.written.index(("TriggerSelector", "AcquisitionStart")) < off
    assert off < camera.written.index(("TriggerSelector", "FrameStart")) < on


FIXED: dict[str, Value] = {"ExposureTime": 2000.0, "TriggerDelay": 500.0, "ExposureAuto": "Off"}


@pytest.mark.parametrize(
    ("features", "exposure_s"),
    [
        (FIXED, 0.0025),
        ({"ExposureTimeAbs": 2000.0}, 0.002),
        (
            {**FIXED, "ExposureMode": "Timed", "SensorShutterMode": "Global", "AcquisitionFrameRateEnable": False},
            0.0025,
        ),
        ({**FIXED, "ExposureAuto": "Continuous"}, None),
        ({**FIXED, "ExposureMode": "TriggerWidth"}, None),
        ({**FIXED, "SensorShutterMode": "Rolling"}, None),
        ({**FIXED, "AcquisitionFrameRateEnable": True}, None),
        ({}, None),
    ],
)
def test_the_time_of_an_exposure_is_known_only_where_nothing_can_change_it(
    features: dict[str, Value], exposure_s: float | None
) -> None:
    assert shutter_of(Described(None, **features)) == Shutter(exposure_s)
