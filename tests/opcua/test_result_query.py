"""An old result, read again over OPC UA (H37): the same question and the same block as over Modbus."""

from asyncua.client.client import Client

from gateway.core import events as ev
from gateway.core.query import QueryStatus
from gateway.core.result import Judgement, Result, Verdict
from gateway.core.tags import QUERY_TAGS
from tests.opcua.desk import Bench, bit, item, read, u16, write

OLD = Result(-1, 17, 300, "Zähler 7", 1, Judgement(Verdict.NOK, score=0.5, inspector_us=4_000), 0, 0, 9_000)
AT_MS = 1_769_900_399_042
NODES = [f"status.{tag.name}" for tag in QUERY_TAGS]


async def test_a_client_asks_by_number_and_reads_the_whole_answer(desk: Bench, client: Client) -> None:
    assert await write(client, item("control.result_query", u16(17))) == ["Good"]
    assert (await read(client, *NODES))[:2] == [0, QueryStatus.LOOKING]
    desk.station.post(ev.LookedUp(desk.station.state.query.id, True, OLD, AT_MS))
    found = [17, QueryStatus.FOUND, 300, 2, 0, 1, 0, 0, 500, 4, 9, AT_MS // 1000, 42, "Zähler 7"]
    assert await read(client, *NODES) == found
    await write(client, item("control.enable", bit(True)), item("control.trigger_seq", u16(1)))
    assert await read(client, *NODES, "status.busy", "control.result_query") == [*found, True, 17]
    assert await write(client, item("control.result_query", u16(0))) == ["Good"]
    assert await read(client, *NODES) == [0] * 13 + [""]


async def test_the_status_says_itself_in_words(desk: Bench, client: Client) -> None:
    await write(client, item("control.result_query", u16(17)))
    desk.station.post(ev.LookedUp(desk.station.state.query.id, True))
    (words,) = await read(client, "status.query_status.ValueAsText")
    assert words.Text == "not found"
