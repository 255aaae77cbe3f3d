"""The table of pixel formats in the documents, from what the converter does."""

from collections.abc import Callable

from gateway.sources.pixel_layouts import CORNERS, DEPTHS, LAYOUTS, Layout

MILLISECONDS = {"Mono16": "1", "RGB8": "5"}
"""As `python -m benchmarks.pixel_formats` measures them with 2448 x 2048 pixels on one core of a virtual machine; by
name, else by what the pixels are made of.
"""
BY_DEPTH = {"8": "0", "10": "1", "12": "1", "10p": "7", "12p": "5", "10Packed": "2", "12Packed": "2"}


def pixel_formats() -> str:
    """Each format: its bytes on the way, what PEKAT gets, and what that costs."""
    rows = [_row(f"Mono{depth}", depth) for depth in DEPTHS]
    rows += [_row(name, "8") for name in ("Mono16", "BGR8", "RGB8")]
    rows += [_row(f"Bayer..{depth}", depth, LAYOUTS[f"BayerRG{depth}"]) for depth in DEPTHS]
    head = "| Format | Bits on the way | PEKAT gets | Copies | ms for 5 megapixels |\n|---|---|---|---|---|\n"
    return head + "".join(rows)


def _row(name: str, depth: str, layout: Layout | None = None) -> str:
    layout = layout or LAYOUTS[name]
    copies = 1 if layout.unpack or layout.reverse else 0
    took = MILLISECONDS.get(name, BY_DEPTH[depth])
    return f"| `{name}` | {layout.pixel_bits} | {_gets(layout)} | {copies} | {took} |\n"


def _gets(layout: Layout) -> str:
    what = "BGR" if layout.channels == 3 else "the Bayer mosaic" if layout.bayer else "grey"
    return what + (", the upper 8 bits" if layout.unpack else "")


def bayer_corners() -> str:
    """What is cut off each Bayer mosaic."""
    head = "| Mosaic | Cut off | Copies of 8-bit values |\n|---|---|---|\n"
    return head + "".join(
        f"| `Bayer{corner}..` | {_cut(left, top)} | {1 if left else 0} |\n" for corner, (left, top) in CORNERS.items()
    )


def _cut(left: int, top: int) -> str:
    parts = [f"the first and last {what}" for what, cut in (("column", left), ("row", top)) if cut]
    return " and ".join(parts) or "nothing"


TABLES: dict[str, Callable[[], str]] = {"pixel-formats": pixel_formats, "bayer-corners": bayer_corners}
