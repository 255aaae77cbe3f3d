"""The settings of a GigE Vision camera."""

import importlib.util
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.sources.genicam import GenicamSource

LIBRARY = "viva_genicam"
INSTALL = "pip install 'pekat-plc-gateway[genicam]'"

Offset = Annotated[int, Field(ge=0, le=100_000)]
Extent = Annotated[int, Field(ge=1, le=100_000)]
PixelFormat = Literal["Mono8", "Mono10", "Mono12", "BGR8", "RGB8", "BayerRG8"]


class GenicamSettings(BaseModel):
    """Takes each trigger's image from a GigE Vision camera by software trigger. Needs the extra `[genicam]`.

    What is not set here stays as it is in the camera.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["genicam"] = Field("genicam", description="This kind of source.")
    camera: str = Field(
        "",
        max_length=60,
        description="The camera's IP or MAC address, as `pekat-gateway cameras` lists them; "
        "the MAC address finds it under another IP address too. Empty: the only camera there is.",
    )
    interface: str = Field(
        "",
        max_length=60,
        description="IP address of this machine's interface to the camera. Empty: searched on all but loopback.",
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

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        return f"{self.kind} {self.camera or 'the only camera there is'}, software trigger"

    def create(self, station_name: str) -> "GenicamSource":
        """The source; nothing runs yet. Raises ConfigError where the camera library is not installed."""
        if importlib.util.find_spec(LIBRARY) is None:
            raise ConfigError(f"station {station_name}", 'kind = "genicam"', "viva-genicam is not installed", INSTALL)
        from gateway.sources.genicam import GenicamSource
        from gateway.sources.viva_camera import VivaCamera

        return GenicamSource(station_name, VivaCamera(self), (self.exposure_us or 0) / 1e6)
