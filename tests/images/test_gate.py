"""The gate for encoded images: what passes, what does not and why, and that nothing raises, decodes or takes long."""

import io
import struct
import time
import tracemalloc
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.core.result import AT_THE_IMAGE, Reason
from gateway.images.ends import fault_of_bytes
from gateway.images.faults import ImageFault
from gateway.images.heads import JPEG_SEGMENTS, Head, head_of
from gateway.images.limits import ImageLimits, image_fault
from tests.images.samples import BAD, WHOLE, bmp_of, encoded, jpeg_of, png_of, text_bomb

SLOW_S = 0.05
SEEDS = [data for _, data in WHOLE.values()] + [data for data, _ in BAD.values()]


@pytest.mark.parametrize("name", WHOLE)
def test_what_pillow_writes_passes_and_its_header_says_what_pillow_says(name: str) -> None:
    kind, data = WHOLE[name]
    assert image_fault(data) is None
    head = head_of(data)
    assert isinstance(head, Head)
    with Image.open(io.BytesIO(data)) as image:
        assert (head.format, head.width, head.height) == (kind, *image.size)
        palette = image.mode == "P" or kind == "BMP"
        assert palette or head.depth == {"1": 1, "I;16": 16}.get(image.mode, 8 * len(image.getbands()))
    assert image_fault(memoryview(data)) is None


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_has_its_own_reason_and_a_text(name: str) -> None:
    data, reason = BAD[name]
    fault = image_fault(data)
    assert fault is not None
    assert fault.reason is reason
    assert str(fault)
    assert fault == image_fault(memoryview(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_no_beginning_of_an_image_passes(kind: str) -> None:
    whole = encoded(kind, "RGB", (20, 10))
    assert image_fault(whole) is None
    for length in range(len(whole)):
        fault = image_fault(whole[:length])
        assert fault is not None
        assert fault.reason is (Reason.NOT_AN_IMAGE if length else Reason.EMPTY_IMAGE)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty: 0 bytes"),
        (b"hello, world", "not a PNG, JPEG or BMP: its first bytes are 68 65 6c"),
        (encoded("TIFF"), "it is a TIFF"),
        (encoded("PNG")[:-1], "IEND"),
        (encoded("JPEG")[:-1], "FF D9"),
        (encoded("BMP", "RGB", (1, 1))[:-1], "57 of 58"),
        (b"BM\0\0\0\0", "how long"),
        (bmp_of(200, 100), "154 of 60054"),
        (png_of(25_000, 20_000), "25000 x 20000 pixels are 500.0 megapixels, more than max_megapixels = 100"),
        (png_of(0, 7), "0 x 7 pixels"),
        (png_of(7, 7, bits=16, colour=3), "16 bits of colour type 3"),
        (jpeg_of(0, 7), "0 x 7 pixels"),
        (jpeg_of(7, 7, bits=12), "12 bits"),
        (bmp_of(7, 7, packing=4), "a JPEG inside"),
        (bmp_of(-7, 7), "-7 x 7 pixels"),
        (bmp_of(7, 7, bits=5), "5 bits"),
    ],
)
def test_a_fault_says_what_it_is(data: bytes, says: str) -> None:
    assert says in str(image_fault(data))


def test_the_limits_are_the_last_that_pass() -> None:
    limits = ImageLimits(1000, 10_000)
    small = encoded("PNG", size=(100, 100))
    assert image_fault(small, limits) is None
    for data in (encoded("PNG", size=(101, 100)), encoded("PNG", size=(100, 101)), small + bytes(1001 - len(small))):
        fault = image_fault(data, limits)
        assert fault is not None
        assert fault.reason is Reason.IMAGE_TOO_LARGE
    assert limits.over_bytes(1000) is None
    assert "max_file_mb = 0.001" in str(limits.over_bytes(1001))


def test_a_bmp_from_the_top_has_its_size_and_needs_its_bytes() -> None:
    assert image_fault(bmp_of(5, -6, data=bytes(16 * 6))) is None
    assert image_fault(bmp_of(5, -6, data=bytes(16 * 6 - 1))) is not None
    assert image_fault(bmp_of(25_000, -20_000)) is not None
    old = b"BM" + struct.pack("<IIIIHHHH", 26 + 4, 0, 26, 12, 1, 1, 1, 24) + bytes(4)
    assert image_fault(old) is None


def test_the_way_to_a_jpegs_header_has_an_end() -> None:
    """A million empty segments, and a million bytes to fill up, before the header of an image that would pass."""
    header = jpeg_of(8, 8)[2:]
    for filling in (b"\xff\xfe\x00\x02", b"\xff", b"\xff\xd0"):
        assert image_fault(b"\xff\xd8" + filling * (JPEG_SEGMENTS - 2) + header) is None
        data = b"\xff\xd8" + filling * 1_000_000 + header
        began = time.perf_counter()
        assert image_fault(data) is not None
        assert time.perf_counter() - began < SLOW_S


def test_nothing_is_inflated() -> None:
    """Pillow's lazy `open` would inflate the text of the first."""
    assert image_fault(text_bomb()) is None
    bombs = [text_bomb(), png_of(10_000, 10_000), png_of(65_000, 65_000)]
    tracemalloc.start()
    try:
        for bomb in bombs:
            image_fault(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def judged_quickly(data: bytes) -> ImageFault | None:
    """What the gate says; it is quick, of our reasons, and never lets through what Pillow says is larger."""
    began = time.thread_time()  # of this thread: the machine may have others that work
    fault = image_fault(data, ImageLimits(10_000_000, 1_000_000))
    assert time.thread_time() - began < SLOW_S
    assert fault is None or (fault.reason in AT_THE_IMAGE and fault.text)
    return fault


def check_against_pillow(data: bytes) -> None:
    """Whatever the gate lets through and Pillow can open has the size that the limit was held against."""
    if judged_quickly(data) is not None:
        return
    head = head_of(data)
    assert isinstance(head, Head)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            size = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "BMP")).size
    except Exception:  # noqa: BLE001 - what Pillow thinks of a mutilated file has many names; only its size counts
        return
    assert (head.width, head.height) == size


mutations = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6)


def mutated(data: bytes, places: list[tuple[int, int]], cut: int | None) -> bytes:
    changed = bytearray(data)
    for place, value in places:
        if place < len(changed):
            changed[place] = value
    return bytes(changed if cut is None else changed[:cut])


@given(st.sampled_from(SEEDS), mutations, st.none() | st.integers(0, 400))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutilated_headers_never_raise_and_never_take_long(
    data: bytes, places: list[tuple[int, int]], cut: int | None
) -> None:
    check_against_pillow(mutated(data, places, cut))


@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff", b"BM"]), st.binary(max_size=2000))
@settings(deadline=None)
def test_whatever_follows_a_mark_never_raises(mark: bytes, rest: bytes) -> None:
    check_against_pillow(mark + rest)
    assert (fault_of_bytes(mark + rest) is None) or image_fault(mark + rest) is not None


@pytest.mark.soak
@pytest.mark.timeout(1800)
@given(st.sampled_from(SEEDS), mutations, st.none() | st.integers(0, 400))
@settings(max_examples=100_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
def test_a_hundred_thousand_mutilated_headers(data: bytes, places: list[tuple[int, int]], cut: int | None) -> None:
    check_against_pillow(mutated(data, places, cut))
