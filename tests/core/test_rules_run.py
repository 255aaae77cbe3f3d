"""H28: continuous runs."""

from typing import Any

import pytest

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason, RejectReason
from gateway.core.result import Origin, Reason
from gateway.core.state import WatchdogAction
from tests.core.driver import NOK, OK, Rig, offline, rejected, rig

BATCH = Origin(by="continuous", job_id="J7")
RUN = calls.RunAsked(1, "batch", BATCH)
SICK = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE)


def running(*, buffered: bool = False, **options: Any) -> Rig:
    bench = rig(buffered=buffered, **options).happen(RUN)
    assert not bench.did(act.Refused)
    return bench


def test_h28_each_picture_is_one_trigger_with_one_answer_in_order() -> None:
    bench = running().reads(ready=False, busy=False, state=9)
    begun = bench.now
    for number in range(1, 4):
        inspection = bench.picture()
        (start,) = bench.did(act.Start)
        assert (start.trigger_seq, start.part_id, start.origin, start.pictures_from) == (number, "batch", BATCH, begun)
        assert start.deadline == bench.now + 5_000_000, "its time runs from its acceptance"
        bench.reads(busy=True, trigger_seq_accepted=number, count_triggers=number, result_valid=False)
        bench.expose(inspection).answer(inspection, NOK if number == 2 else OK)
        bench.reads(result_seq=number, result_part_id="batch", nok=number == 2, ok=number != 2)
    assert [result.origin for result in bench.results] == [BATCH] * 3


def test_h28_it_begins_only_when_a_trigger_would_be_accepted() -> None:
    bench = rig(enabled=False).happen(RUN)
    assert bench.did(act.Refused) == [act.Refused(1, RejectReason.NOT_ENABLED)]
    bench.write(enable=True, set_offline=True).happen(RUN)
    assert bench.did(act.Refused) == [act.Refused(1, RejectReason.OFFLINE)]
    bench.write(set_offline=False).write(trigger=True, part_id="P").happen(RUN)
    assert bench.did(act.Refused) == [act.Refused(1, RejectReason.TRIGGER_HELD)]
    bench.reads(count_missed=0, trigger_rejected=False)
    bench.write(trigger=False).answer(1).happen(RUN).happen(RUN)
    assert bench.did(act.Refused) == [act.Refused(1, RejectReason.CONTINUOUS)]


def test_h28_other_triggers_are_rejected_and_recipe_changes_refused() -> None:
    bench = running()
    rejected(bench.write(trigger=True), RejectReason.CONTINUOUS)
    rejected(bench.write(trigger=False).write(trigger_seq=9), RejectReason.CONTINUOUS, missed=2)
    bench.happen(ev.TriggerAsked(5, "call"))
    assert bench.did(act.Reject) == [act.Reject(5, RejectReason.CONTINUOUS)]
    bench.write(change_recipe=True, recipe_request=2).reads(recipe_error=True, error_code=ErrorCode.RECIPE_BUSY)
    bench.happen(ev.RecipeAsked(6, 2))
    assert bench.did(act.RecipeSettled) == [act.RecipeSettled(6, ErrorCode.RECIPE_BUSY)]
    assert bench.picture() == 1, "the run goes on"


def test_h28_waiting_for_a_picture_is_no_trigger() -> None:
    bench = running().pass_ms(3_600_000).reads(busy=False, count_triggers=0, result_valid=False, error=False, state=9)
    assert len(bench.awaited) == 1
    assert bench.picture() == 1


def test_h28_one_picture_is_awaited_at_a_time_and_only_while_it_could_be_taken() -> None:
    bench = running()
    bench.picture()
    assert len(bench.awaited) == 1, "one in flight: no place for another"
    bench.expose(1)
    assert len(bench.awaited) == 1
    bench.answer(1)
    assert len(bench.awaited) == 2
    (run,) = {wanted.run_id for wanted in bench.awaited}
    bench.happen(ev.PictureCame(run)).happen(ev.PictureCame(run))
    assert [start.inspection_id for start in bench.all(act.Start)] == [1, 2], "one picture, told of twice, is one"


def test_h28_a_picture_told_of_twice_is_one_also_when_a_place_comes_free_in_between() -> None:
    bench = running(inspection_timeout_ms=100)
    bench.picture()
    bench.happen(ev.PictureCame(1), 100).reads(reason=Reason.TIMEOUT, count_triggers=1, busy=False)
    assert len(bench.awaited) == 2


def test_h28_with_several_in_flight_the_next_picture_is_awaited_when_the_last_is_taken() -> None:
    bench = running(max_in_flight=2)
    bench.picture()
    assert len(bench.awaited) == 1
    bench.expose(1)
    assert len(bench.awaited) == 2
    bench.picture()
    bench.expose(2).answer(2, NOK).answer(1, OK)
    assert [result.inspection_id for result in bench.results] == [1, 2]


def test_h28_a_full_fifo_keeps_the_picture_waiting() -> None:
    bench = running(buffered=True, result_depth=2)
    for _ in range(2):
        bench.answer(bench.picture())
    assert len(bench.awaited) == 2
    bench.reads(state=5, results_pending=1, count_missed=0)
    bench.pass_ms(1_000).write(result_ack_seq=1).reads(state=9)
    assert len(bench.awaited) == 3
    bench.answer(bench.picture()).reads(results_pending=1, count_missed=0, overrun=False)


