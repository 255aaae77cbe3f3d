"""Pictures of a part, made from a seed: a bright cap on a dark ground, faultless or with scratches and spots."""

import io
import zlib
from dataclasses import dataclass
from math import cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Gray = NDArray[np.uint8]

DEMO_SIZE = (640, 480)
"""Width and height of the demo's pictures: drawn, written and judged in a few milliseconds each."""

OK_SHARE = 0.7
"""Share of faultless parts where the seed decides: a poor line, so that both verdicts are seen soon."""
DEFECTS_MAX = 3
"""Defects of a bad part where the seed decides."""
GROUND, CAP, DARK = 28, 196, 52
"""Grey values of the ground, the cap and its defects."""
NOISE = 2.0
"""Standard deviation of the sensor noise, in grey values."""


@dataclass(frozen=True, slots=True)
class Cap:
    """Where the part lies in the picture, in pixels."""

    x: float
    y: float
    radius: float


def part_image(seed: int, defects: int | None = None, size: tuple[int, int] = DEMO_SIZE) -> bytes:
    """The PNG of one part, the same for the same arguments. `defects` None: as the seed decides, 70 % without.

    `size` is (width, height) in pixels, at least 64 each. Raises ValueError for less, or for defects beyond 0..8.
    """
    out = io.BytesIO()
    Image.fromarray(part_pixels(seed, defects, size)).save(out, "PNG", compress_type=zlib.Z_HUFFMAN_ONLY)
    return out.getvalue()


def defects_of(seed: int) -> int:
    """How many defects the part of this seed has where the seed decides."""
    return _decide(np.random.default_rng(seed))


def _decide(rng: np.random.Generator) -> int:
    bad = rng.random() >= OK_SHARE
    return int(rng.integers(1, DEFECTS_MAX + 1)) if bad else 0


def part_pixels(seed: int, defects: int | None = None, size: tuple[int, int] = DEMO_SIZE) -> Gray:
    """The same picture as grey values, height x width."""
    width, height = size
    if width < 64 or height < 64 or not 0 <= (defects or 0) <= 8:
        raise ValueError(f"a part of {width} x {height} with {defects} defects cannot be drawn")
    rng = np.random.default_rng(seed)
    drawn = _decide(rng)
    cap = Cap(
        width / 2 + rng.uniform(-0.04, 0.04) * width,
        height / 2 + rng.uniform(-0.04, 0.04) * height,
        min(width, height) * rng.uniform(0.36, 0.42),
    )
    picture = _draw(cap, size, rng, drawn if defects is None else defects)
    return _with_noise(picture, rng)


def _draw(cap: Cap, size: tuple[int, int], rng: np.random.Generator, defects: int) -> Image.Image:
    picture = Image.new("L", size, GROUND)
    draw = ImageDraw.Draw(picture)
    light = CAP + int(rng.integers(-10, 11))
    for share, shade in ((1.0, light - 22), (0.93, light), (0.86, light - 10), (0.82, light)):  # rim and grooves
        radius = cap.radius * share
        draw.ellipse((cap.x - radius, cap.y - radius, cap.x + radius, cap.y + radius), fill=shade)
    turn = rng.uniform(0, 2 * pi)
    for number in range(defects):  # one sector each, so that no two of them grow together
        _defect(draw, cap, turn + 2 * pi * number / defects, rng)
    return picture


def _defect(draw: ImageDraw.ImageDraw, cap: Cap, angle: float, rng: np.random.Generator) -> None:
    away = cap.radius * rng.uniform(0.42, 0.6)
    x, y = cap.x + away * cos(angle), cap.y + away * sin(angle)
    shade = DARK + int(rng.integers(-12, 13))
    if rng.random() < 0.5:
        radius = max(cap.radius * rng.uniform(0.035, 0.07), 2.0)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)
        return
    half, lean = cap.radius * rng.uniform(0.1, 0.16), rng.uniform(0, pi)
    dx, dy = half * cos(lean), half * sin(lean)
    draw.line((x - dx, y - dy, x + dx, y + dy), fill=shade, width=max(round(cap.radius * 0.018), 2))


def _with_noise(picture: Image.Image, rng: np.random.Generator) -> Gray:
    """Light that falls off to one side, and the sensor's noise."""
    pixels = np.asarray(picture, dtype=np.float32)
    height, width = pixels.shape
    lean = (rng.uniform(-6, 6, 2) / hypot(width, height)).astype(np.float32)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * NOISE
    lit: NDArray[np.float32] = pixels + rows * lean[0] + columns * lean[1] + noise
    return np.clip(lit, 0, 255).astype(np.uint8)
