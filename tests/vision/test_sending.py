"""Which way pictures go, and that they arrive as they were."""

import tracemalloc

import numpy as np
import pytest

from gateway.core.result import Reason, Verdict
from gateway.ports import Picture, RawFormat
from gateway.sim.parts import part_pixels
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.way import WaySetting
from tests.vision.judging import GOOD, order, reason_of
from tests.vision.servers import answering, http
from tests.vision.sharing import FILE, RAW, SHARED, SHM, Asked, Pekat, frame, inspector, judge, serving

pytestmark = pytest.mark.skipif(not SHM.exists(), reason="shared memory is no folder here")


async def test_frames_go_through_shared_memory_once_the_check_has_asked_for_the_version() -> None:
    pekat = Pekat()
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            assert (await judge(part)).verdict is Verdict.OK
            await part.check()
            for good in (True, False, True):
                picture = frame(good, 3)
                assert (await judge(part, picture)).verdict is (Verdict.OK if good else Verdict.NOK)
                assert pekat.asked[-1].seen == bytes(picture.data[:16])
            heads = [head for head in server.heads if head.startswith(b"POST /analyze_image_shared")]
    assert pekat.paths() == [RAW, SHARED, SHARED, SHARED]
    assert len({asked.name for asked in pekat.asked[1:]}) == 1, "the block is used again while the frame stays as big"
    shared = pekat.asked[1]
    assert (shared.body, shared.query["width"], shared.query["height"]) == (b"", ["320"], ["256"])
    assert shared.query["response_type"] == ["context"]
    assert shared.query["data"] == ["P-1"]
    assert all(b"content-length: 0\r\n" in head.lower() + b"\r\n" for head in heads)
    assert not any(b"content-type" in head.lower() for head in heads)


async def test_a_block_has_exactly_the_frames_size_whatever_came_before() -> None:
    """PEKAT counts the channels by the block's size."""
    sizes: list[int] = []

    def weigh(asked: Asked) -> None:
        sizes.append((SHM / asked.name).stat().st_size)

    pekat = Pekat(shared=weigh)
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            await part.check()
            for channels, width in ((3, 320), (1, 320), (3, 320), (1, 319), (3, 640)):
                await judge(part, frame(True, channels, width=width))
    assert sizes == [3 * 320 * 256, 320 * 256, 3 * 320 * 256, 319 * 256, 3 * 640 * 256]


async def test_files_bayer_and_small_frames_never_go_through_shared_memory() -> None:
    pekat = Pekat()
    bayer = Picture("bayer", b"\1" * (320 * 256), RawFormat(320, 256, bayer=True))
    with serving(pekat) as server:
        async with inspector(server.url, "shared_memory") as part:
            await judge(part, Picture("part.png", b"\1file"))
            await judge(part, bayer)
            await judge(part, frame(width=64, height=64))
    assert pekat.paths() == [FILE, RAW, RAW]
    assert pekat.asked[0].body == b"\1file"
    assert pekat.asked[1].query["bayer"] == [""]


@pytest.mark.parametrize(
    ("way", "version", "path"),
    [
        ("auto", "3.18.0", SHARED),
        ("auto", "3.17.9", RAW),
        ("auto", "", RAW),
        ("auto", "<html>", RAW),
        ("http", "4.0.3", RAW),
        ("png", "4.0.3", FILE),
        ("shared_memory", "", SHARED),
    ],
)
async def test_the_way_by_configuration_and_version(way: WaySetting, version: str, path: str) -> None:
    pekat = Pekat(version)
    with serving(pekat) as server:
        async with inspector(server.url, way) as part:
            await part.check()
            await judge(part)
            await part.check()
    assert pekat.paths() == [path]
    assert pekat.versions == {("auto", "3.18.0"): 2, ("auto", ""): 1}.get((way, version), 1 if way == "auto" else 0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("way", ["auto", "http", "png"])
async def test_every_way_gives_the_same_judgement(way: WaySetting, channels: int) -> None:
    for defects in (0, 2):
        pixels = part_pixels(4, defects)
        pixels = np.dstack([pixels] * 3) if channels == 3 else pixels
        picture = Picture("frame", pixels.data.cast("B"), RawFormat(pixels.shape[1], pixels.shape[0], channels))
        async with PekatSimulator() as pekat, inspector(pekat.url, way) as part:
            await part.check()
            judgement = await judge(part, picture)
            assert (judgement.verdict, len(judgement.detections)) == (Verdict.NOK if defects else Verdict.OK, defects)


async def test_png_keeps_every_pixel() -> None:
    async with PekatSimulator(PekatSimSettings(port=0)) as pekat:
        recipe = RecipeSettings(number=1, name="seen", url=pekat.url, response_type="image")
        colours = np.random.default_rng(3).integers(0, 256, (77, 131, 3), np.uint8)
        for picture in (colours, colours[:, :, 0].copy()):
            images = []
            for way in ("png", "http"):
                raw = RawFormat(131, 77, 3 if picture.ndim == 3 else 1)
                async with PekatSettings(way=way).create("station1", [recipe], []) as part:
                    await judge(part, Picture("frame", picture.data.cast("B"), raw))
                    images.append(part.drawn(order().inspection_id))
            assert images[0] is not None
            assert images[0] == images[1]


async def test_a_frame_of_the_wrong_length_is_bad_whatever_the_way() -> None:
    with serving(Pekat()) as server:
        for way in ("auto", "png", "shared_memory"):
            async with inspector(server.url, way) as part:
                bad = Picture("frame", b"1234567", RawFormat(320, 256))
                assert await reason_of(judge(part, bad)) is Reason.BAD_IMAGE


@pytest.mark.parametrize("way", ["http", "shared_memory"])
async def test_no_copy_of_a_frame_is_made_but_the_one_into_shared_memory(way: WaySetting) -> None:
    """That one is not on Python's heap; what the server takes in at a time is, as it runs in this process."""
    picture = frame(width=4096, height=3072)
    with answering(http()) as server:
        async with inspector(server.url, way) as part:
            await judge(part, picture)
            tracemalloc.start()
            try:
                await judge(part, picture)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert peak < len(picture.data) / 4


async def test_pixels_that_do_not_lie_together_are_an_error_and_leave_no_block() -> None:
    """No source hands such out; the block must not stay where one does (the fixture looks)."""
    scattered = memoryview(bytes(2 * 320 * 256))[::2]
    with serving(Pekat()) as server:
        async with inspector(server.url, "shared_memory") as part:
            with pytest.raises((BufferError, ValueError)):
                await judge(part, Picture("frame", scattered, RawFormat(320, 256)))
            assert (await judge(part)).verdict is Verdict.OK


async def test_without_room_in_shared_memory_frames_go_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.vision.shared_memory_linux.FOLDER", SHM / "no such folder")
    pekat = Pekat()
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            await part.check()
            assert (await judge(part)).verdict is Verdict.OK
    assert pekat.paths() == [RAW]


async def test_a_file_is_sent_as_it_is_beside_frames() -> None:
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        await part.check()
        assert (await judge(part, Picture("part.png", GOOD))).verdict is Verdict.OK
