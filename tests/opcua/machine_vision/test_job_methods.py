"""The methods of the state machines over the wire: what they do to the station, and what they refuse."""

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.core.errors import OfflineReason
from gateway.core.events import WentOffline
from gateway.core.result import Origin, Reason
from gateway.plc.opcua.machine_vision.error_codes import MethodError
from tests.opcua.desk import NOK, PAT, Bench, DeskStation, bench, bit, text, until, view
from tests.opcua.machine_vision.caller import anything, call, i32, raw, start_arguments

CAUSE = (i32(7), text("the foreman says so"))


async def test_a_single_job_returns_at_once_and_its_result_has_all_its_names(desk: Bench, client: Client) -> None:
    job_id, error = await call(client, "StartSingleJob", *start_arguments("Teil ä", "M-7", "bottle", "product 1"))
    assert error == MethodError.NONE
    (started,) = desk.station.started
    assert started.part_id == "Teil ä"
    assert started.origin == Origin("job", job_id.Id, "M-7", "product 1", client=f"opcua {PAT} 127.0.0.1")
    desk.station.answer(NOK)
    assert desk.station.recorded[0].result.origin.job_id == job_id.Id


async def test_every_job_has_another_id_on_every_station() -> None:
    stations = [DeskStation(name) for name in ("a", "b")]
    for station in stations:
        station.enable()
    async with bench(*map(view, stations)) as made:
        client = await made.connect()
        ids = []
        for _ in range(3):
            for station in stations:
                job_id, _error = await call(client, "StartSingleJob", *start_arguments(), station=station.name)
                ids.append(job_id.Id)
                station.answer()
    assert len(set(ids)) == 6


async def test_blanks_around_an_id_are_none_of_it(desk: Bench, client: Client) -> None:
    """The ids are TrimmedStrings."""
    await call(client, "StartSingleJob", *start_arguments("  P-1 ", " M ", " bottle"))
    assert (desk.station.started[0].part_id, desk.station.started[0].origin.meas_id) == ("P-1", "M")


@pytest.mark.parametrize("method", ["StartSingleJob", "StartContinuous"])
async def test_everything_may_be_left_out(method: str, desk: Bench, client: Client) -> None:
    """Null structures and a null array, of their own types or of none at all."""
    for kind in (ua.VariantType.ExtensionObject, ua.VariantType.Null):
        nothing = ua.Variant(None, kind)
        job_id, error = await call(client, method, *[nothing] * 4, ua.Variant(None, ua.VariantType.Null))
        assert (bool(job_id.Id), error) == (True, 0)
        desk.station.abort()


@pytest.mark.parametrize("method", ["StartSingleJob", "StartContinuous"])
@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (start_arguments("ä" * 17), [1]),
        (start_arguments("x" * 33, "y" * 65), [0, 1]),
        (start_arguments(product_id="z" * 65), [3]),
        (start_arguments(parameters=anything(1)), [4]),
    ],
)
async def test_values_out_of_range(
    method: str, given: list[ua.Variant], wrong: list[int], desk: Bench, client: Client
) -> None:
    """Too long to be carried; and our recipes have no parameters."""
    result = await raw(client, method, given)
    assert result.StatusCode.name == "BadInvalidArgument"
    assert [i for i, one in enumerate(result.InputArgumentResults) if one.name == "BadOutOfRange"] == wrong
    assert (desk.station.started, desk.station.state.continuous) == ([], None)


@pytest.mark.parametrize("method", ["StartSingleJob", "StartContinuous"])
@pytest.mark.parametrize(
    ("recipe", "product", "error"),
    [
        ("can", "", MethodError.RECIPE_NOT_PREPARED),
        ("nothing", "", MethodError.RECIPE_NOT_PREPARED),
        ("", "product 2", MethodError.PRODUCT_NOT_PREPARED),
        ("bottle", "product 2", MethodError.PRODUCT_NOT_PREPARED),
    ],
)
async def test_a_job_for_another_recipe_is_refused(
    method: str, recipe: str, product: str, error: MethodError, desk: Bench, client: Client
) -> None:
    job_id, code = await call(client, method, *start_arguments(recipe=recipe, product_id=product))
    assert (job_id, code) == (None, error)
    assert (desk.station.started, desk.station.state.continuous) == ([], None)
    assert desk.station.state.counts.missed == 0


@pytest.mark.parametrize("method", ["StartSingleJob", "StartContinuous"])
async def test_a_station_that_is_not_ready_starts_no_job(method: str, desk: Bench, client: Client) -> None:
    desk.station.post(WentOffline(OfflineReason.OPERATOR))
    assert await call(client, method, *start_arguments()) == [None, MethodError.OFFLINE]
    assert (desk.station.started, desk.station.state.continuous) == ([], None)


