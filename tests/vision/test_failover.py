"""Another endpoint gets the image only while nothing of it was sent; what each outcome means for the breaker."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import InspectorError
from gateway.core.result import Reason, Verdict
from gateway.ports import Picture, RawFormat
from gateway.vision.breaker import Sign
from gateway.vision.places import now_us
from tests.vision.judging import order, until
from tests.vision.pooled import (
    black_hole,
    dying,
    endpoints,
    hanging,
    images,
    judged,
    one_flight,
    outcome,
    pooled,
    replying,
    settled,
    standings,
    well,
)
from tests.vision.servers import ScriptedServer


def garbage() -> ScriptedServer:
    return replying("200 OK", b"no JSON")


TABLE: dict[str, tuple[Callable[[], ScriptedServer], Reason, str, str]] = {
    "dies in the middle of the body": (dying, Reason.INSPECTOR_OFFLINE, "doubtful", "closed"),
    "answers 500": (lambda: replying("500 Oops"), Reason.SERVER_ERROR, "doubtful", "closed"),
    "answers garbage": (garbage, Reason.BAD_REPLY, "doubtful", "closed"),
    "hangs, but answers pings": (hanging, Reason.TIMEOUT, "doubtful", "closed"),
    "hangs with everything": (lambda: hanging(pings_too=True), Reason.TIMEOUT, "doubtful", "open"),
    "answers 400": (lambda: replying("400 Bad Request"), Reason.BAD_IMAGE, "closed", "closed"),
    "answers 401": (lambda: replying("401 Unauthorized"), Reason.UNAUTHORISED, "closed", "closed"),
    "does not analyse": (
        lambda: replying("200 OK", b'{"processing": false}'), Reason.PROCESSING_OFF, "closed", "closed"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
async def test_an_image_of_which_anything_was_sent_is_never_sent_again(case: str) -> None:
    make, reason, at_once, after_its_ping = TABLE[case]
    with make() as ill, well() as other:
        async with pooled(ill.url, other.url, ping_timeout_ms=1500) as part:
            assert await outcome(part, seconds=0.8) is reason
            assert standings(part)[0] == at_once
            assert images(other) == 0, "the same part was judged twice"
            assert one_flight(part) == 0
            await settled(part)
            assert standings(part)[0] == after_its_ping


async def test_a_refusal_is_no_lost_part() -> None:
    with well() as other:
        async with pooled(f"http://127.0.0.1:{free_port()}", other.url) as part:
            assert (await judged(part)).verdict is Verdict.OK
            assert standings(part) == ["open", "closed"]
            assert one_flight(part) == 0
            for _ in range(5):
                assert (await judged(part)).verdict is Verdict.OK
            assert images(other) == 6


async def test_a_host_that_is_switched_off_takes_its_share_of_the_time_and_no_more() -> None:
    with black_hole() as nowhere, well() as other:
        async with pooled(nowhere, other.url, connect_timeout_ms=20_000) as part:
            began = time.monotonic()
            assert (await judged(part, seconds=3.0)).verdict is Verdict.OK
            assert 1.4 < time.monotonic() - began < 2.9
            assert standings(part) == ["open", "closed"]
            began = time.monotonic()
            assert (await judged(part, seconds=3.0)).verdict is Verdict.OK
            assert time.monotonic() - began < 1.2, "it is left out now"


async def test_the_connect_time_out_still_holds() -> None:
    with black_hole() as nowhere, well() as other:
        async with pooled(nowhere, other.url, connect_timeout_ms=100) as part:
            began = time.monotonic()
            assert (await judged(part, seconds=8.0)).verdict is Verdict.OK
            assert time.monotonic() - began < 3.0


async def test_where_none_can_be_reached_each_trigger_tries_all_and_the_error_names_all() -> None:
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
    async with pooled(*urls) as part:
        for _ in range(3):
            with pytest.raises(InspectorError) as caught:
                await judged(part)
            assert caught.value.reason is Reason.INSPECTOR_OFFLINE
            assert all(url in str(caught.value) for url in urls)
        assert standings(part) == ["open"] * 3


async def test_one_that_comes_back_is_used_by_the_next_trigger_where_all_were_down() -> None:
    with well() as server:
        async with pooled(server.url, f"http://127.0.0.1:{free_port()}") as part:
            for endpoint in endpoints(part):
                endpoint.tell(Sign.UNREACHABLE, now_us())
            assert (await judged(part)).verdict is Verdict.OK
            assert standings(part)[0] == "closed"


async def test_three_images_that_fail_in_a_row_leave_it_out_although_it_answers_pings() -> None:
    with replying("500 Oops") as ill, well() as other:
        async with pooled(ill.url, other.url) as part:
            reasons = []
            for _ in range(12):
                reasons.append(await outcome(part))
                await settled(part)
            assert reasons.count(Reason.SERVER_ERROR) == 3
            assert standings(part) == ["open", "closed"]
            assert endpoints(part)[0].breaker.pause_ends > now_us()


async def test_a_picture_that_cannot_be_sent_says_nothing_of_the_endpoint() -> None:
    with well() as first, well() as second:
        async with pooled(first.url, second.url) as part:
            endpoints(part)[0].tell(Sign.PING_FAILED, now_us())
            endpoints(part)[1].tell(Sign.PING_FAILED, now_us())
            with pytest.raises(InspectorError):
                await part.inspect(Picture("frame", b"short", RawFormat(100, 100)), order())
            assert standings(part) == ["doubtful", "doubtful"]


async def test_a_time_out_is_held_against_nobody_who_got_the_image_late() -> None:
    with hanging() as slow, well() as other:
        async with pooled(slow.url, other.url) as part:
            asked = order(seconds=1.0)
            late = replace(asked, accepted_at=asked.accepted_at - 2_000_000, deadline=asked.accepted_at + 200_000)
            with pytest.raises(InspectorError) as caught:
                await part.inspect(Picture("late", b"image"), late)
            assert caught.value.reason is Reason.TIMEOUT
            assert standings(part) == ["closed", "closed"]


async def test_one_that_is_cancelled_leaves_its_place_and_says_nothing() -> None:
    with hanging() as slow, well() as other:
        async with pooled(slow.url, other.url) as part:
            task = asyncio.create_task(judged(part))
            await until(lambda: images(slow) == 1)
            task.cancel()
            await asyncio.wait({task})
            assert one_flight(part) == 0
            assert standings(part) == ["closed", "closed"]


async def test_one_that_is_cancelled_at_its_deadline_was_not_answered() -> None:
    """The handshake answers at the deadline and cancels, a moment before or after the call's own end."""
    with hanging(pings_too=True) as hung, well() as other:
        async with pooled(hung.url, other.url) as part:
            began = time.monotonic()
            task = asyncio.create_task(judged(part, seconds=1.0))
            await asyncio.sleep(began + 0.99 - time.monotonic())
            task.cancel()
            await asyncio.wait({task})
            assert standings(part) == ["doubtful", "closed"]
            assert one_flight(part) == 0


