"""The settings of a GenICam camera: GigE Vision, USB3 Vision, or whatever a GenTL producer reaches."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.sources.camera_drivers import DriverName, camera_of

if TYPE_CHECKING:
    from gateway.sources.genicam import GenicamSource
    from gateway.sources.genicam_line import LineSource

DRIVERS_WITH_INTERFACE = ("viva", "pylon")

Offset = Annotated[int, Field(ge=0, le=100_000)]
Extent = Annotated[int, Field(ge=1, le=100_000)]
PixelFormat = Literal[
    "Mono8", "Mono10", "Mono12", "Mono16", "Mono10p", "Mono12p", "Mono10Packed", "Mono12Packed",
    "BGR8", "RGB8",
    "BayerRG8", "BayerRG10", "BayerRG12", "BayerRG10p", "BayerRG12p", "BayerRG10Packed", "BayerRG12Packed",
    "BayerGR8", "BayerGR10", "BayerGR12", "BayerGR10p", "BayerGR12p", "BayerGR10Packed", "BayerGR12Packed",
    "BayerGB8", "BayerGB10", "BayerGB12", "BayerGB10p", "BayerGB12p", "BayerGB10Packed", "BayerGB12Packed",
    "BayerBG8", "BayerBG10", "BayerBG12", "BayerBG10p", "BayerBG12p", "BayerBG10Packed", "BayerBG12Packed",
]  # fmt: skip
ExposureDone = Literal["auto", "event", "frame"]
Milliseconds = Annotated[int, Field(ge=0, le=10_000)]
LINE_ONLY = ("trigger_line", "trigger_edge", "window_before_ms", "window_after_ms")
EDGES = {"rising": "RisingEdge", "falling": "FallingEdge"}


class GenicamSettings(BaseModel):
    """Takes each trigger's image from a GenICam camera. Needs the library that `driver` names.

    What is not set here stays as it is in the camera.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["genicam"] = Field("genicam", description="This kind of source.")
    driver: DriverName = Field(
        "viva",
        description="The library that drives the camera: `viva` (viva-genicam, extra `[genicam]`), `pylon` (Basler's "
        "pypylon, extra `[pylon]`), `harvesters` (any maker's GenTL producer, extra `[harvesters]`), `aravis` (Linux, "
        "Debian's gir1.2-aravis-0.8).",
    )
    producer: Path | None = Field(
        None,
        strict=False,
        description='With `driver = "harvesters"`: path of the GenTL producer (.cti) of the camera\'s maker.',
    )
    camera: str = Field(
        "",
        max_length=200,
        description="The camera's IP or MAC address, as `pekat-gateway cameras` lists them; "
        "the MAC address finds it under another IP address too. Other drivers than `viva` also take its serial number. "
        "Empty: the only camera there is.",
    )
    interface: str = Field(
        "",
        max_length=60,
        description="IP address of this machine's interface to the camera, for the drivers `viva` and `pylon`. "
        "Empty: searched on all but loopback.",
    )
    transport: Literal["gige", "usb3"] = Field(
        "gige",
        description="What the driver `viva` searches for: GigE Vision cameras, or USB3 Vision cameras (then `camera` "
        "is the serial number). The other drivers find both.",
    )
    exposure_us: float | None = Field(None, gt=0, le=60_000_000, description="Exposure time (microseconds).")
    gain: float | None = Field(None, ge=-100, le=100_000, description="Gain (dB, or the camera's own unit).")
    region: Annotated[tuple[Offset, Offset, Extent, Extent], Field(strict=False)] | None = Field(
        None, description="Region of interest on the sensor: [x, y, width, height] in pixels."
    )
    pixel_format: PixelFormat | None = Field(
        None,
        description="How pixels are sent. PEKAT gets 8 bits of each value; docs/cameras.md says what each format "
        "costs. BayerRG8 goes as it is, a third of the bytes of a colour image; the other mosaics lose their outermost "
        "rows or columns.",
    )
    trigger: Literal["software", "hardware"] = Field(
        "software",
        description="`software`: the gateway triggers the camera when the PLC triggers the station. `hardware`: a "
        "signal at `trigger_line` does, and each frame is found its trigger by time.",
    )
    trigger_line: str = Field(
        "Line1", pattern=r"^\w{1,60}$", description="hardware: where the signal comes in (TriggerSource)."
    )
    trigger_edge: Literal["rising", "falling"] | None = Field(
        None, description="hardware: the edge that triggers (TriggerActivation); left out: as it is in the camera."
    )
    window_before_ms: Milliseconds = Field(
        50,
        description="hardware: how much earlier than the PLC's trigger a frame may come (ms). The signal reaches the "
        "camera at once, the PLC's trigger the gateway some PLC cycles later.",
    )
    window_after_ms: Milliseconds = Field(
        150,
        description="hardware: how much later than the PLC's trigger a frame may come (ms): exposure and transfer, "
        "45 ms for 5 megabytes at 1 Gbit/s. Both windows together have to be shorter than the shortest time between "
        "two signals; where several frames or triggers lie within one window, there is no decision.",
    )
    exposure_done: ExposureDone = Field(
        "auto",
        description="When the exposure counts as over. `event`: when the camera says so (ExposureEnd), else when the "
        "frame is there. `auto`: also by the exposure time, where that is fixed and the trigger is by software. "
        "`frame`: when the frame is there.",
    )
    packet_size: int | None = Field(
        None, ge=576, le=16_000, description="Bytes in a packet; over 1500 the whole network path needs jumbo frames."
    )
    max_frame_mb: int = Field(
        64, ge=1, le=1024, description="A camera set to larger frames is refused (megabytes of 1,000,000 bytes)."
    )

    @model_validator(mode="after")
    def _fit_the_driver(self) -> Self:
        if (self.driver == "harvesters") != (self.producer is not None):
            raise ValueError('`producer` names the .cti file for driver = "harvesters", and only for it')
        if self.interface and self.driver not in DRIVERS_WITH_INTERFACE:
            raise ValueError(f"the driver {self.driver} cannot search on one interface: leave `interface` out")
        if self.transport == "usb3" and (self.driver != "viva" or self.interface or self.packet_size):
            raise ValueError('transport = "usb3" is for the driver viva, without `interface` and `packet_size`')
        if self.trigger == "software":
            fields = type(self).model_fields
            set_ = [name for name in LINE_ONLY if getattr(self, name) != fields[name].default]
            if set_:
                raise ValueError(f'{", ".join(set_)}: only with trigger = "hardware"')
        return self

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        by = f"trigger by {self.trigger_source}" if self.trigger == "hardware" else "software trigger"
        return f"{self.kind} {self.camera or 'the only camera there is'} through {self.driver}, {by}"

    @property
    def trigger_source(self) -> str:
        """The camera's TriggerSource."""
        return self.trigger_line if self.trigger == "hardware" else "Software"

    @property
    def trigger_activation(self) -> str | None:
        """The camera's TriggerActivation; None where it stays as it is."""
        return None if self.trigger_edge is None else EDGES[self.trigger_edge]

    def create(self, station_name: str) -> "GenicamSource | LineSource":
        """The source; nothing runs yet. Raises ConfigError where the camera library is not installed."""
        camera = camera_of(self, station_name)
        from gateway.sources.genicam import GenicamSource
        from gateway.sources.genicam_line import LineSource
        from gateway.sources.line_frames import Window

        if self.trigger == "hardware":
            window = Window(self.window_before_ms * 1000, self.window_after_ms * 1000)
            return LineSource(station_name, camera, window, self.exposure_done)
        return GenicamSource(station_name, camera, (self.exposure_us or 0) / 1e6, self.exposure_done)