def test_h28_a_picture_that_comes_when_the_place_is_gone_waits_for_the_next_one() -> None:
    """Buffering begins while a picture is awaited, and the result on show takes the only place."""
    bench = running(result_depth=1)
    bench.answer(bench.picture())
    assert len(bench.awaited) == 2
    bench.write(buffer_results=True)
    assert bench.picture() == 0
    bench.reads(count_missed=0, count_triggers=1)
    bench.write(result_ack_seq=1)
    assert len(bench.awaited) == 3
    assert bench.picture() == 2


def test_h28_a_stop_lets_what_is_in_flight_finish() -> None:
    bench = running()
    bench.picture()
    bench.happen(calls.StopAsked()).reads(busy=True, state=3)
    assert bench.did(act.EndRun) == [act.EndRun(1)]
    bench.expose(1).answer(1).reads(ok=True, ready=True)
    bench.happen(ev.PictureCame(1)).reads(busy=False, count_missed=0)
    bench.happen(calls.StopAsked()).reads(ready=True, error=False)


ENDS: dict[str, ev.Event] = {
    "abort by call": calls.AbortAsked(),
    "abort by bit": ev.PlcWrote(Commands(enable=True, abort=True)),
    "halt": calls.HaltAsked(),
    "enable falls": ev.PlcWrote(Commands()),
    "set_offline": ev.PlcWrote(Commands(enable=True, set_offline=True)),
    "operator": ev.WentOffline(OfflineReason.OPERATOR),
    "the source takes it offline": ev.PartFailed(SICK, OfflineReason.SOURCE),
}


@pytest.mark.parametrize("how", ENDS)
def test_h28_these_end_the_run_and_cancel_what_is_in_flight(how: str) -> None:
    bench = running()
    bench.picture()
    bench.happen(ENDS[how])
    assert bench.did(act.EndRun) == [act.EndRun(1)]
    assert bench.did(act.Cancel) == [act.Cancel(1)]
    bench.reads(busy=False, no_decision=True, reason=Reason.CANCELLED, result_part_id="batch")
    assert bench.state.continuous is None
    bench.write(abort=False, set_offline=False, enable=False).happen(ev.CameOnline(OfflineReason.OPERATOR))
    bench.happen(ev.PartRecovered(SICK, OfflineReason.SOURCE)).write(enable=True).pass_ms(1_000)
    assert len(bench.awaited) == 1, "it does not begin again by itself"


@pytest.mark.parametrize("reset", [ev.PlcWrote(Commands(reset=True)), calls.ResetAsked()], ids=["bit", "call"])
def test_h28_reset_ends_the_run_and_shows_nothing(reset: ev.Event) -> None:
    bench = running()
    bench.picture()
    bench.happen(reset).reads(busy=False, result_valid=False, result_seq=0)
    assert [record.presented for record in bench.did(act.Record)] == [False]
    assert bench.did(act.EndRun) == [act.EndRun(1)]


def test_h28_the_end_of_the_gateway_ends_the_run_and_answers() -> None:
    bench = running()
    bench.picture()
    bench.happen(ev.Stopped()).reads(reason=Reason.SHUTDOWN, busy=False)
    assert bench.did(act.EndRun) == [act.EndRun(1)]
    offline(bench, OfflineReason.STOPPING)


@pytest.mark.parametrize("action", [WatchdogAction.OFFLINE, WatchdogAction.CANCEL])
def test_h28_a_silent_plc_ends_the_run_as_the_watchdog_says(action: WatchdogAction) -> None:
    bench = running(watchdog_ms=500, watchdog_action=action)
    bench.picture()
    bench.pass_ms(500).reads(watchdog_tripped=True, busy=False, reason=Reason.CANCELLED)
    assert bench.state.continuous is None


def test_h28_with_a_watchdog_that_only_tells_the_run_goes_on() -> None:
    bench = running(watchdog_ms=500).pass_ms(500).reads(watchdog_tripped=True)
    assert bench.picture() == 1


def test_h28_a_time_out_in_a_run_is_one_answer_and_the_run_goes_on() -> None:
    bench = running(inspection_timeout_ms=100)
    bench.picture()
    bench.pass_ms(100).reads(no_decision=True, reason=Reason.TIMEOUT)
    assert bench.picture() == 2


def test_h28_an_ill_source_that_leaves_the_station_online_ends_nothing() -> None:
    bench = running().happen(ev.PartFailed(SICK)).reads(online=True, error_code=ErrorCode.SOURCE_DOWN)
    assert bench.picture() == 1


def test_h28_a_run_in_simulation_mode_is_simulated() -> None:
    bench = rig().happen(calls.SimulationAsked(1, True)).happen(RUN)
    assert bench.did(act.AwaitPicture)[0].simulated
    inspection = bench.picture()
    bench.answer(inspection, OK).reads(result_valid=False, count_triggers=0, ok=False)
    assert [(r.origin.simulated, r.origin.job_id) for r in bench.results] == [(True, "J7")]
    bench.happen(calls.SimulationAsked(2, False))
    assert bench.did(act.Refused) == [act.Refused(2, RejectReason.BUSY)]
    bench.happen(calls.StopAsked()).happen(calls.SimulationAsked(3, False)).reads(ready=True)
