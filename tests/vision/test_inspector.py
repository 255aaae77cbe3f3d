"""The inspector against the simulator: outcomes, cancelling, several projects at once, and nothing left behind."""

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import InspectorError
from gateway.core.result import Reason, Verdict
from gateway.ports import Picture, RawFormat
from gateway.sim.parts import part_pixels
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import Mischief, Mode, PekatSimSettings
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import BAD, GOOD, inspector, judge, order, reason_of
from tests.vision.servers import ScriptedServer, answering, http


async def test_the_pixels_make_the_verdict() -> None:
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        good, bad = await judge(part, GOOD), await judge(part, BAD)
    assert (good.verdict, good.reason, good.detections) == (Verdict.OK, Reason.NONE, ())
    assert (bad.verdict, bad.reason, len(bad.detections)) == (Verdict.NOK, Reason.NONE, 2)
    assert {d.class_number for d in bad.detections} <= {1, 2}
    assert dict(good.user_values) == {"area": 0}
    assert float(dict(bad.user_values)["area"]) > 0
    assert 0 < good.inspector_us < 5_000_000


async def test_raw_pixels_are_judged_like_files() -> None:
    pixels = part_pixels(4, 1)
    raw = RawFormat(pixels.shape[1], pixels.shape[0])
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        judgement = await part.inspect(Picture("frame 1", memoryview(pixels.tobytes()), raw), order())
        assert judgement.verdict is Verdict.NOK
        with pytest.raises(InspectorError) as caught:
            await part.inspect(Picture("frame 2", b"short", raw), order())
        assert caught.value.reason is Reason.BAD_IMAGE
        assert (await judge(part)).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.STATUS_400, Reason.BAD_IMAGE),
        (Mode.JSON_400, Reason.BAD_IMAGE),
        (Mode.STATUS_401, Reason.UNAUTHORISED),
        (Mode.STATUS_500, Reason.SERVER_ERROR),
        (Mode.BAD_JSON, Reason.BAD_REPLY),
        (Mode.CLOSE_MID_BODY, Reason.BAD_REPLY),
        (Mode.PROCESSING_OFF, Reason.PROCESSING_OFF),
        (Mode.RESULT_ABSENT, Reason.UNDEFINED),
        (Mode.RESULT_NULL, Reason.UNDEFINED),
        (Mode.RESULT_TEXT, Reason.UNDEFINED),
        (Mode.FLOW_ERROR, Reason.FLOW_ERROR),
        (Mode.HANG, Reason.TIMEOUT),
        (Mode.TRICKLE, Reason.TIMEOUT),
        (Mode.HUGE_CONTEXT, Reason.NONE),
        (Mode.DELAY, Reason.NONE),
    ],
)
async def test_every_mischief_has_its_reason_and_the_next_part_is_judged(mode: Mode, reason: Reason) -> None:
    """H7, H10: a fault is never an OK, and the station is as good as new after it."""
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        pekat.misbehave(mode.value, 1, delay_ms=100)
        assert await reason_of(judge(part, seconds=0.5)) is reason
        assert (await judge(part)).verdict is Verdict.OK


async def test_a_wrong_image_len_is_a_bad_reply() -> None:
    recipe = {"number": 1, "name": "drawn", "response_type": "annotated_image"}
    async with PekatSimulator() as pekat:
        asked = RecipeSettings.model_validate({**recipe, "url": pekat.url})
        async with PekatSettings().create("station1", [asked], []) as part:
            assert (await judge(part, BAD)).verdict is Verdict.NOK
            pekat.misbehave("wrong_image_len")
            assert await reason_of(judge(part, BAD)) is Reason.BAD_REPLY


async def test_a_wrong_api_key_is_unauthorised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEKAT_KEY", "secret")
    settings = PekatSimSettings(port=0, api_key="secret")
    async with PekatSimulator(settings) as pekat, inspector(pekat.url) as part:
        assert await reason_of(judge(part)) is Reason.UNAUTHORISED
        keyed = RecipeSettings(number=1, name="keyed", url=pekat.url, api_key_env="PEKAT_KEY")
        async with PekatSettings().create("station1", [keyed], []) as trusted:
            assert (await judge(trusted)).verdict is Verdict.OK


