"""The part image of the benchmarks: 1920 x 1200, mono, PNG of about 0.9 MB, as a camera's software writes it."""

import io
import os
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 1920, 1200
NOISE = 1.2
"""Standard deviation in grey levels of the sensor noise; it is what makes the PNG 0.9 MB."""


@cache
def part_png() -> bytes:
    """The same bytes in every run."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    scene = 120 + 60 * np.sin(x / 310) * np.cos(y / 270) + 20 * ((x - 900) ** 2 + (y - 600) ** 2 < 400**2)
    pixels = np.clip(scene + random.normal(0, NOISE, scene.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", compress_level=6)
    return out.getvalue()


class Camera:
    """Puts pictures into a drop folder the way that never shows half a file: written beside it, renamed in."""

    def __init__(self, folder: Path, picture: bytes | None = None) -> None:
        self.folder = folder
        self._staging = folder.parent / f"{folder.name}.staging"
        self._picture = picture if picture is not None else part_png()
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(exist_ok=True)

    def expose(self) -> Path:
        """Write the next picture, ready to be dropped."""
        self._number += 1
        staged = self._staging / f"part{self._number:06d}.png"
        staged.write_bytes(self._picture)
        return staged

    def drop(self, staged: Path) -> Path:
        """Put it into the folder, in one step."""
        target = self.folder / staged.name
        os.replace(staged, target)
        return target

    def clear(self) -> None:
        """Take away what was left over."""
        for file in self.folder.glob("*.png"):
            file.unlink(missing_ok=True)
