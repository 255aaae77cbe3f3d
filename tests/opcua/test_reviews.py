"""Operators over OPC UA: they see what is in doubt, and decide, by name, once, and in time (H38)."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.result import Detection, Judgement, Reason, Verdict
from gateway.plc.opcua.machine_vision.values import ResultState, result_state
from gateway.ports.reviews import MOST_DETECTIONS
from tests.opcua.desk import PLAIN, Bench, DeskStation, bench, read, tag_id, text, u16, until, view

FOUND = tuple(Detection("Scratch", 1, 0.9, 1, 2, 3, number) for number in range(MOST_DETECTIONS + 5))
DOUBT = Judgement(Verdict.NO_DECISION, Reason.REVIEW, FOUND, score=0.4, detail="score 0.4 is not below 0.3")
NAMES = {"vera": "viewer", "olga": "operator", "emil": "engineer"}


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    for name in NAMES:
        monkeypatch.setenv(f"PASSWORD_{name}", name[::-1])
    return [{"name": name, "role": role, "password_env": f"PASSWORD_{name}"} for name, role in NAMES.items()]


def station(wait_ms: int = 50_000, max_in_flight: int = 1) -> DeskStation:
    made = DeskStation(inspection_timeout_ms=60_000, review_wait_ms=wait_ms, max_in_flight=max_in_flight)
    made.enable()
    return made


@asynccontextmanager
async def asked(people: list[dict[str, str]], made: DeskStation, **settings: Any) -> AsyncIterator[Bench]:
    """A station that asks about a part; the PLC is at the other link."""
    async with bench(view(made, controls=False), users=people, **PLAIN, **settings) as desk:
        made.run(DOUBT)
        yield desk


async def call(client: Client, method: str, *arguments: ua.Variant) -> ua.CallMethodResult:
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = ua.NodeId(ua.String("station1"), ua.Int16(2)), tag_id(method)
    request.InputArguments = list(arguments)
    result: ua.CallMethodResult = (await client.uaclient.call([request]))[0]
    return result


async def decide(client: Client, review_id: str = "station1:77-1", verdict: int = 1) -> str:
    """The status of the call."""
    return str((await call(client, "DecideReview", text(review_id), u16(verdict))).StatusCode.name)


async def test_what_is_in_doubt_is_seen_by_everybody(people: Any) -> None:
    async with asked(people, station()) as desk:
        client = await desk.connect("vera", "arev")
        paths = ("status.review_id", "status.reviews_waiting", "status.review_waiting", "status.result_valid")
        assert await read(client, *paths) == ["station1:77-1", 1, True, False]
        result = await call(client, "GetReviews")
        (one,) = json.loads(result.OutputArguments[0].Value)
        assert 0 < one["seconds_left"] <= 50
        assert (one["id"], one["part_id"], one["score"], one["why"]) == ("station1:77-1", "part", 0.4, DOUBT.detail)
        assert (one["detection_count"], len(one["detections"])) == (len(FOUND), MOST_DETECTIONS)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(Verdict.OK, Reason.BY_OPERATOR), (Verdict.NOK, Reason.BY_OPERATOR), (Verdict.NO_DECISION, Reason.REVIEW)],
)
async def test_the_operators_name_is_that_of_the_session(people: Any, verdict: Verdict, reason: Reason) -> None:
    made = station()
    async with asked(people, made) as desk:
        client = await desk.connect("olga", "aglo")
        assert await decide(client, verdict=int(verdict)) == "Good"
        values = await read(client, "status.verdict", "status.reason", "status.review_id", "status.reviews_waiting")
        assert values == [verdict, reason, "", 0]
        (record,) = made.recorded
        assert record.result.review is not None
        assert (record.result.review.operator, record.result.review.over) == ("olga", "opcua")
        assert record.result.review.decision is verdict


@pytest.mark.parametrize(("user", "status"), [("vera", "BadUserAccessDenied"), ("emil", "Good")])
async def test_it_takes_an_operator(people: Any, user: str, status: str) -> None:
    made = station()
    async with asked(people, made) as desk:
        assert await decide(await desk.connect(user, user[::-1])) == status
        assert len(made.recorded) == (status == "Good")


async def test_who_has_no_name_cannot_decide_whatever_else_he_may(people: Any) -> None:
    made = station()
    async with asked(people, made, anonymous="operate") as desk:
        assert await decide(await desk.connect(None)) == "BadUserAccessDenied"
        assert not made.recorded


@pytest.mark.parametrize(
    ("review_id", "verdict", "status"),
    [
        ("station1:77-2", 1, "BadInvalidState"),
        ("station1:76-1", 1, "BadInvalidState"),
        ("station2:77-1", 1, "BadInvalidState"),
        ("", 1, "BadInvalidState"),
        ("station1:77-1", 0, "BadInvalidArgument"),
        ("station1:77-1", 4, "BadInvalidArgument"),
    ],
)
async def test_a_wrong_id_or_verdict_decides_nothing(people: Any, review_id: str, verdict: int, status: str) -> None:
    made = station()
    async with asked(people, made) as desk:
        assert await decide(await desk.connect("olga", "aglo"), review_id, verdict) == status
        assert made.image.values["review_waiting"]


async def test_the_second_decision_is_refused(people: Any, caplog: pytest.LogCaptureFixture) -> None:
    made = station()
    async with asked(people, made) as desk:
        client = await desk.connect("olga", "aglo")
        assert [await decide(client, verdict=2), await decide(client)] == ["Good", "BadInvalidState"]
        assert made.image.values["nok"]
        assert "olga over OPC UA has not decided: too late for station1:77-1: NOK by olga over opcua" in caplog.text


async def test_a_decision_after_the_deadline_is_refused(people: Any) -> None:
    made = station(wait_ms=20)
    async with asked(people, made) as desk:
        client = await desk.connect("olga", "aglo")
        over = time.monotonic() + 0.02
        await until(lambda: time.monotonic() > over)
        assert await decide(client) == "BadInvalidState"
        assert made.image.values["reason"] == Reason.REVIEW


async def test_of_several_the_oldest_is_shown_and_a_client_hears_of_each(people: Any) -> None:
    made = station(max_in_flight=2)
    heard: list[tuple[str, Any]] = []

    class Ears:
        def datachange_notification(self, node: Any, value: Any, _: Any) -> None:
            heard.append((node.nodeid.Identifier, value))

    async with asked(people, made) as desk:
        client = await desk.connect("olga", "aglo")
        subscription = await client.create_subscription(10, Ears())
        nodes = [client.get_node(tag_id(f"status.{name}")) for name in ("review_id", "reviews_waiting")]
        await subscription.subscribe_data_change(nodes)
        await until(lambda: ("station1.status.reviews_waiting", 1) in heard)
        made.post(ev.TriggerAsked(2, "second"))
        number = made.state.flight[-1].id
        made.post(ev.Exposed(number))
        made.post(ev.Answered(number, DOUBT))
        made.write(Commands(enable=True, plc_heartbeat=1))  # it is shown with the next image, 0.25 s later at most
        await until(lambda: ("station1.status.reviews_waiting", 2) in heard)
        assert await decide(client) == "Good"
        await until(lambda: ("station1.status.review_id", f"station1:77-{number}") in heard)
        await subscription.delete()


def test_to_opc_40100_it_is_a_result_like_any_other() -> None:
    decided = Judgement(Verdict.OK, Reason.BY_OPERATOR, detail="score 0.4 is not below 0.3; OK by olga")
    assert result_state(decided) is ResultState.COMPLETED
