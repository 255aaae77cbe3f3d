"""The settings of cameras that are asked over HTTP."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.images.limits import ImageLimits
from gateway.sources.login import password
from gateway.sources.size_limits import (
    DEFAULT_FILE_MB,
    DEFAULT_MEGAPIXELS,
    MaxFileMb,
    MaxMegapixels,
    limits_of,
    limits_text,
)

if TYPE_CHECKING:
    from gateway.sources.http_camera import HttpCamera

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Asked(BaseModel):
    """What both kinds have: how long a picture may take, and how large it may be."""

    model_config = _STRICT

    connect_timeout_ms: int = Field(1000, ge=10, le=60_000, description="Longest wait for the connection.")
    read_timeout_ms: int = Field(
        1000,
        ge=10,
        le=60_000,
        description="Longest silence before and within a picture. The inspection's own time limits the whole.",
    )
    max_file_mb: MaxFileMb = DEFAULT_FILE_MB
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS

    @property
    def limits(self) -> ImageLimits:
        """How large a picture may be."""
        return limits_of(self.max_file_mb, self.max_megapixels)


class HttpCameraSettings(_Asked):
    """Takes each trigger's image from an IP camera's snapshot URL, asked for after the trigger."""

    kind: Literal["http_camera"] = Field("http_camera", description="This kind of source.")
    url: str = Field(description="The snapshot URL, as http://192.168.0.20/snapshot.jpg")
    auth: Literal["none", "basic", "digest"] = Field(
        "none", description="How to log in; basic sends the password readable to whoever listens."
    )
    user: str = Field("", max_length=200, description="User name, with auth = basic or digest.")
    password_env: str = Field("", description="Environment variable with the password.")
    password_file: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="File with the password, instead of password_env."
    )
    ca_file: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="https: PEM file with the certificate that signed the camera's; without it a public one must."
    )
    verify_tls: bool = Field(True, description="https: false takes any certificate, and anybody for the camera.")
    same_again: Literal["accept", "refuse"] = Field(
        "accept",
        description="A picture with the very bytes of the one before. No sensor repeats itself: refuse finds a camera "
        "that shows a stored picture.",
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        return checked_url(url, ("http", "https"))

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        given = bool(self.password_env) + (self.password_file is not None)
        if self.auth == "none" and (self.user or given):
            raise ValueError('a user or password is given, but auth is "none": write "basic" or "digest"')
        if self.auth != "none" and (not self.user or given != 1):
            raise ValueError(f'auth = "{self.auth}" needs user, and one of password_env and password_file')
        return self

    def password(self) -> str:
        """The password, "" without a login. Raises ConfigError where it cannot be had."""
        return password(self.password_env, self.password_file)

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        return f"{self.kind} {without_query(self.url)}, log-in {self.auth}, {limits_text(self.limits)}"

    def create(self, station_name: str) -> "HttpCamera":
        """The source; nothing runs yet. Raises ConfigError where the password cannot be had."""
        from gateway.sources.http_camera import HttpCamera, snapshot_asker

        return HttpCamera(station_name, snapshot_asker(self), refuse_same=self.same_again == "refuse")


class PekatCameraSettings(_Asked):
    """Takes the newest image of a PEKAT project that grabs by itself. It cannot be matched to a trigger."""

    kind: Literal["pekat_camera"] = Field("pekat_camera", description="This kind of source.")
    url: str = Field(description="The PEKAT project whose camera is used, as http://127.0.0.1:8000")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        return checked_url(url, ("http",))

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        unsure = "the newest image, whichever part it shows; it cannot be matched to a trigger"
        return f"{self.kind} {self.url}: {unsure}; {limits_text(self.limits)}"

    def create(self, station_name: str) -> "HttpCamera":
        """The source; nothing runs yet."""
        from gateway.sources.http_camera import HttpCamera, last_image_asker

        return HttpCamera(station_name, last_image_asker(self), refuse_same=True)


def checked_url(url: str, schemes: tuple[str, ...], path: str = "snapshot.jpg") -> str:
    """The URL. Raises ValueError for one of another scheme, without a host, or with a login in it."""
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname or parts.fragment:
        raise ValueError(f"must be like {schemes[0]}://192.168.0.20/{path}")
    if "@" in parts.netloc:
        raise ValueError("must hold no login: user and password have keys of their own")
    if parts.port is not None and not 0 < parts.port < 65536:  # reading the port raises where it is no number
        raise ValueError("has no valid port")
    return url


def without_query(url: str) -> str:
    """The URL for people and logs: its query may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
