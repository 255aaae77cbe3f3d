"""What the PEKAT simulator is like, and how it misbehaves on request."""

import re
from enum import Enum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class Mode(Enum):
    """A way to misbehave. All but DELAY, HANG and TRICKLE answer at once."""

    DELAY = "delay"
    HANG = "hang"
    TRICKLE = "trickle"
    CLOSE_MID_BODY = "close_mid_body"
    STATUS_400 = "status_400"
    STATUS_401 = "status_401"
    STATUS_500 = "status_500"
    JSON_400 = "json_400"
    BAD_JSON = "bad_json"
    PROCESSING_OFF = "processing_off"
    RESULT_ABSENT = "result_absent"
    RESULT_NULL = "result_null"
    RESULT_TEXT = "result_text"
    RESULT_TRUE = "result_true"
    RESULT_FALSE = "result_false"
    FLOW_ERROR = "flow_error"
    HUGE_CONTEXT = "huge_context"
    WRONG_IMAGE_LEN = "wrong_image_len"
    NO_IMAGE = "no_image"


Judge = Literal["look", "centre"]
"""How it comes to a verdict: it looks for a part and its defects, or at nothing but the brightness in the middle."""


class Mischief(BaseModel):
    """One way to misbehave, for so many analyze and last_image requests. POST it to /sim/misbehave as JSON."""

    model_config = _STRICT

    mode: Annotated[Mode, Field(strict=False)] = Field(description="What goes wrong")
    count: int | None = Field(None, ge=0, description="For how many requests; null: until told otherwise; 0: no more")
    delay_ms: int = Field(1000, ge=0, description="DELAY: how long each answer takes more; TRICKLE: between two bytes")


class PekatSimSettings(BaseModel):
    """One simulated PEKAT project."""

    model_config = _STRICT

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0: a free one")
    project: str = Field("", description="Its name, which the context tells as globalData.project; empty: not")
    delay_ms: int = Field(0, ge=0, description="How long it thinks about each image, beyond looking at it")
    jitter_ms: int = Field(0, ge=0, description="Up to so much longer, by chance: a later image may be answered first")
    version: str = Field("4.0.3", description="What /version says; empty: 404, as before 3.18, and no shared memory")
    shares_memory: bool = Field(True, description="False: finds no block of shared memory, as in another container")
    stop_key: str = Field("", description="What /stop wants as key; empty: nothing")
    api_key: str = Field("", description="What analyzing wants as api_key; empty: nothing")
    png_only: bool = Field(False, description="Refuse JPEG and BMP, as the newer documents say")
    judge: Judge = Field(
        "look", description="How it comes to a verdict: by defects, or by the brightness in the middle"
    )
    echo_data: bool = Field(True, description="Whether the context repeats `data`; documents disagree about it")
    scratch_label: str = Field("Scratch", description="Label of elongated defects; may be any text, as `Škrábanec`")
    spot_label: str = Field("Spot", description="Label of round defects")
    classify: bool = Field(True, description="False: classNames stay empty, as from a detector alone")
    mischief: Mischief | None = Field(None, description="How it misbehaves from the start")

    @property
    def has_shared_memory(self) -> bool:
        """Whether this version knows analyze_image_shared_memory."""
        numbers = re.match(r"v?(\d+)\.(\d+)", self.version)
        return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (3, 18)
