"""What the conversion of a frame of 5 megapixels costs: the milliseconds in docs/cameras.md.

`python -m benchmarks.pixel_formats` prints them; who changes the converter copies them to gateway/cli/pixel_docs.py.
"""

import statistics
import time

import numpy as np

from gateway.sources.genicam_camera import Frame
from gateway.sources.pixel_formats import picture_of
from gateway.sources.pixel_layouts import DEPTHS, LAYOUTS

WIDTH, HEIGHT = 2448, 2048
ROUNDS = 21


def milliseconds(pixel_format: str) -> float:
    """The processor's time for one frame, the median of some."""
    size = WIDTH * HEIGHT * LAYOUTS[pixel_format].pixel_bits // 8
    frame = Frame(1, WIDTH, HEIGHT, pixel_format, 0, np.random.default_rng(7).bytes(size))
    took = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        picture_of("bench", frame)
        took.append((time.thread_time_ns() - began) / 1e6)
    return statistics.median(took)


def main() -> None:
    """A line for each format of the table."""
    names = [f"Mono{depth}" for depth in DEPTHS] + ["Mono16", "BGR8", "RGB8"] + [f"BayerRG{depth}" for depth in DEPTHS]
    for name in names:
        print(f"{name:16} {milliseconds(name):6.1f} ms")


if __name__ == "__main__":
    main()
