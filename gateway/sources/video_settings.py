"""The settings of video sources."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.core.errors import ConfigError
from gateway.sources.http_settings import checked_url, without_query
from gateway.sources.login import password

if TYPE_CHECKING:
    from gateway.sources.video import VideoSource
    from gateway.sources.video_stream import Address

SCHEMES = ("rtsp", "rtsps", "http", "https", "tcp")
PROTOCOLS = "rtsp,rtp,rtcp,udp,tcp,tls,http,https"
"""What a stream from the network may open in turn: no file of this machine, whatever a playlist says."""
USB_FORMATS = {"linux": "v4l2", "win32": "dshow"}
PIXEL_FORMATS = {"bgr": "bgr24", "mono": "gray"}


class VideoSettings(BaseModel):
    """Takes each trigger's image out of a running video stream: the first frame that came after the trigger."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["video"] = Field(
        "video", description="This kind of source; needs `pip install 'pekat-plc-gateway[video]'`."
    )
    url: str = Field("", description="A network camera's stream, as rtsp://192.168.0.20/stream1 (or http, https, tcp).")
    device: str = Field(
        "", max_length=500, description="Or a USB camera: /dev/video0 on Linux, its DirectShow name on Windows."
    )
    file: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="Or a recording, played at its own speed, again and again."
    )
    user: str = Field("", max_length=200, description="User name for the url.")
    password_env: str = Field("", description="Environment variable with the password.")
    password_file: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="File with the password, instead of password_env."
    )
    transport: Literal["tcp", "udp"] = Field("tcp", description="rtsp: how frames are sent; udp loses some.")
    size: str = Field("", pattern=r"^(\d{1,5}x\d{1,5})?$", description="device: resolution to ask for, as 1920x1080.")
    frame_rate: int = Field(0, ge=0, le=1000, description="device: frames/s to ask for; 0 leaves it to the camera.")
    pixels: Literal["bgr", "mono"] = Field("bgr", description="What the inspector gets: colour, or one byte a pixel.")
    latency_ms: int = Field(
        50,
        ge=0,
        le=10_000,
        description="How old a frame is when it comes (ms): one that comes sooner after the trigger was exposed before "
        "it, and is not taken. H.264 is one frame late, as only the next one shows where it ends: 50 suits 25 frames/s "
        "over RTSP. MPEG-TS is two late; MJPEG and USB need about 10. Show the camera a clock to measure it.",
    )
    frame_within_ms: int = Field(
        500,
        ge=1,
        le=60_000,
        description="The frame has to come within this time after trigger and latency_ms: a later one shows another "
        "part. Longer than the time between two frames.",
    )
    connect_timeout_ms: int = Field(
        5000,
        ge=100,
        le=60_000,
        description="Longest wait for the connection, then for the first frame (a key frame), and for the next one "
        "after silence, before it connects anew.",
    )
    read_timeout_ms: int = Field(
        2000, ge=100, le=60_000, description="Without a frame for so long the source is down (it may come back)."
    )
    max_megapixels: int = Field(
        50,
        ge=1,
        le=500,
        description="Larger frames are refused, reason 18 (1,000,000 pixels); bounds the memory.",
    )

    @field_validator("url")
    @classmethod
    def _is_stream(cls, url: str) -> str:
        return checked_url(url, SCHEMES, "stream1") if url else url

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.url) + bool(self.device) + (self.file is not None) != 1:
            raise ValueError("needs one of url, device and file")
        passwords = bool(self.password_env) + (self.password_file is not None)
        if bool(self.user) != bool(passwords) or passwords > 1 or (self.user and not self.url):
            raise ValueError("a log-in is a url, user, and one of password_env and password_file")
        if (self.size or self.frame_rate) and not self.device:
            raise ValueError("size and frame_rate can be chosen for a device only")
        return self

    @property
    def place(self) -> str:
        """The address for people and logs, without login and query."""
        return without_query(self.url) if self.url else self.device or str(self.file)

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        return f"{self.kind} {self.place}, the first frame that comes {self.latency_ms} ms after the trigger or later"

    def create(self, station_name: str) -> "VideoSource":
        """The source; nothing runs yet. Raises ConfigError where PyAV or the password is missing."""
        try:
            from gateway.sources.video import Choice, VideoSource
        except ModuleNotFoundError as error:
            if error.name != "av":
                raise
            wrong = 'is not installed, and kind = "video" needs it'
            raise ConfigError("Python", "PyAV", wrong, "run: pip install 'pekat-plc-gateway[video]'") from None
        choice = Choice(self.latency_ms * 1000, self.frame_within_ms * 1000, PIXEL_FORMATS[self.pixels])
        return VideoSource(station_name, self._address(), choice)

    def _address(self) -> "Address":
        from gateway.sources.video_stream import Address

        return Address(
            secret=self._secret(),
            place=self.place,
            format=self._usb_format() if self.device else None,
            options=self._options(),
            is_file=self.file is not None,
            patience_s=max(self.connect_timeout_ms, self.read_timeout_ms) / 1000,
            silence_s=self.read_timeout_ms / 1000,
            max_pixels=self.max_megapixels * 1_000_000,
        )

    def _usb_format(self) -> str:
        if sys.platform not in USB_FORMATS:
            raise ConfigError("gateway.toml", "device", f"{sys.platform} is not supported", "use Linux or Windows")
        return USB_FORMATS[sys.platform]

    def _options(self) -> dict[str, str]:
        """FFmpeg's. nobuffer and a small probe: otherwise the first second of frames is up to a second old."""
        options = {"max_pixels": str(self.max_megapixels * 1_000_000)}
        if self.file is None:
            options |= {"fflags": "nobuffer", "flags": "low_delay"}
        if self.url:
            options |= {"protocol_whitelist": PROTOCOLS, "probesize": "32768"}
        if self.url.startswith("rtsp"):
            options |= {"rtsp_transport": self.transport, "allowed_media_types": "video", "analyzeduration": "0"}
        if self.size:
            options["video_size"] = self.size
        if self.frame_rate:
            options["framerate"] = str(self.frame_rate)
        return options

    def _secret(self) -> str:
        """What FFmpeg opens, with the log-in. Raises ConfigError where the password cannot be had."""
        if self.device:
            return f"video={self.device}" if sys.platform == "win32" else self.device
        if self.file is not None:
            return str(self.file)
        parts, word = urlsplit(self.url), password(self.password_env, self.password_file)
        login = f"{quote(self.user, safe='')}:{quote(word, safe='')}@" if self.user else ""
        return urlunsplit(parts._replace(netloc=login + parts.netloc))
