"""H37: an old result is read again by its number, and nothing else is changed by that."""

from dataclasses import replace

import pytest

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.deadlines import next_wake
from gateway.core.handshake import step
from gateway.core.image import query_values, result_values
from gateway.core.inspection import Keeping
from gateway.core.queries import LOOK_UP_US
from gateway.core.query import NO_QUERY, QueryStatus
from gateway.core.result import Detection, Judgement, Reason, Result, Verdict, no_decision
from gateway.core.resume import Memory, resumed
from gateway.core.tags import QUERY_TAGS, TagType
from tests.core.driver import NOK, OK, Rig, fresh, rig
from tests.core.moves import NOW, Scope
from tests.core.walk import Walk

ANSWERED_MS = 1_769_900_399_042
SPOT = Detection("Spot", 2, 0.9, 1, 2, 3, 4)
BAD = Judgement(Verdict.NOK, detections=(SPOT, replace(SPOT, x=50)), score=0.875, inspector_us=41_000)
NOTHING = {tag.name: "" if tag.type is TagType.STRING else 0 for tag in QUERY_TAGS}
LOOKING = NOTHING | {"query_status": QueryStatus.LOOKING}


def old(seq: int, judgement: Judgement = BAD, inspection_id: int = -1) -> Result:
    return Result(inspection_id, seq, 4711, "Zähler 7", 2, judgement, 1_000, 0, 93_400)


def tell(bench: Rig, result: Result | None, *, reached: bool = True, before: int = 0) -> Rig:
    """The journal's answer to the newest question, or to one `before` it."""
    return bench.happen(ev.LookedUp(bench.state.query.id - before, reached, result, ANSWERED_MS))


def asked(seq: int = 17) -> Rig:
    bench = rig().write(result_query=seq)
    assert [action.result_seq for action in bench.did(act.LookUp)] == [seq]
    return bench.reads(**LOOKING)


def test_h37_a_number_is_looked_up_and_all_of_its_result_is_shown_in_one_step() -> None:
    tell(asked(17), old(17)).reads(
        query_result_seq=17,
        query_status=QueryStatus.FOUND,
        query_trigger_seq=4711,
        query_verdict=Verdict.NOK,
        query_reason=Reason.NONE,
        query_recipe=2,
        query_detection_count=2,
        query_defect_class=2,
        query_score_milli=875,
        query_inspection_time_ms=41,
        query_total_time_ms=92,
        query_answered_s=1_769_900_399,
        query_answered_ms=42,
        query_part_id="Zähler 7",
    )


def test_h37_it_says_what_the_result_tags_said() -> None:
    result = old(17, no_decision(Reason.FLOW_ERROR))
    bench = tell(asked(17), result)
    presented = result_values(result)
    for name, value in query_values(bench.state.query).items():
        told = name.removeprefix("query_")
        assert presented.get(told, presented.get(f"result_{told}", value)) == value, name


def test_h37_what_is_not_there_is_said_with_the_number() -> None:
    tell(asked(17), None).reads(**NOTHING | {"query_result_seq": 17, "query_status": QueryStatus.NOT_FOUND})
    unreachable = NOTHING | {"query_result_seq": 17, "query_status": QueryStatus.UNREACHABLE}
    tell(asked(17), None, reached=False).reads(**unreachable)
    tell(asked(17), old(18)).reads(**unreachable)  # the journal gives something else: it cannot be relied on


def test_h37_the_newest_question_wins() -> None:
    bench = asked(17).write(result_query=18).reads(**LOOKING)
    assert [action.result_seq for action in bench.did(act.LookUp)] == [18]
    tell(bench, old(17), before=1).reads(**LOOKING)
    tell(bench, old(18)).reads(query_result_seq=18, query_status=QueryStatus.FOUND)
    tell(bench, None, before=1).reads(query_result_seq=18, query_status=QueryStatus.FOUND)


def test_h37_a_second_answer_to_the_same_question_is_dropped() -> None:
    bench = tell(asked(17), old(17))
    bench.happen(ev.LookedUp(bench.state.query.id, True)).reads(query_status=QueryStatus.FOUND)
    tell(asked(17), None).happen(ev.LookedUp(1, True, old(17))).reads(query_status=QueryStatus.NOT_FOUND)


def test_h37_a_new_question_takes_the_old_answer_away_in_the_same_step() -> None:
    tell(asked(17), old(17)).write(result_query=18).reads(**LOOKING)


def test_h37_zero_asks_for_nothing_and_clears() -> None:
    bench = tell(asked(17), old(17)).write(result_query=0).reads(**NOTHING)
    assert not bench.did(act.LookUp)
    bench = asked(17).write(result_query=0).reads(**NOTHING)
    tell(bench, old(17), before=1).reads(**NOTHING)


