"""Which way pictures go, and what becomes of the way: found out, refused, lost, found again."""

import logging
from collections.abc import Awaitable

import numpy as np
import pytest

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason, Verdict
from gateway.ports import Picture, RawFormat
from gateway.sim.parts import part_pixels
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.vision.inspector import PekatInspector
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.way import WaySetting
from tests.vision.judging import GOOD, order, reason_of, until
from tests.vision.servers import free_port, http
from tests.vision.sharing import FILE, RAW, SHARED, SHM, Asked, Pekat, frame, not_found, serving

pytestmark = pytest.mark.skipif(not SHM.exists(), reason="shared memory is no folder here")


def inspector(url: str, way: WaySetting = "auto") -> PekatInspector:
    return PekatSettings(way=way).create("station1", [RecipeSettings(number=1, name="part", url=url)], [])


def judge(part: PekatInspector, picture: Picture | None = None, seconds: float = 5.0) -> Awaitable[Judgement]:
    return part.inspect(picture or frame(), order(seconds))


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


@pytest.mark.parametrize(
    "text",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: '/NAME'",
        "File \"server.py\", line 7\nPermissionError: [Errno 13] Permission denied: '/NAME'\n",
        "FileNotFoundError: [WinError 2] Systém nemůže nalézt uvedený soubor: 'NAME'",
        '{"error": "[Errno 2] No such file or directory: \\"/NAME\\""}',
        "<p>[Errno 2] No such file or directory: &#39;/NAME&#39;</p>",
    ],
)
async def test_how_a_server_may_say_that_it_cannot_attach(text: str) -> None:
    pekat = Pekat(shared=lambda asked: http(text.replace("NAME", asked.name).encode(), "400 Bad Request"))
    with serving(pekat) as server:
        async with inspector(server.url, "shared_memory") as part:
            assert (await judge(part)).verdict is Verdict.OK
    assert pekat.paths() == [SHARED, RAW]


async def test_where_the_block_cannot_be_attached_the_same_frame_goes_over_http(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pekat = Pekat(shared=not_found)
    with serving(pekat) as server, caplog.at_level(logging.INFO):
        async with inspector(server.url) as part:
            await part.check()
            judgement = await judge(part, frame(False))
            assert judgement.verdict is Verdict.NOK
            assert pekat.paths() == [SHARED, RAW]
            await judge(part)
            await part.check()
            await judge(part)
            assert pekat.paths() == [SHARED, RAW, RAW, RAW], "the way is remembered"
            pekat.version = "4.0.4"
            await part.check()
            await judge(part)
    assert pekat.paths()[4:] == [SHARED, RAW], "another version is tried again"
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert "cannot attach" in warnings[0]


async def test_a_pekat_that_goes_down_between_the_two_requests_is_offline() -> None:
    """The second request is one of its own: that the first was answered says nothing of it."""
    pekat = Pekat(shared=not_found, down=True)
    with serving(pekat) as server:
        async with inspector(server.url, "shared_memory") as part:
            assert await reason_of(judge(part)) is Reason.INSPECTOR_OFFLINE


async def test_the_simulator_in_another_container() -> None:
    async with PekatSimulator(PekatSimSettings(port=0, shares_memory=False)) as pekat, inspector(pekat.url) as part:
        await part.check()
        pixels = part_pixels(4, 1)
        picture = Picture("frame", pixels.data.cast("B"), RawFormat(pixels.shape[1], pixels.shape[0]))
        assert (await judge(part, picture)).verdict is Verdict.NOK
        assert pekat.analysed == 1, "inspected once"


async def test_an_old_pekat_that_is_told_to_share_memory_gets_the_frame_over_http() -> None:
    async with (
        PekatSimulator(PekatSimSettings(port=0, version="")) as pekat,
        inspector(pekat.url, "shared_memory") as p,
    ):
        assert (await judge(p, Picture("f", bytes(part_pixels(1, 0)), RawFormat(640, 480)))).verdict is Verdict.OK
        assert pekat.analysed == 1


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("500 Internal Server Error", "Internal Server Error"),
        ("400 Bad Request", "cv2.error"),
        ("500 Internal Server Error", "flow failed: POST /analyze_image_shared_memory?name=NAME"),
        ("500 Internal Server Error", "[Errno 2] No such file or directory: model.onnx"),
        ("500 Internal Server Error", "FileNotFoundError: model.onnx, POST /analyze_image_shared_memory?name=NAME"),
    ],
)
async def test_a_refusal_that_may_have_another_reason_is_never_asked_again(status: str, text: str) -> None:
    """It may have been inspected: no part is inspected twice. As long as it has never worked, the next goes by HTTP."""
    pekat = Pekat(shared=lambda asked: http(text.replace("NAME", asked.name).encode(), status))
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            await part.check()
            assert (await judge(part)).verdict is Verdict.NO_DECISION
            assert pekat.paths() == [SHARED]
            assert (await judge(part)).verdict is Verdict.OK
    assert pekat.paths() == [SHARED, RAW]


