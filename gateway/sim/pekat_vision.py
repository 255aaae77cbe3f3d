"""What the PEKAT simulator sees: dark scratches and spots on a bright part. numpy only, and bounded for any picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, degrees, sqrt

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Mask = NDArray[np.bool_]

GRID = 240
"""Cells along the longer side of the grid in which blobs are found: bounds the work for a picture of pure noise."""
CONTRAST = 40
"""Grey values between ground and part, below which nothing is taken for a part."""
DARK_AND_BRIGHT = (2, 98)
"""Percentiles taken for the ground's and the part's grey value: a part that fills 2 % of the picture is found."""
SMALLEST = 3
"""Pixels of a blob at least; less is the sensor's noise."""
DARK_CENTRE = 0.5
ELONGATED = 2.5
"""Length over width from which a blob is a scratch."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A dark blob inside the part, in pixels of the picture. `rotate` in degrees, `darkness` 0..1."""

    x: float
    y: float
    width: float
    height: float
    area: float
    rotate: float
    elongation: float
    darkness: float

    @property
    def is_scratch(self) -> bool:
        return self.elongation >= ELONGATED


@dataclass(frozen=True, slots=True)
class Sight:
    """What is in a picture: whether there is a part at all, and its dark blobs, the darkest first."""

    part: bool
    blobs: tuple[Blob, ...] = ()
    darkness: float | None = None
    """Of the picture's middle, 0 white to 1 black, where nothing else was looked at."""


def look(gray: Gray) -> Sight:
    """Find the part and what is dark inside it. Dark regions that reach the picture's edge are the ground."""
    sample = gray[:: max(gray.shape[0] // GRID, 1), :: max(gray.shape[1] // GRID, 1)]
    ground, part = (float(value) for value in np.percentile(sample, DARK_AND_BRIGHT))
    if part - ground < CONTRAST:
        return Sight(part=False)
    limit = (ground + part) / 2
    cell = max(-(-max(gray.shape) // GRID), 1)
    dark = gray < limit
    blobs = [_measure(gray, dark, box, cell, limit - ground) for box in _components(_coarse(dark, cell))]
    found = [blob for blob in blobs if blob is not None]
    return Sight(part=True, blobs=tuple(sorted(found, key=lambda blob: (-blob.darkness, blob.x, blob.y))))


def look_at_centre(gray: Gray) -> Sight:
    """One spot where the middle of the picture is darker than half; whoever knows the picture knows the answer."""
    y, x = gray.shape[0] // 2, gray.shape[1] // 2
    darkness = 1 - float(gray[y, x]) / 255
    spot = Blob(float(x), float(y), 1.0, 1.0, 1.0, 0.0, 1.0, darkness)
    return Sight(True, (spot,) if darkness > DARK_CENTRE else (), darkness)


def _coarse(dark: Mask, cell: int) -> Mask:
    """The mask in cells: dark where any of its pixels is, so that thin scratches survive."""
    if cell == 1:
        return dark
    height, width = (-(-side // cell) * cell for side in dark.shape)
    padded = np.zeros((height, width), dtype=np.bool_)
    padded[: dark.shape[0], : dark.shape[1]] = dark
    blocks = padded.reshape(height // cell, cell, width // cell, cell)
    return np.asarray(blocks.any(axis=(1, 3)), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring dark cells of one row: columns `start` to before `stop`."""

    row: int
    start: int
    stop: int


Box = tuple[int, int, int, int]
"""Rows and columns in cells: top, left, bottom, right, the last two exclusive."""


def _components(mask: Mask) -> Iterator[Box]:
    """The boxes of the connected regions (eight neighbours) that do not touch the edge."""
    runs = list(_runs(mask))
    parent = list(range(len(runs)))
    above = 0
    for index, run in enumerate(runs):
        while above < index and runs[above].row < run.row - 1:
            above += 1
        for other in range(above, index):
            candidate = runs[other]
            if candidate.row == run.row or candidate.start > run.stop:
                break
            if candidate.stop >= run.start:
                parent[_root(parent, other)] = _root(parent, index)
    boxes: dict[int, list[_Run]] = {}
    for index, run in enumerate(runs):
        boxes.setdefault(_root(parent, index), []).append(run)
    height, width = mask.shape
    for members in boxes.values():
        top, bottom = members[0].row, members[-1].row + 1
        left, right = min(run.start for run in members), max(run.stop for run in members)
        if top > 0 and left > 0 and bottom < height and right < width:
            yield top, left, bottom, right


def _runs(mask: Mask) -> Iterator[_Run]:
    """All runs, by rows from the top and from the left within a row."""
    edged = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    edged[:, 1:-1] = mask
    change = np.diff(edged, axis=1)
    rows, starts = np.nonzero(change == 1)
    stops = np.nonzero(change == -1)[1]
    for row, start, stop in zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True):
        yield _Run(row, start, stop)


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def _measure(gray: Gray, dark: Mask, box: Box, cell: int, depth: float) -> Blob | None:
    """Measure a region in full resolution. None where it is too small to be more than noise."""
    top, left, bottom, right = (side * cell for side in box)
    rows, columns = np.nonzero(dark[top:bottom, left:right])
    if len(rows) < SMALLEST:
        return None
    limit = float(gray[top:bottom, left:right][rows, columns].mean())
    edge = float(gray[top:bottom, left:right].max())
    major, minor, angle = _axes(rows, columns)
    return Blob(
        x=left + float(columns.min()),
        y=top + float(rows.min()),
        width=float(columns.max() - columns.min() + 1),
        height=float(rows.max() - rows.min() + 1),
        area=float(len(rows)),
        rotate=angle,
        elongation=major / minor,
        darkness=min(max((edge - limit) / (4 * depth), 0.0), 1.0),
    )


def _axes(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[float, float, float]:
    """(major, minor, angle in degrees) of the ellipse with the same moments; no axis is below half a pixel."""
    x, y = columns - columns.mean(), rows - rows.mean()
    xx, yy, xy = float((x * x).mean()), float((y * y).mean()), float((x * y).mean())
    spread = sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    middle = (xx + yy) / 2
    major, minor = sqrt(max(middle + spread, 0.25)), sqrt(max(middle - spread, 0.25))
    return major, minor, degrees(atan2(2 * xy, xx - yy) / 2)
