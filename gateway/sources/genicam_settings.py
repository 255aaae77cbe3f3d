"""The settings of a GenICam camera: GigE Vision, USB3 Vision, or whatever a GenTL producer reaches."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.sources.camera_drivers import DriverName, camera_of

if TYPE_CHECKING:
    from gateway.sources.genicam import GenicamSource

DRIVERS_WITH_INTERFACE = ("viva", "pylon")

Offset = Annotated[int, Field(ge=0, le=100_000)]
Extent = Annotated[int, Field(ge=1, le=100_000)]
PixelFormat = Literal["Mono8", "Mono10", "Mono12", "BGR8", "RGB8", "BayerRG8"]


class GenicamSettings(BaseModel):
    """Takes each trigger's image from a GenICam camera by software trigger. Needs the library that `driver` names.

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
    exposure_us: float | None = Field(None, gt=0, le=60_000_000, description="Exposure time (microseconds).")
    gain: float | None = Field(None, ge=-100, le=100_000, description="Gain (dB, or the camera's own unit).")
    region: Annotated[tuple[Offset, Offset, Extent, Extent], Field(strict=False)] | None = Field(
        None, description="Region of interest on the sensor: [x, y, width, height] in pixels."
    )
    pixel_format: PixelFormat | None = Field(
        None,
        description="How pixels are sent. Mono10 and Mono12 lose their lowest bits; RGB8 costs a copy that BGR8 does "
        "not; BayerRG8 goes to PEKAT as it is, a third of the bytes of a colour image.",
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
        return self

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        return f"{self.kind} {self.camera or 'the only camera there is'} through {self.driver}, software trigger"

    def create(self, station_name: str) -> "GenicamSource":
        """The source; nothing runs yet. Raises ConfigError where the camera library is not installed."""
        camera = camera_of(self, station_name)
        from gateway.sources.genicam import GenicamSource

        return GenicamSource(station_name, camera, (self.exposure_us or 0) / 1e6)