async def test_a_single_endpoint_is_tried_by_every_trigger_and_never_pinged_for_it() -> None:
    with replying("500 Oops") as ill:
        async with pooled(ill.url) as part:
            assert [await outcome(part) for _ in range(8)] == [Reason.SERVER_ERROR] * 8
            assert len(ill.heads) == images(ill) == 8


async def test_retries_are_made_at_each_endpoint_before_the_next_one() -> None:
    with well() as other:
        async with pooled(f"http://127.0.0.1:{free_port()}", other.url, retries=2) as part:
            began = time.monotonic()
            assert (await judged(part)).verdict is Verdict.OK
            assert time.monotonic() - began >= 0.1


async def test_it_is_logged_once_that_one_is_left_out_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway.vision.dispatch")
    with well() as other, well() as back:
        async with pooled(back.url, other.url) as part:
            first = endpoints(part)[0]
            for sign in (Sign.UNREACHABLE, Sign.PING_ANSWERED, Sign.PING_FAILED, Sign.PING_FAILED):
                part._dispatch._heed(first, sign, "why")
            part._dispatch._heed(first, Sign.PING_ANSWERED, None)
            for _ in range(3):
                await judged(part)
    assert [record.getMessage() for record in caplog.records] == [
        f"station1: {back.url} is left out until it is well again: why",
        f"station1: {back.url} is used again",
    ]


async def test_no_decision_says_which_of_them_gave_none() -> None:
    with replying("200 OK", b'{"processing": false}') as off, well() as other:
        async with pooled(off.url, other.url) as part:
            assert (await judged(part)).detail.startswith(f"{off.url}: ")
            assert (await judged(part)).detail == ""
        async with pooled(off.url) as part:
            assert off.url not in (await judged(part)).detail


async def test_one_that_dies_while_a_large_image_is_on_its_way() -> None:
    with dying() as ill, well() as other:
        async with pooled(ill.url, other.url) as part:
            with pytest.raises(InspectorError) as caught:
                await part.inspect(Picture("large.png", bytes(16 << 20)), order())
            assert caught.value.reason is Reason.INSPECTOR_OFFLINE
            assert images(other) == 0
            assert standings(part)[0] == "doubtful"
