"""Settings of the figures for Prometheus."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class MetricsSettings(BaseModel):
    """Figures for Prometheus at http://HOST:PORT/metrics. They are served where this table is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; without encryption or log-in, so another one than this machine's own is for "
        "networks that are trusted",
    )
    start: Literal["fail", "retry", "ignore"] = Field(
        "retry",
        description="Where the port cannot be had: the gateway does not start either; or it is tried again; or nothing "
        "is served",
    )
    port: int = Field(9464, ge=0, le=65535, description="TCP port; 0 takes a free one")
