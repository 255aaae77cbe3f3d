"""The health of several endpoints: all are looked at, none holds up the others, one that answers is enough."""

import asyncio
import logging
import time

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import InspectorError
from gateway.core.result import Reason, Verdict
from gateway.vision.breaker import Sign
from gateway.vision.places import now_us
from tests.vision.judging import threads, until
from tests.vision.pooled import (
    black_hole,
    endpoints,
    hanging,
    images,
    judged,
    pooled,
    replying,
    settled,
    standings,
    well,
)


async def test_one_that_answers_is_enough_and_the_others_are_looked_at_all_the_same() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with hanging(pings_too=True) as hung, black_hole() as nowhere, well() as server:
        async with pooled(nobody, hung.url, nowhere, server.url, ping_timeout_ms=1000) as part:
            began = time.monotonic()
            await part.check()
            assert time.monotonic() - began < 0.9, "the ill ones held it up"
            await settled(part)
            assert standings(part) == ["open", "doubtful", "doubtful", "closed"]
            await part.check()
            await settled(part)
            assert standings(part) == ["open", "open", "open", "closed"]


async def test_where_none_answers_the_error_names_all() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with hanging(pings_too=True) as hung:
        async with pooled(nobody, hung.url, ping_timeout_ms=100) as part:
            with pytest.raises(InspectorError, match="no endpoint answers") as caught:
                await part.check()
            assert nobody in str(caught.value)
            assert hung.url in str(caught.value)


async def test_the_longest_ping_goes_on_and_is_not_asked_twice() -> None:
    with hanging(pings_too=True) as hung, well() as server:
        async with pooled(hung.url, server.url, ping_timeout_ms=5000) as part:
            for _ in range(5):
                await part.check()
            await until(lambda: hung.accepted == 1)
            assert len(part._dispatch._pings._pings) == 1
        assert hung.accepted == 1
    await until(lambda: threads() == [])


async def test_cancelling_a_check_cuts_its_pings() -> None:
    with hanging(pings_too=True) as hung:
        async with pooled(hung.url, ping_timeout_ms=20_000) as part:
            task = asyncio.create_task(part.check())
            await until(lambda: bool(hung.heads))
            task.cancel()
            await asyncio.wait({task})
            await settled(part)
            assert standings(part) == ["closed"], "a ping that was cut says nothing"


async def test_a_recovered_one_is_on_probation_after_a_ping_and_well_after_an_image() -> None:
    with well() as back, well() as other:
        async with pooled(back.url, other.url) as part:
            endpoints(part)[0].tell(Sign.UNREACHABLE, now_us())
            await judged(part)
            assert images(back) == 0
            await part.check()
            await settled(part)
            assert standings(part) == ["half open", "closed"]
            for _ in range(2):
                assert (await judged(part)).verdict is Verdict.OK
            assert images(back) == 1
            assert standings(part) == ["closed", "closed"]


async def test_images_that_fail_make_it_wait_for_the_pause_too() -> None:
    with replying("500 Oops") as ill, well() as other:
        async with pooled(ill.url, other.url, failures=1) as part:
            assert Reason((await judged(part)).reason) is Reason.SERVER_ERROR
            await part.check()
            await settled(part)
            assert standings(part) == ["open", "closed"], "before the pause"
            first = endpoints(part)[0]
            first.tell(Sign.PING_ANSWERED, first.breaker.pause_ends)
            assert [(await judged(part)).verdict for _ in range(2)].count(Verdict.NO_DECISION) == 1
            assert first.breaker.openings == 2
            assert first.breaker.pause_ends - now_us() > 9_000_000


async def test_a_recipe_can_be_prepared_where_one_answers_and_the_log_names_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with well() as server:
        async with pooled(nobody, server.url) as part:
            for _ in range(2):  # every time, although it is known by now
                caplog.clear()
                await part.prepare(1)
                await settled(part)
                assert [nobody in record.getMessage() for record in _warnings(caplog)].count(True) >= 1
                assert any("is asked whether it is ready" in record.getMessage() for record in _warnings(caplog))
    async with pooled(nobody, f"http://127.0.0.1:{free_port()}") as part:
        with pytest.raises(InspectorError, match="no endpoint answers"):
            await part.prepare(1)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.WARNING]


async def test_preparing_waits_for_nothing_that_a_check_began() -> None:
    with hanging(pings_too=True) as hung:
        async with pooled(hung.url, ping_timeout_ms=20_000) as part:
            check = asyncio.create_task(part.check())
            await until(lambda: hung.accepted == 1)
            prepare = asyncio.create_task(part.prepare(1))
            await until(lambda: hung.accepted == 2)
            for task in (check, prepare):
                task.cancel()
            await asyncio.wait({check, prepare})


async def test_an_image_that_waits_goes_to_one_that_a_ping_found_well() -> None:
    with hanging() as slow, well() as back:
        async with pooled(slow.url, back.url, in_flight=3, workers=1) as part:
            endpoints(part)[1].tell(Sign.UNREACHABLE, now_us())
            busy = asyncio.create_task(judged(part))
            await until(lambda: images(slow) == 1)
            waits = asyncio.create_task(judged(part))
            await asyncio.sleep(0)
            assert endpoints(part)[1].in_flight == 0
            await part.check()
            assert (await waits).verdict is Verdict.OK
            assert images(back) == 1
            busy.cancel()
            await asyncio.wait({busy})