def test_h37_the_same_number_is_asked_again_after_zero_only() -> None:
    bench = tell(asked(17), None).write(plc_heartbeat=5).write(result_query=17, part_id="x")
    assert not bench.did(act.LookUp)
    bench.write(result_query=0).write(result_query=17)
    assert bench.did(act.LookUp)


def test_h37_an_answer_stays_whatever_else_happens() -> None:
    bench = tell(asked(17), old(17))
    bench.answer(bench.trigger("A"), NOK)
    bench.write(result_ack=True).write(enable=False).write(set_offline=True).pass_ms(60_000)
    bench.reads(query_result_seq=17, query_verdict=Verdict.NOK, query_part_id="Zähler 7", result_part_id="A")


def test_h37_a_journal_that_does_not_answer_in_time_is_unreachable() -> None:
    bench = asked(17)
    limit_ms = LOOK_UP_US / 1000
    assert bench.pass_ms(limit_ms - 1).tags["query_status"] == QueryStatus.LOOKING
    assert next_wake(bench.state) <= bench.now + 1000
    bench.pass_ms(1).reads(**NOTHING | {"query_result_seq": 17, "query_status": QueryStatus.UNREACHABLE})
    tell(bench, old(17)).reads(query_status=QueryStatus.UNREACHABLE, query_verdict=0)


@pytest.mark.parametrize("by_call", [False, True])
def test_h37_a_reset_clears_it_and_drops_what_it_asks_itself(by_call: bool) -> None:
    for bench in (asked(17), tell(asked(17), old(17))):
        if by_call:
            bench.happen(calls.ResetAsked())
        else:
            bench.write(reset=True, result_query=18)
        bench.reads(**NOTHING)
        assert not bench.did(act.LookUp)
        tell(bench, old(17), before=1).reads(**NOTHING)


def test_h37_after_a_restart_nothing_is_shown_until_the_plc_asks() -> None:
    state = resumed(fresh(), Memory(result_seq=17), 0)
    assert state.query == NO_QUERY
    bench = Rig(state).write(result_query=17).reads(**LOOKING)
    assert bench.did(act.LookUp), "a question that still stands there is a question; it starts nothing"


def test_h37_a_result_on_its_way_is_not_told_before_it_is_shown() -> None:
    """Until then it may become another: the journal may not be able to keep it (H30)."""
    bench = rig(keep_ms=200).write(trigger_seq=1)
    bench.expose(1).answer(1, OK)
    assert bench.state.flight[0].keeping is Keeping.ASKED
    tell(bench.write(result_query=1), old(1, OK, inspection_id=1)).reads(
        **NOTHING | {"query_result_seq": 1, "query_status": QueryStatus.NOT_FOUND}
    )
    bench.happen(ev.Kept(1, True)).reads(result_seq=1)
    tell(bench.write(result_query=0).write(result_query=1), old(1, OK, inspection_id=1)).reads(query_verdict=Verdict.OK)


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("trigger", [{"trigger": True}, {"trigger_seq": 9}])
def test_h37_a_question_beside_a_trigger_is_no_second_command(trigger: dict[str, int], buffered: bool) -> None:
    bench = rig(buffered=buffered).write(result_query=17, part_id="A", **trigger)
    assert [type(action) for action in bench.actions] == [act.LookUp, act.Start]
    bench.reads(error=False, trigger_rejected=False, busy=True)
    tell(bench, old(17)).reads(busy=True, result_valid=False, query_status=QueryStatus.FOUND)


def test_h37_it_is_answered_in_any_state() -> None:
    for bench in (rig(enabled=False), rig().write(set_offline=True), rig().happen(ev.Draining()), rig()):
        tell(bench.write(result_query=3), old(3)).reads(query_status=QueryStatus.FOUND)


@pytest.mark.parametrize(
    "scope", [Scope(True, True, 1, 1), Scope(False, False, 1, 1, also=frozenset({"journal"}))], ids=str
)
def test_h37_a_question_changes_nothing_else_in_any_state(scope: Scope) -> None:
    """The same write with and without it: the same state and actions, but for the question."""
    for state in Walk(scope).run(20_000).states.values():
        c = state.commands
        for plain in (c, replace(c, trigger=not c.trigger), replace(c, enable=False), replace(c, trigger_seq=2)):
            after, actions = step(state, ev.PlcWrote(plain), NOW)
            with_it, more = step(state, ev.PlcWrote(replace(plain, result_query=17)), NOW)
            assert [action for action in more if not isinstance(action, act.LookUp)] == [*actions]
            assert sum(isinstance(action, act.LookUp) for action in more) == 1
            with_it.query, with_it.commands = after.query, after.commands
            assert with_it == after


def test_h37_the_question_is_a_command_like_any_other() -> None:
    assert Commands(result_query=5).beating(3) == Commands(result_query=5, plc_heartbeat=3)