async def test_once_shared_memory_has_worked_a_refused_frame_changes_nothing() -> None:
    answers: list[bytes | None] = [None, http(b"cv2.error", "400 Bad Request"), None]
    pekat = Pekat(shared=lambda _: answers.pop(0))
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            await part.check()
            verdicts = [(await judge(part)).verdict for _ in range(3)]
    assert verdicts == [Verdict.OK, Verdict.NO_DECISION, Verdict.OK]
    assert pekat.paths() == [SHARED] * 3
    assert pekat.asked[0].name == pekat.asked[1].name != pekat.asked[2].name, "a refused request's block is given up"


async def test_a_refused_key_says_nothing_of_shared_memory() -> None:
    answers: list[bytes | None] = [http(b"Unauthorized", "401 Unauthorized"), None]
    pekat = Pekat(shared=lambda _: answers.pop(0))
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            await part.check()
            assert (await judge(part)).reason is Reason.UNAUTHORISED
            assert (await judge(part)).verdict is Verdict.OK
    assert pekat.paths() == [SHARED] * 2


async def test_a_pekat_that_falls_over_shared_memory_gets_no_third_frame_through_it() -> None:
    """It dies of the first frame, each time it is started again: the line must come up all the same."""
    pekat = Pekat(shared=lambda _: b"")
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            for _ in range(3):
                await part.check()
                await reason_of(judge(part))
            assert pekat.paths() == [SHARED, SHARED, RAW]
            await part.check()
            assert (await judge(part)).verdict is Verdict.OK
            pekat.version, pekat.shared = "4.1.0", lambda _: None
            await part.check()
            await judge(part)
    assert pekat.paths()[4:] == [SHARED], "another version may be better"


async def test_a_pekat_that_hangs_over_shared_memory_gets_no_third_frame_through_it() -> None:
    def hang(_: Asked) -> bytes:
        server.left.wait(2)
        return b""

    pekat = Pekat(shared=hang)
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            await part.check()
            for _ in range(2):
                assert await reason_of(judge(part, seconds=0.15)) is Reason.TIMEOUT
            await until(lambda: str(part._sender.ways.to(server.url)).startswith("raw HTTP"))
            assert (await judge(part)).verdict is Verdict.OK
            server.left.set()
    assert pekat.paths().count(RAW) == 1


async def test_after_pekat_was_away_the_way_is_found_again() -> None:
    port = free_port()
    async with inspector(f"http://127.0.0.1:{port}") as part:
        for version, path in (("3.17.0", RAW), ("4.0.3", SHARED), ("", RAW), ("4.0.3", SHARED)):
            settings = PekatSimSettings(port=port, version=version)
            async with PekatSimulator(settings):
                await part.check()
                ways = str(part._sender.ways.to(f"http://127.0.0.1:{port}"))
                assert ways.startswith("shared memory" if path == SHARED else "raw HTTP")
                pixels = part_pixels(1, 0)
                assert (await judge(part, Picture("f", bytes(pixels), RawFormat(640, 480)))).verdict is Verdict.OK
            with pytest.raises(InspectorError):
                await part.check()


async def test_without_room_in_shared_memory_frames_go_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.vision.shared_memory.FOLDER", SHM / "no such folder")
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
