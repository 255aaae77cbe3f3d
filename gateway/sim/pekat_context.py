"""The context and the images that the PEKAT simulator answers with, in the shapes of PEKAT 4.0."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from gateway.sim.pekat_settings import Judge, Mode, PekatSimSettings
from gateway.sim.pekat_vision import Blob, Gray, Sight, look, look_at_centre

Context = dict[str, Any]

MODULE_ID, MODEL_ID = 3, 2
FIRST_ID = 1_604_385_708_721_000
"""PEKAT's ids exceed 32 bits; whoever puts one into a register is found out here."""
CLASS_STEP = 1 << 42
"""Class ids are local_id * 2**42 + module id."""
HUGE_TEXT = 70_000
"""Bytes that make a context too long for a header of 65,536 bytes."""

SCRATCH, SPOT, MISSING = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysed image: what was seen, and what to answer about it. `seconds` is how long it took."""

    pixels: Image.Image
    sight: Sight
    data: str | None
    seconds: float

    @classmethod
    def of(cls, picture: Image.Image, data: str | None, seconds: float = 0.0, judge: Judge = "look") -> "Analysis":
        gray: Gray = np.asarray(picture.convert("L"))
        return cls(picture, look(gray) if judge == "look" else look_at_centre(gray), data, seconds)

    @property
    def good(self) -> bool:
        return self.sight.part and not self.sight.blobs


def context_of(analysis: Analysis, settings: PekatSimSettings, mode: Mode | None = None) -> Context:
    """The context, and with it the verdict: `result` follows from the pixels, unless `mode` falsifies it."""
    width, height = analysis.pixels.size
    bare: Context = {
        "error": False,
        "imageShape": {"height": height, "width": width},
        "processing": mode is not Mode.PROCESSING_OFF,
        "processingTime": round(analysis.seconds, 4),
        "save": False,
    }
    if mode is Mode.PROCESSING_OFF:
        return bare
    context = {
        **bare,
        "errors": [],
        "completeTime": round(analysis.seconds + 0.0005, 4),
        "production_mode": True,
        "operatorInput": {},
        "globalData": {"project": settings.project} if settings.project else {},
        "stdout": "",
        "stderr": "",
        "score": _score(analysis.sight),
        "threshold": 0.1,
        "surfaceClasses": [],
        "angle": None,
        "lines": [],
        "measurement": {"defect_area": sum(blob.area for blob in analysis.sight.blobs)},
        "detectedRectangles": _rectangles(analysis, settings),
        "result": analysis.good,
    }
    if settings.echo_data and analysis.data is not None:
        context["data"] = analysis.data
    return _falsified(context, mode)


def _falsified(context: Context, mode: Mode | None) -> Context:
    match mode:
        case Mode.RESULT_ABSENT:
            del context["result"]
        case Mode.RESULT_NULL:
            context["result"] = None
        case Mode.RESULT_TEXT:
            context["result"] = "ok"
        case Mode.RESULT_TRUE | Mode.RESULT_FALSE:
            context["result"] = mode is Mode.RESULT_TRUE
        case Mode.FLOW_ERROR:
            context |= {"error": True, "errors": ["Code: name 'foo' is not defined"], "stderr": "NameError"}
        case Mode.HUGE_CONTEXT:
            context["stdout"] = "x" * HUGE_TEXT
        case _:
            pass
    return context


def _score(sight: Sight) -> float:
    if sight.darkness is not None:
        return round(sight.darkness, 4)
    return round(max((blob.darkness for blob in sight.blobs), default=0.0), 4)


def _rectangles(analysis: Analysis, settings: PekatSimSettings) -> list[Context]:
    if not analysis.sight.part:
        width, height = analysis.pixels.size
        nothing = Blob(0.0, 0.0, width, height, width * height, 0.0, 1.0, 0.5)
        return [_rectangle(0, nothing, [(MISSING, "Missing part")])]
    names = [(SCRATCH, settings.scratch_label), (SPOT, settings.spot_label)]
    return [
        _rectangle(index, blob, (names if blob.is_scratch else names[::-1]) if settings.classify else [])
        for index, blob in enumerate(analysis.sight.blobs)
    ]


def _rectangle(index: int, blob: Blob, names: list[tuple[int, str]]) -> Context:
    """One detection. All candidate classes are listed; the first one is the winner."""
    sure = round(0.6 + 0.39 * blob.darkness, 4)
    return {
        "id": FIRST_ID + index,
        "x": blob.x + 0.5,
        "y": blob.y,
        "width": blob.width,
        "height": blob.height,
        "rotate": round(blob.rotate, 2),
        "area": blob.area,
        "confidence": sure,
        "classNames": [
            {"id": local * CLASS_STEP + MODULE_ID, "label": label, "confidence": sure if place == 0 else 1 - sure}
            for place, (local, label) in enumerate(names)
        ],
        "source": {"modelId": MODEL_ID, "moduleId": MODULE_ID, "type": "DETECTOR"},
    }


def image_of(analysis: Analysis, response_type: str) -> bytes:
    """The PNG for a response type: the image, with the findings drawn in, or as a heatmap of its own."""
    picture = analysis.pixels
    if response_type == "annotated_image":
        picture = picture.convert("RGB")
        draw = ImageDraw.Draw(picture)
        for blob in analysis.sight.blobs:
            draw.rectangle((blob.x, blob.y, blob.x + blob.width, blob.y + blob.height), outline="red", width=2)
    elif response_type == "heatmap":
        picture = Image.new("RGB", picture.size)
        draw = ImageDraw.Draw(picture)
        for blob in analysis.sight.blobs:
            heat = round(255 * blob.darkness)
            draw.ellipse((blob.x, blob.y, blob.x + blob.width, blob.y + blob.height), fill=(heat, 0, 255 - heat))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()
