"""Frames that say when they were drawn: the monotonic clock as black and white blocks, which any encoder keeps.

Plain Python without imports of the project's own: the RTSP server's process, which is another Python, uses it too.
"""

import time

WIDTH, HEIGHT = 320, 240
COLUMNS, ROWS = 8, 4
CLOCK_BITS = 24
_BLACK, _WHITE = 30, 220


def now_ms() -> int:
    """The clock that is drawn: monotonic milliseconds, the same in every process of a machine."""
    return time.monotonic_ns() // 1_000_000


def _code(at_ms: int) -> int:
    clock = at_ms % (1 << CLOCK_BITS)
    return clock | (sum(clock.to_bytes(3, "big")) % 256) << CLOCK_BITS


def luma(at_ms: int) -> bytes:
    """The frame's brightness, a byte a pixel."""
    code, rows = _code(at_ms), []
    for row in range(ROWS):
        bits = [code >> (row * COLUMNS + column) & 1 for column in range(COLUMNS)]
        line = b"".join(bytes([_WHITE if bit else _BLACK]) * (WIDTH // COLUMNS) for bit in bits)
        rows.append(line * (HEIGHT // ROWS))
    return b"".join(rows)


def drawn_ms(data: "bytes | memoryview", channels: int, *, near_ms: int) -> int:
    """When the frame was drawn, by its blocks. Raises ValueError where they are damaged."""
    code = 0
    for bit in range(COLUMNS * ROWS):
        x = (bit % COLUMNS) * (WIDTH // COLUMNS) + WIDTH // COLUMNS // 2
        y = (bit // COLUMNS) * (HEIGHT // ROWS) + HEIGHT // ROWS // 2
        code |= (data[(y * WIDTH + x) * channels] > 128) << bit
    clock = code % (1 << CLOCK_BITS)
    if _code(clock) != code:
        raise ValueError("the blocks are damaged")
    return near_ms - (near_ms - clock) % (1 << CLOCK_BITS)
