"""What becomes of the way where shared memory is refused, never answered, or its PEKAT lost and found again."""

import asyncio
import logging
import threading

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import InspectorError
from gateway.core.result import Reason, Verdict
from gateway.ports import Picture, RawFormat
from gateway.sim.parts import part_pixels
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import reason_of, until
from tests.vision.servers import http
from tests.vision.sharing import RAW, SHARED, SHM, Asked, Pekat, frame, inspector, judge, not_found, serving

pytestmark = pytest.mark.skipif(not SHM.exists(), reason="shared memory is no folder here")


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


async def test_several_frames_under_way_are_refused_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    together = threading.Barrier(3)

    def refuse(asked: Asked) -> bytes:
        together.wait(5)
        return not_found(asked)

    pekat = Pekat(shared=refuse)
    with serving(pekat) as server:
        recipe = RecipeSettings(number=1, name="part", url=server.url)
        async with PekatSettings(way="shared_memory", workers=3).create("station1", [recipe], []) as part:
            judgements = await asyncio.gather(*(judge(part) for _ in range(3)))
    assert [judgement.verdict for judgement in judgements] == [Verdict.OK] * 3
    assert sorted(pekat.paths()) == [SHARED] * 3 + [RAW] * 3
    assert sum("cannot attach" in record.message for record in caplog.records) == 1