async def test_data_is_the_template_filled_in() -> None:
    with answering(http()) as server:
        recipe = RecipeSettings(
            number=3, name="b", url=server.url, data="{station}|{part_id}|{inspection_id}|{trigger_seq:04d}|{recipe}"
        )
        async with PekatSettings().create("station1", [recipe], []) as part:
            await part.inspect(Picture("x", b"x"), order(recipe=3, part_id="Ž 7&"))
        assert "&data=station1%7C%C5%BD%207%26%7C11%7C0012%7C3 " in server.head()


async def test_pekat_down_is_offline_and_it_recovers_by_itself() -> None:
    port = free_port()
    async with inspector(f"http://127.0.0.1:{port}") as part:
        assert await reason_of(judge(part)) is Reason.INSPECTOR_OFFLINE
        with pytest.raises(InspectorError):
            await part.check()
        for _ in range(2):  # it comes, goes, and comes again
            async with PekatSimulator(PekatSimSettings(port=port)):
                await part.check()
                assert (await judge(part)).verdict is Verdict.OK
            assert await reason_of(judge(part)) is Reason.INSPECTOR_OFFLINE


def asked(server: ScriptedServer) -> list[str]:
    """The paths of what it was asked without an image."""
    return [head.split()[1].decode() for head in server.heads if head.startswith(b"GET")]


async def test_several_recipes_are_several_projects() -> None:
    with answering(http()) as first, answering(http(b'{"result": false}')) as second:
        async with inspector(first.url, second.url) as part:
            assert (await part.inspect(Picture("x", b"x"), order(recipe=2))).verdict is Verdict.NOK
            assert (await part.inspect(Picture("x", b"x"), order(recipe=1))).verdict is Verdict.OK
            await part.check()
            assert asked(first) == ["/ping", "/version"]
            await part.prepare(2)
            first.heads.clear()
            await part.check()
            assert asked(second) == ["/ping", "/version", "/ping"], "what is no version is not asked for again"
            assert first.heads == []
            with pytest.raises(InspectorError, match="no recipe 7; configured: 1, 2"):
                await part.prepare(7)
            with pytest.raises(InspectorError, match="no recipe 7"):
                await part.inspect(Picture("x", b"x"), order(recipe=7))


async def test_a_recipe_whose_project_is_down_cannot_be_prepared() -> None:
    with answering(http()) as server:
        async with inspector(server.url, f"http://127.0.0.1:{free_port()}") as part:
            with pytest.raises(InspectorError):
                await part.prepare(2)
            await part.check()  # the first one is still in force


async def test_replies_can_be_listened_to() -> None:
    async with PekatSimulator(PekatSimSettings(port=0, mischief=Mischief(mode=Mode.RESULT_FALSE))) as pekat:
        recipe = RecipeSettings(number=1, name="drawn", url=pekat.url, response_type="heatmap")
        part = PekatSettings().create("station1", [recipe], [])
        heard: list[tuple[str, bytes | None]] = []
        part._on_reply = lambda order, reply: heard.append((order.part_id, reply.image))
        async with part:
            assert (await judge(part)).verdict is Verdict.NOK
    ((part_id, image),) = heard
    assert part_id == "P-1"
    assert image is not None
    assert image.startswith(b"\x89PNG")


async def test_what_pekat_drew_can_be_had_by_the_inspections_id() -> None:
    async with PekatSimulator() as pekat:
        recipe = RecipeSettings(number=1, name="drawn", url=pekat.url, response_type="annotated_image")
        async with PekatSettings().create("station1", [recipe], []) as part:
            assert part.draws
            await judge(part)
            image = part.drawn(order().inspection_id)
            assert image is not None
            assert image.startswith(b"\x89PNG")
            assert part.drawn(4711) is None


async def test_without_such_a_recipe_nothing_is_drawn() -> None:
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        await judge(part)
        assert not part.draws
        assert part.drawn(order().inspection_id) is None
