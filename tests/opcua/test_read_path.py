"""The short way of a Read gives what asyncua's own way gives, byte by byte, and never parts of two images."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.requests import Gate
from gateway.plc.opcua.security.rights import Role
from gateway.plc.opcua.traffic import read_path
from gateway.plc.opcua.traffic.read_path import LONGEST, PLANS, AskedToRead, ReadPath, familiar_read
from gateway.plc.opcua.traffic.right_of_way import RightOfWay
from gateway.plc.opcua.traffic.shown import Shown, at_hand, encoded
from gateway.plc.opcua.traffic.turnstile import Turnstile
from gateway.plc.opcua.transport import request_guard
from tests.opcua.desk import NOK, Bench, DeskStation, bench, read, tag_id, view

PATHS = (
    "status.result_seq", "status.verdict", "status.ok", "status.result_part_id", "status.score_milli",
    "status.result_seq_end", "status.user.angle", "status.user.open", "control.part_id", "control.enable",
    "status.verdict.ValueAsText", "status.verdict.EnumValues", "status.user.gap.EngineeringUnits", "status", "Inspect",
    "nowhere",
)  # fmt: skip
NODES = (*(tag_id(path) for path in PATHS), standard_id(ObjectIds.Server_ServerStatus_State), ua.NodeId())
ATTRIBUTES = (
    *[AttributeIds.Value] * 6, AttributeIds.DisplayName, AttributeIds.UserAccessLevel, AttributeIds.UserExecutable,
    AttributeIds.DataType, 99,
)  # fmt: skip
RANGES = (None, None, None, "", "0", "0:1", "3:2", "nonsense")
ITEMS = st.builds(ua.ReadValueId, st.sampled_from(NODES), st.sampled_from(ATTRIBUTES), st.sampled_from(RANGES))
SCALARS = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.UInt16: st.integers(0, 2**16 - 1),
    ua.VariantType.Int16: st.integers(-(2**15), 2**15 - 1),
    ua.VariantType.UInt32: st.integers(0, 2**32 - 1),
    ua.VariantType.Int32: st.integers(-(2**31), 2**31 - 1),
    ua.VariantType.Float: st.floats(width=32),
    ua.VariantType.String: st.none() | st.text(max_size=40),
}
VARIANTS = st.sampled_from(list(SCALARS)).flatmap(lambda kind: SCALARS[kind].map(lambda value: ua.Variant(value, kind)))
TIMES = st.datetimes(datetime(1601, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as hypothesis


class Road:
    """The read path of a running link, asked directly; and what asyncua's way answers."""

    def __init__(self, desk: Bench) -> None:
        gate = desk.link._gate
        assert isinstance(gate, Gate)
        self.gate, self.turnstile = gate, Turnstile(RightOfWay())
        self.path = ReadPath(gate, self.turnstile)

    async def ask(self, *nodes: ua.ReadValueId, role: Role = Role.VIEWER) -> bytes:
        return await self.path.answer(struct_to_binary(params_of(*nodes)), role)

    def asyncuas(self, *nodes: ua.ReadValueId, role: Role = Role.VIEWER) -> bytes:
        self.gate.refresh()
        response = ua.ReadResponse()
        response.Results = [self.gate.read(item, role) for item in nodes]
        whole = struct_to_binary(response)
        return whole[len(whole) - len(tail_of(response)) :]


def tail_of(response: ua.ReadResponse) -> bytes:
    """What is left of a response without its type and header."""
    return struct_to_binary(response)[4 + len(struct_to_binary(response.ResponseHeader)) :]


def params_of(*nodes: ua.ReadValueId) -> ua.ReadParameters:
    return ua.ReadParameters(ua.Duration(0), ua.TimestampsToReturn.Both, list(nodes))


def value_of(path: str) -> ua.ReadValueId:
    return ua.ReadValueId(tag_id(path), AttributeIds.Value)


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    station = DeskStation()
    station.enable()
    async with bench(view(station), anonymous="operate") as made:
        yield made


@pytest.fixture
def road(desk: Bench) -> Road:
    return Road(desk)


def test_any_request_is_answered_as_asyncua_does_byte_by_byte() -> None:
    station = DeskStation()
    station.enable()

    async def compare(road: Road, nodes: list[ua.ReadValueId], role: Role, runs: int) -> None:
        for _ in range(runs):
            station.run(NOK)
        for _ in ("at first", "from memory"):
            assert await road.ask(*nodes, role=role) == road.asyncuas(*nodes, role=role)

    async def serve(runner: asyncio.Runner) -> Road:
        return Road(await context.__aenter__())

    context = bench(view(station))
    with asyncio.Runner() as runner:
        road = runner.run(serve(runner))

        @settings(max_examples=200, deadline=None)
        @given(st.lists(ITEMS, min_size=1, max_size=60), st.sampled_from(Role), st.integers(0, 2))
        def same(nodes: list[ua.ReadValueId], role: Role, runs: int) -> None:
            runner.run(compare(road, nodes, role, runs))

        try:
            same()
        finally:
            runner.run(context.__aexit__(None, None, None))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text takes seconds
