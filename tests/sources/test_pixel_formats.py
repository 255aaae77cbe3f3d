"""What becomes of a frame's pixels: each format against its packing as the standards describe it."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from gateway.sources.genicam_camera import Frame
from gateway.sources.genicam_settings import PixelFormat
from gateway.sources.pixel_formats import check_format, picture_of
from gateway.sources.pixel_layouts import LAYOUTS
from tests.sources.scripted_camera import frame

UNPACKED = {"8": 8, "10": 16, "12": 16, "16": 16}
LSB_FIRST = {"10p": 10, "12p": 12}


def packed(values: list[int], depth: str) -> bytes:
    """Pixel by pixel, bit by bit: slow, and written from the standards, not from the code."""
    if depth in UNPACKED:
        return b"".join(value.to_bytes(UNPACKED[depth] // 8, "little") for value in values)
    if depth in LSB_FIRST:  # PFNC: a stream of bits, the lowest bit of the first pixel is the lowest of the first byte
        bits = LSB_FIRST[depth]
        stream = sum(value << (bits * place) for place, value in enumerate(values))
        return stream.to_bytes(-(-bits * len(values) // 8), "little")
    low = {"10Packed": 2, "12Packed": 4}[depth]  # GigE Vision: two pixels in three bytes
    data = bytearray()
    for first, second in zip(values[::2], [*values[1::2], 0], strict=False):
        mask = (1 << low) - 1
        data += bytes([first >> low, (second & mask) << 4 | first & mask, second >> low])
    return bytes(data[: -(-12 * len(values) // 8)])


def bits_of(depth: str) -> int:
    return int(depth.removesuffix("Packed").removesuffix("p"))


def pixels(picture_data: bytes | memoryview, raw: RawFormat) -> NDArray[np.uint8]:
    return np.frombuffer(picture_data, np.uint8).reshape(raw.height, raw.width)


@given(
    st.sampled_from(["8", "10", "12", "16", "10p", "12p", "10Packed", "12Packed"]),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_grey_keeps_its_upper_8_bits(
    depth: str, width: int, height: int, padding: int, random: object, by_rows: bool
) -> None:
    bits, low = bits_of(depth), bits_of(depth) - 8
    draw = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]  # hypothesis' own Random
    rows = draw.integers(0, 1 << bits, (height, width)).tolist()
    if by_rows or padding or depth in UNPACKED:
        data = b"".join(packed(row, depth) + b"\xee" * padding for row in rows)
    else:
        data = packed([value for row in rows for value in row], depth)
    picture = picture_of(
        "p", frame(data=data, pixel_format=f"Mono{depth}", width=width, height=height, padding=padding)
    )
    assert picture.raw == RawFormat(width, height)
    assert picture.raw is not None
    assert pixels(picture.data, picture.raw).tolist() == [[value >> low for value in row] for row in rows]


MOSAIC = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


@pytest.mark.parametrize("corner", ["RG", "GR", "GB", "BG"])
@pytest.mark.parametrize("depth", ["8", "10", "12p", "12Packed"])
def test_a_mosaic_begins_with_red_and_stays_even(corner: str, depth: str) -> None:
    """The colours of 2 x 2 pixels, and of the picture the very same values at the same distance."""
    colours = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}[corner]
    low = bits_of(depth) - 8
    data = b"".join(packed([value << low for value in row], depth) for row in MOSAIC.tolist())
    picture = picture_of("p", frame(data=data, pixel_format=f"Bayer{corner}{depth}", width=8, height=6))
    assert picture.raw is not None
    assert picture.raw.bayer
    assert (picture.raw.width % 2, picture.raw.height % 2) == (0, 0)
    got = pixels(picture.data, picture.raw)
    row, column = (int(one) for one in np.argwhere(got[0, 0] == MOSAIC)[0])
    assert colours[2 * (row % 2) + column % 2] == "R"
    assert got.tolist() == MOSAIC[row : row + picture.raw.height, column : column + picture.raw.width].tolist()
    assert picture.raw.width >= 6
    assert picture.raw.height >= 4


def test_colours_are_turned_round_for_pekat_and_padding_is_left_out() -> None:
    red, green = b"\xff\x00\x01", b"\x00\xfe\x02"
    rgb = frame(data=red + green + b"pad" + green + red + b"pad", pixel_format="RGB8", width=2, height=2, padding=3)
    picture = picture_of("p", rgb)
    assert (picture.raw, bytes(picture.data)) == (
        RawFormat(2, 2, 3),
        red[::-1] + green[::-1] + green[::-1] + red[::-1],
    )
    padded = picture_of("p", frame(data=red + green + b"pad", pixel_format="BGR8Packed", width=2, padding=3))
    assert bytes(padded.data) == red + green


@pytest.mark.parametrize("pixel_format", ["Mono8", "BGR8", "BayerRG8", "BayerGB8"])
def test_what_pekat_takes_as_it_is_is_not_copied(pixel_format: str) -> None:
    channels = LAYOUTS[pixel_format].channels
    one = frame(data=bytes(range(16 * channels)), pixel_format=pixel_format, width=4, height=4)
    picture = picture_of("p", one)
    assert np.shares_memory(np.frombuffer(picture.data, np.uint8), np.frombuffer(one.data, np.uint8))


@pytest.mark.parametrize(
    ("bad", "words", "reason"),
    [
        (frame(data=b""), "0 bytes, where", Reason.BAD_IMAGE),
        (frame(data=b"", width=0), "0 bytes, where", Reason.BAD_IMAGE),
        (frame(data=b"\0\0"), "2 bytes, where", Reason.BAD_IMAGE),
        (frame(data=b"\0" * 4, width=2, height=2, pixel_format="BayerBG8"), "nothing is left", Reason.BAD_IMAGE),
        (frame(damage="3 packets are missing"), "3 packets", Reason.FRAME_INCOMPLETE),
        (frame(pixel_format="YUV422_8"), "YUV422_8", Reason.PIXEL_FORMAT),
    ],
)
def test_what_cannot_be_judged_says_why(bad: Frame, words: str, reason: Reason) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        picture_of("p", bad)
    assert caught.value.reason is reason
    assert caught.value.hint


def test_every_format_of_the_settings_has_a_layout() -> None:
    assert set(get_args(PixelFormat)) == set(LAYOUTS)
    for pixel_format in get_args(PixelFormat):
        check_format(pixel_format)