async def test_a_busy_station_starts_no_second_job(desk: Bench, client: Client) -> None:
    await call(client, "StartSingleJob", *start_arguments())
    job_id, error = await call(client, "StartSingleJob", *start_arguments())
    assert (job_id, error, len(desk.station.started)) == (None, MethodError.EXPOSING, 1)


async def test_without_a_prepared_recipe_no_job_starts(desk: Bench, client: Client) -> None:
    desk.station.unprepare_recipe()
    assert await call(client, "StartSingleJob", *start_arguments()) == [None, MethodError.NO_RECIPE]
    assert await call(client, "StartSingleJob", *start_arguments(recipe="bottle")) == [
        None,
        MethodError.RECIPE_NOT_PREPARED,
    ]


async def test_a_continuous_job_gives_all_its_results_its_id_until_stop(desk: Bench, client: Client) -> None:
    job_id, error = await call(client, "StartContinuous", *start_arguments("lot 5", "M-1"))
    assert error == 0
    for _ in range(3):
        await until(lambda: desk.station.state.continuous is not None and desk.station.state.continuous.awaiting)
        desk.station.picture()
        desk.station.answer()
    assert await call(client, "StartSingleJob", *start_arguments()) == [None, MethodError.CONTINUOUS]
    desk.station.picture()
    assert await call(client, "Stop", *CAUSE) == [0]
    assert desk.station.state.in_flight == 1, "what is in flight is finished"
    desk.station.answer()
    origins = [one.result.origin for one in desk.station.recorded]
    assert [(one.by, one.job_id, one.meas_id) for one in origins] == [("continuous", job_id.Id, "M-1")] * 4
    assert await call(client, "Stop", *CAUSE) == [MethodError.NOTHING_RUNS]


async def test_abort_cancels_a_single_job_and_a_continuous_one(desk: Bench, client: Client) -> None:
    await call(client, "StartSingleJob", *start_arguments())
    assert await call(client, "Abort", *CAUSE) == [0]
    await call(client, "StartContinuous", *start_arguments())
    desk.station.picture()
    assert await call(client, "Abort", *CAUSE) == [0]
    assert [one.result.judgement.reason for one in desk.station.recorded] == [Reason.CANCELLED] * 2
    assert desk.station.state.continuous is None
    assert await call(client, "Abort", *CAUSE) == [MethodError.NOTHING_RUNS]


async def test_stop_lets_a_single_job_end(desk: Bench, client: Client) -> None:
    await call(client, "StartSingleJob", *start_arguments())
    assert await call(client, "Stop", *CAUSE) == [0]
    desk.station.answer(NOK)
    assert desk.station.recorded[0].result.judgement == NOK


async def test_halt_reset_and_automatic_mode(desk: Bench, client: Client) -> None:
    """Halt and Reset work in every state; automatic mode comes after a reset."""
    for _ in range(2):
        assert await call(client, "Halt", *CAUSE) == [0]
        assert desk.station.state.halted
    assert await call(client, "SelectModeAutomatic") == [MethodError.WRONG_STATE]
    for _ in range(2):
        assert await call(client, "Reset", *CAUSE) == [0]
        assert not desk.station.state.halted
    assert not desk.station.state.automatic
    assert await call(client, "SelectModeAutomatic") == [0]
    assert desk.station.state.automatic


async def test_simulation_mode(desk: Bench, client: Client) -> None:
    assert await call(client, "SimulationMode", bit(True), *CAUSE) == [0]
    assert desk.station.state.simulating
    job_id, error = await call(client, "StartSingleJob", *start_arguments())
    assert error == 0
    assert await call(client, "SimulationMode", bit(False), *CAUSE) == [MethodError.BUSY]
    desk.station.answer()
    assert desk.station.recorded[0].result.origin == Origin(
        "job", job_id.Id, simulated=True, client=f"opcua {PAT} 127.0.0.1"
    )
    assert await call(client, "SimulationMode", bit(False), *CAUSE) == [0]
    assert not desk.station.state.simulating


async def test_without_a_simulation_source_there_is_no_simulation_mode(desk: Bench, client: Client) -> None:
    desk.station.can_simulate = False
    assert await call(client, "SimulationMode", bit(True), *CAUSE) == [MethodError.NO_SIMULATION]


async def test_what_controls_a_station_of_another_link_is_refused() -> None:
    """Exactly one link owns the control tags."""
    station = DeskStation()
    station.enable()
    async with bench(view(station, controls=False)) as made:
        client = await made.connect()
        before = station.state
        for method, given in (
            ("StartSingleJob", start_arguments()),
            ("StartContinuous", start_arguments()),
            ("SelectModeAutomatic", []),
            *((name, CAUSE) for name in ("Halt", "Reset", "Stop", "Abort")),
            ("SimulationMode", [bit(True), *CAUSE]),
        ):
            assert (await raw(client, method, given)).StatusCode.name == "BadUserAccessDenied", method
        assert station.state is before