@given(VARIANTS, TIMES, TIMES)
def test_a_shown_value_has_the_bytes_of_any_other_datavalue(value: ua.Variant, at: datetime, now: datetime) -> None:
    given_times = ua.DateTime.fromisoformat(at.isoformat()), ua.DateTime.fromisoformat(now.isoformat())
    plain = ua.DataValue(value, ua.StatusCode(), *given_times)
    shown = Shown(value, ua.StatusCode(), *given_times)
    assert not at_hand(shown)
    for _ in range(2):
        assert encoded(shown) == struct_to_binary(plain) == encoded(plain)
    assert at_hand(shown)
    assert not at_hand(plain)


async def test_a_new_image_and_a_new_time_are_read_at_once(desk: Bench) -> None:
    client = await desk.connect()
    for seq in range(1, 6):
        desk.station.run()
        assert await read(client, "status.result_seq", "status.result_seq_end") == [seq, seq]
    later = ua.DateTime.fromisoformat((datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    enable = client.get_node(tag_id("control.enable"))
    await enable.read_data_value()
    await enable.write_value(ua.DataValue(ua.Variant(True), SourceTimestamp=later))
    assert (await enable.read_data_value()).SourceTimestamp == later


async def test_a_read_that_takes_its_time_shows_one_image(
    desk: Bench, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between all of its slices there is a new result."""
    monkeypatch.setattr(read_path, "ENCODED_AT_ONCE", 1)
    paths = ("status.result_seq", "status.count_ok", "status", "status.result_trigger_seq", "status.result_seq_end")
    nodes = [value_of(path) for path in paths]
    slices = 0

    async def turn() -> None:
        nonlocal slices
        slices += 1
        desk.station.run()
        road.gate.refresh()

    desk.station.run()
    expected = road.asyncuas(*nodes)
    monkeypatch.setattr(road.turnstile, "turn", turn)
    assert await road.ask(*nodes) == expected
    assert slices >= 3


async def test_big_requests_are_decoded_in_slices_and_not_remembered(road: Road) -> None:
    nodes = [value_of("status.result_part_id")] * 1000
    turns = 0
    turn = road.turnstile.turn

    async def count() -> None:
        nonlocal turns
        turns += 1
        await turn()

    road.turnstile.turn = count  # type: ignore[method-assign]
    assert await road.ask(*nodes) == road.asyncuas(*nodes)
    assert turns >= 1000 // read_path.DECODED_AT_ONCE - 1
    assert len(struct_to_binary(params_of(*nodes))) > LONGEST
    assert not road.path._plans


async def test_memory_is_bounded_and_keeps_what_is_in_use(road: Road) -> None:
    kept = value_of("status.verdict")
    for number in range(3 * PLANS):
        await road.ask(kept)
        await road.ask(*[value_of("status.ok")] * (number + 1))
    assert len(road.path._plans) == PLANS
    assert struct_to_binary(params_of(kept)) in road.path._plans


async def test_the_same_read_again_is_answered_without_decoding_it(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await desk.connect(), await desk.connect()
    paths = ("status.result_seq", "status.verdict", "status")
    assert await read(client, *paths) == await read(other, *paths) == [0, 0, None]
    decoded: list[object] = []
    monkeypatch.setattr(request_guard, "_decoded", lambda *request: decoded.append(request))
    desk.station.run(NOK)
    assert await read(client, *paths) == await read(other, *paths) == [1, 2, None]
    assert not decoded


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.uuids().map(lambda token: ua.NodeId(ua.Guid(token.hex))) | st.integers(0, 2**32 - 1).map(standard_id),
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, "", "who asked"]),
    st.sampled_from([ua.ExtensionObject(), ua.ViewDescription()]),
    st.lists(ITEMS, max_size=3),
)
def test_a_familiar_read_is_taken_apart_as_asyncua_does(
    session: ua.NodeId, handle: int, audit: str | None, additional: object, nodes: list[ua.ReadValueId]
) -> None:
    request = ua.ReadRequest(Parameters=params_of(*nodes))
    header = request.RequestHeader
    header.AuthenticationToken, header.RequestHandle, header.AuditEntryId = session, handle, audit
    header.AdditionalHeader = additional
    whole = struct_to_binary(request)
    asked = familiar_read(whole, session)
    if audit or isinstance(additional, ua.ViewDescription):
        assert asked is None
    else:
        assert asked == AskedToRead(ua.IntegerId(handle), struct_to_binary(request.Parameters))
    assert familiar_read(whole, ua.NodeId(ua.Guid(int=7))) is None
    assert familiar_read(struct_to_binary(ua.WriteRequest(RequestHeader=header)), session) is None
    assert all(familiar_read(whole[:length], session) is None for length in range(30))


async def test_what_asyncua_refuses_is_refused(desk: Bench) -> None:
    client = await desk.connect()
    with pytest.raises(UaStatusCodeError) as refused:
        await client.uaclient.read(params_of())
    assert refused.value.code == StatusCodes.BadNothingToDo
    wrong = params_of(value_of("status.ok"))
    wrong.TimestampsToReturn = 77
    with pytest.raises(UaStatusCodeError):
        await client.uaclient.read(wrong)
    assert await read(client, "status.ok") == [False]
