"""The state machines over the wire, driven by the station's steps."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.core.result import Origin
from gateway.plc.opcua.machine_vision.data_types import SystemStateDataType, model_id
from tests.opcua.desk import Bench, DeskStation, bench, until, view
from tests.opcua.machine_vision.sight import AUTOMATIC, MAIN, Told, told, values, vision_id

SOURCE_DOWN = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE)
INACTIVE = "BadStateNotActive"


async def _states(client: Client) -> list[str]:
    """Of the main state machine, and of the one below Operational."""
    return await values(client, f"{MAIN}.CurrentState", f"{AUTOMATIC}.CurrentState")


async def test_a_ready_station_is_operational_and_ready(desk: Bench, client: Client) -> None:
    machines = [
        f"{machine}.{name}" for machine in (MAIN, AUTOMATIC) for name in ("CurrentState.Id", "CurrentState.Number")
    ]
    assert await _states(client) == ["Operational", "Ready"]
    assert await values(client, *machines) == [model_id(5031), 4, model_id(5057), 6]
    assert (await values(client, f"{MAIN}.LastTransition"))[0] == "BadNoData"
    states, going = await values(client, f"{AUTOMATIC}.AvailableStates", f"{AUTOMATIC}.AvailableTransitions")
    assert states == [model_id(number) for number in (5056, 5057, 5058, 5059)]
    assert model_id(5064) in going
    assert len(going) == 7
    (system,) = await values(client, "SystemState")
    assert (system.State, system.StateDescription) == (SystemStateDataType.SBY_2, "ready")


async def test_a_trigger_by_tags_is_a_single_execution_by_itself(desk: Bench, client: Client) -> None:
    desk.station.post(ev.TriggerAsked(1, "p"))
    last = [f"{AUTOMATIC}.LastTransition{part}" for part in ("", ".Id", ".Number")]
    assert await _states(client) == ["Operational", "SingleExecution"]
    assert await values(client, *last) == ["ReadyToSingleExecutionAuto", model_id(5065), 670]
    desk.station.answer()
    assert await _states(client) == ["Operational", "Ready"]
    assert await values(client, *last) == ["SingleExecutionToReadyAuto", model_id(5070), 760]
    (at,) = await values(client, f"{AUTOMATIC}.LastTransition.TransitionTime")
    assert at is not None


async def test_a_job_by_call_has_the_number_of_its_method(desk: Bench, client: Client) -> None:
    desk.station.trigger("p", Origin("job", "job 7"))
    assert await values(client, f"{AUTOMATIC}.LastTransition.Number") == [671]
    desk.station.abort()
    assert await values(client, f"{AUTOMATIC}.LastTransition.Number") == [762]


async def test_a_continuous_run_ends_by_stop_only_when_its_last_inspection_is_finished(
    desk: Bench, client: Client
) -> None:
    desk.station.run_continuously("p", Origin("continuous", "run 1"))
    assert await _states(client) == ["Operational", "ContinuousExecution"]
    assert await values(client, f"{AUTOMATIC}.LastTransition.Number") == [681]
    desk.station.picture()
    desk.station.stop()
    assert await _states(client) == ["Operational", "ContinuousExecution"]
    desk.station.answer()
    assert await _states(client) == ["Operational", "Ready"]
    assert await values(client, f"{AUTOMATIC}.LastTransition.Number") == [861]


async def test_where_the_machine_below_is_not_active_it_says_so(desk: Bench, client: Client) -> None:
    desk.station.halt()
    assert await _states(client) == ["Halted", INACTIVE]
    names = ("CurrentState.Id", "CurrentState.Number", "LastTransition", "LastTransition.Id", "AvailableTransitions")
    assert await values(client, *(f"{AUTOMATIC}.{name}" for name in names)) == [INACTIVE] * 5
    assert await values(client, f"{MAIN}.LastTransition.Number") == [421]
    (system,) = await values(client, "SystemState")
    assert system.State is SystemStateDataType.SDT_4


NUMBERS = ("Transition/Number", "FromState/Number", "ToState/Number", "SourceName", "EventType")


async def _numbers(client: Client, do: Callable[[], None]) -> list[tuple[int, int, int]]:
    """The transitions that StateChanged events tell of."""
    async with told(client, NUMBERS) as events:
        do()
        await _settled(events)
    return [(one["Transition/Number"], one["FromState/Number"], one["ToState/Number"]) for one in events.of(1018)]


async def _settled(events: Told) -> list[dict[str, Any]]:
    """Events that must not come have their chance to come anyhow."""
    await asyncio.sleep(0.15)
    return events.events


async def test_one_event_for_each_transition_on_the_way() -> None:
    station = DeskStation()
    async with bench(view(station)) as made:
        client = await made.connect()
        assert await _states(client) == ["Preoperational", INACTIVE]
        assert await _numbers(client, station.select_automatic) == [(151, 1, 5), (560, 5, 6)]
        assert await _numbers(client, station.unprepare_recipe) == [(650, 6, 5)]
        assert await _numbers(client, station.reset) == [(411, 4, 1)]
        assert await _numbers(client, station.halt) == [(121, 1, 2)]
        station.post(ev.PlcWrote(Commands(enable=True)))
        assert await _numbers(client, station.reset) == [(211, 2, 1), (150, 1, 5), (560, 5, 6)]
        assert await _numbers(client, station.reset) == [(411, 4, 1), (150, 1, 5), (560, 5, 6)]


async def test_the_plcs_reset_bit_is_a_reset_that_nobody_called(desk: Bench, client: Client) -> None:
    numbers = await _numbers(client, lambda: desk.station.post(ev.PlcWrote(Commands(enable=True, reset=True))))
    assert numbers == [(410, 4, 1), (150, 1, 5), (560, 5, 6)]


async def test_source_down_is_the_state_error(desk: Bench, client: Client) -> None:
    async with told(client, NUMBERS) as events:
        desk.station.post(ev.PartFailed(SOURCE_DOWN, OfflineReason.SOURCE))
        assert await _states(client) == ["Error", INACTIVE]
        desk.station.post(ev.PartRecovered(SOURCE_DOWN, OfflineReason.SOURCE))
        assert await _states(client) == ["Operational", "Ready"]
        await _settled(events)
        assert [one["Transition/Number"] for one in events.of(1018)] == [430, 340, 560]
        assert [one["Transition/Number"] for one in events.of(1019)] == [430]
        assert [one["Transition/Number"] for one in events.of(1020)] == [340]


@pytest.mark.parametrize("reason", [OfflineReason.OPERATOR, OfflineReason.PLC])
async def test_offline_by_somebodys_wish_is_preoperational(desk: Bench, client: Client, reason: OfflineReason) -> None:
    desk.station.post(ev.WentOffline(reason))
    assert await _states(client) == ["Preoperational", INACTIVE]


async def test_simulation_is_engineering_and_jobs_go_on(desk: Bench, client: Client) -> None:
    desk.station.simulate(True)
    assert await _states(client) == ["Operational", "Ready"]
    (system,) = await values(client, "SystemState")
    assert system.State is SystemStateDataType.ENG_3
    desk.station.trigger("p", Origin("job", "j"))
    assert await _states(client) == ["Operational", "SingleExecution"]


async def test_a_subscription_sees_each_state(desk: Bench, client: Client) -> None:
    seen: list[object] = []

    class Handler:
        def datachange_notification(self, node: object, value: object, data: object) -> None:
            seen.append(value)

        def event_notification(self, event: object) -> None:
            raise AssertionError("no event was subscribed to")

    subscription = await client.create_subscription(10, Handler())
    await subscription.subscribe_data_change(
        client.get_node(vision_id(f"{AUTOMATIC}.CurrentState.Number")), queuesize=50
    )
    desk.station.run()
    await until(lambda: len(seen) >= 3)
    assert seen == [6, 7, 6]
    await subscription.delete()


async def test_nothing_follows_the_station_after_the_end() -> None:
    station = DeskStation()
    async with bench(view(station)):
        assert station._observers
    assert station._observers == []


async def test_it_can_be_switched_off() -> None:
    async with bench(view(DeskStation()), machine_vision=False) as made:
        client = await made.connect()
        assert len(await client.get_namespace_array()) == 3
        assert (await values(client, MAIN))[0] == "BadNodeIdUnknown"


async def test_the_path_to_it_can_be_browsed(desk: Bench, client: Client) -> None:
    root = await client.nodes.objects.get_child("2:station1 vision")
    assert (await root.read_type_definition()) == model_id(1003)
    ready = await root.get_child(["3:VisionStateMachine", "3:AutomaticModeStateMachine", "0:CurrentState"])
    assert (await ready.read_value()).Text == "Ready"
    assert await (await root.get_child(["3:VisionStateMachine"])).read_type_definition() == model_id(1017)
    operational = await root.get_child(["3:VisionStateMachine", "3:Operational"])
    (below,) = await operational.get_referenced_nodes(ObjectIds.HasSubStateMachine)
    assert (await below.read_browse_name()).Name == "AutomaticModeStateMachine"
