"""Where images come from. A new source: one module with its settings, and one line in the union here."""

from typing import Annotated

from pydantic import Field

from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.genicam_settings import GenicamSettings
from gateway.sources.http_settings import HttpCameraSettings, PekatCameraSettings
from gateway.sources.playlist import PlaylistSettings
from gateway.sources.video_settings import VideoSettings

SourceSettings = Annotated[
    FileDropSettings | PlaylistSettings | HttpCameraSettings | PekatCameraSettings | GenicamSettings | VideoSettings,
    Field(discriminator="kind"),
]
