"""H33: the gateway goes down in two steps, so that no part that is being judged loses its verdict."""

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Reason
from tests.core.driver import NOK, offline, rejected, rig


def test_h33_what_is_in_flight_is_finished_and_nothing_new_begins() -> None:
    bench = rig(max_in_flight=2)
    one = bench.trigger()
    two = bench.expose(one).trigger()
    bench.happen(ev.Draining())
    offline(bench, OfflineReason.STOPPING)
    bench.reads(busy=True, error=False)
    rejected(bench.write(trigger=True), RejectReason.OFFLINE)
    bench.write(trigger=False).answer(one).reads(ok=True, busy=True)
    bench.answer(two, NOK).reads(nok=True, busy=False, offline_reason=OfflineReason.STOPPING)
    assert len(bench.results) == 2


def test_h33_calls_are_rejected_too() -> None:
    bench = rig().happen(ev.Draining()).happen(ev.TriggerAsked(5))
    assert [no.reason for no in bench.did(act.Reject)] == [RejectReason.OFFLINE]
    bench.happen(calls.RunAsked(6))
    assert [no.reason for no in bench.did(act.Refused)] == [RejectReason.OFFLINE]


def test_h33_results_can_still_be_acknowledged() -> None:
    bench = rig(buffered=True, max_in_flight=2)
    for _ in range(2):
        bench.answer(bench.trigger())
    bench.reads(results_pending=1)
    bench.happen(ev.Draining()).reads(result_valid=True, results_pending=1)
    bench.write(result_ack_seq=1).reads(result_seq=2, results_pending=0)


def test_h33_then_the_rest_is_answered_shutdown() -> None:
    bench = rig()
    bench.trigger()
    bench.happen(ev.Draining()).reads(busy=True)
    bench.happen(ev.Stopped()).reads(busy=False, no_decision=True, reason=Reason.SHUTDOWN)
    assert bench.did(act.Cancel)


def test_h33_neither_reset_nor_anything_else_takes_it_back() -> None:
    bench = rig().happen(ev.Draining()).pulse("reset").happen(calls.ResetAsked())
    bench.happen(ev.CameOnline(OfflineReason.STARTING)).pass_ms(60_000)
    offline(bench, OfflineReason.STOPPING)


def test_h33_a_continuous_run_ends_and_its_last_picture_is_judged() -> None:
    bench = rig().happen(calls.RunAsked(1))
    one = bench.picture()
    bench.happen(ev.Draining()).reads(busy=True)
    assert [end.run_id for end in bench.did(act.EndRun)] == [1]
    bench.answer(one).reads(ok=True, busy=False)


def test_h33_a_recipe_change_fails_at_once() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2).happen(ev.Draining())
    bench.reads(recipe_error=True, recipe=1, error_code=ErrorCode.RECIPE_FAILED)
    bench.write(change_recipe=False).write(change_recipe=True).reads(recipe_error=True, recipe=1)
    assert not bench.did(act.PrepareRecipe)


def test_h33_the_journal_is_waited_for_also_after_draining() -> None:
    """The first stop leaves the journal its time for what came at the last moment; only the second does not."""
    bench = rig(keep_ms=100)
    one = bench.trigger()
    bench.happen(ev.Draining()).answer(one).happen(ev.Stopped()).reads(busy=True)
    bench.happen(ev.Kept(one, True)).reads(ok=True, busy=False)
