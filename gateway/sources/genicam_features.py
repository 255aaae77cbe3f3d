"""A camera's settings by the names that GenICam's Standard Features Naming Convention gives them.

pylon, harvesters and aravis each reach a camera's features in their own way; what is written, and in which order, is
the same for all of them.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.core.errors import SourceError
from gateway.images.limits import MEGABYTE
from gateway.sources.genicam_camera import Shutter
from gateway.sources.genicam_settings import GenicamSettings
from gateway.sources.pixel_formats import check_format
from gateway.sources.pixel_layouts import usual_name

EXPOSURE_NAMES = ("ExposureTime", "ExposureTimeAbs")
GAIN_NAMES = ("Gain", "GainRaw")
"""Older cameras have the second name. GainRaw is a whole number of the camera's own unit."""
OTHER_STARTS = ("AcquisitionStart", "FrameBurstStart")
"""Triggers that would have to come before the frame's own."""
OVERLAPS = ("ReadOut", "PreviousFrame")
"""A trigger may come while the frame before is read out; the second also while it is still exposed."""
DELAY_NAMES = ("TriggerDelay", "TriggerDelayAbs")
PACKET_SIZE = "GevSCPSPacketSize"
FIXED = {
    "ExposureAuto": "Off",
    "ExposureMode": "Timed",
    "SensorShutterMode": "Global",
    "AcquisitionFrameRateEnable": False,
}
"""What has to be so, where the camera has it, for an exposure to end a known time after its trigger."""

Value = str | bool | int | float


class Features(Protocol):
    """What a camera can be asked and told. The library's own errors pass through."""

    def has(self, name: str) -> bool:
        """The camera has it and it can be read or written now."""
        ...

    def read(self, name: str) -> Value:
        """A number, or the name of an enumeration's entry."""
        ...

    def write(self, name: str, value: Value) -> None:
        """Numbers to numbers, names to enumerations."""
        ...

    def choices(self, name: str) -> Sequence[str]:
        """The entries that an enumeration has now."""
        ...


def apply_settings(features: Features, settings: GenicamSettings) -> str:
    """Write all that is set, and the trigger. The pixel format as the camera names it.

    Raises SourceError for what the camera does not have, for a format that PEKAT cannot take, and for frames larger
    than allowed.
    """
    if features.read("AcquisitionMode") != "Continuous":
        features.write("AcquisitionMode", "Continuous")
    _set_format(features, settings)
    _set_region(features, settings)
    if settings.exposure_us is not None:
        _set_light(features, "ExposureAuto", EXPOSURE_NAMES, settings.exposure_us)
    if settings.gain is not None:
        _set_light(features, "GainAuto", GAIN_NAMES, settings.gain)
    if settings.packet_size is not None:
        _set(features, PACKET_SIZE, settings.packet_size)
    return _checked(features, settings)


def _set_format(features: Features, settings: GenicamSettings) -> None:
    if settings.pixel_format is None:
        return
    offered = features.choices("PixelFormat")
    entries = [entry for entry in offered if usual_name(entry) == settings.pixel_format]
    if not entries:
        raise SourceError(f"the camera has no {settings.pixel_format}", hint=f"it offers {', '.join(offered)}")
    features.write("PixelFormat", entries[0])


def _set_region(features: Features, settings: GenicamSettings) -> None:
    """Offsets go to 0 first: with the old ones the new size may not fit on the sensor."""
    if settings.region is None:
        return
    x, y, width, height = settings.region
    for name in ("OffsetX", "OffsetY"):
        if features.has(name):
            features.write(name, 0)
    wanted = {"Width": width, "Height": height, "OffsetX": x, "OffsetY": y}
    for name, value in wanted.items():
        if value or features.has(name):
            _set(features, name, value)
    made = {name: features.read(name) for name in wanted if features.has(name)}
    if any(made[name] != wanted[name] for name in made):
        raise SourceError(f"the camera made {made} of the region", hint="are all four numbers allowed there?")


def _set_light(features: Features, automatic: str, names: tuple[str, str], value: float) -> None:
    """An automatic would overrule the value that is set."""
    if features.has(automatic):
        features.write(automatic, "Off")
    usual, older = names
    if features.has(usual):
        features.write(usual, value)
    else:
        _set(features, older, round(value) if older == "GainRaw" else value)


def _set(features: Features, name: str, value: Value) -> None:
    if not features.has(name):
        raise SourceError(f"the camera has no {name}", hint="leave the setting out")
    features.write(name, value)


def _checked(features: Features, settings: GenicamSettings) -> str:
    pixel_format = str(features.read("PixelFormat"))
    check_format(pixel_format)
    size, limit = int(features.read("PayloadSize")), settings.max_frame_mb * MEGABYTE
    if size > limit:
        raise SourceError(f"the camera's frames have {size} bytes, more than {limit}", hint="set region")
    return pixel_format


def has_trigger(features: Features) -> bool:
    """The camera can be told to wait for a trigger by software."""
    return features.has("TriggerMode") and features.has("TriggerSource")


def wait_for_triggers(features: Features, settings: GenicamSettings) -> None:
    """Each trigger, by software or of the line that is set, makes one frame, also while the frame before is read out.

    Raises SourceError where the camera has no such thing.
    """
    if not has_trigger(features):
        raise SourceError(
            "the camera cannot be triggered", hint="this needs a camera with TriggerMode and TriggerSource"
        )
    kinds = features.choices("TriggerSelector") if features.has("TriggerSelector") else ()
    for kind in OTHER_STARTS:
        if kind in kinds and "FrameStart" in kinds:
            features.write("TriggerSelector", kind)
            features.write("TriggerMode", "Off")
    if kinds:
        features.write("TriggerSelector", "FrameStart" if "FrameStart" in kinds else kinds[0])
    features.write("TriggerMode", "On")
    features.write("TriggerSource", _offered(features, "TriggerSource", settings.trigger_source))
    if settings.trigger_activation is not None:
        _set(features, "TriggerActivation", settings.trigger_activation)
    if features.has("TriggerOverlap") and features.read("TriggerOverlap") not in OVERLAPS:
        for overlap in [one for one in OVERLAPS if one in features.choices("TriggerOverlap")][:1]:
            features.write("TriggerOverlap", overlap)


def _offered(features: Features, name: str, wanted: str) -> str:
    offered = features.choices(name)
    if wanted not in offered:
        raise SourceError(f"the camera has no {name} {wanted}", hint=f"it offers {', '.join(offered)}")
    return wanted


def shutter_of(features: Features) -> Shutter:
    """When exposures end after their triggers, if that is fixed."""
    loose = any(features.has(name) and features.read(name) != value for name, value in FIXED.items())
    exposures = [float(features.read(name)) for name in EXPOSURE_NAMES if features.has(name)]
    if loose or not exposures:
        return Shutter()
    delays = [float(features.read(name)) for name in DELAY_NAMES if features.has(name)]
    return Shutter((exposures[0] + sum(delays[:1])) / 1e6)
