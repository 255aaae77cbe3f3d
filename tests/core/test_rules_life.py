"""H21 to H24: life signs of both sides, a PLC that comes and goes, whole images."""

import struct
from dataclasses import FrozenInstanceError, replace

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.deadlines import next_wake
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.image import Projection
from gateway.core.registers import StatusCodec
from gateway.core.result import Reason
from gateway.core.state import WatchdogAction
from tests.core.driver import BOOT_ID, Rig, fresh, offline, rejected, rig
from tests.core.layout import standard

# ---- H21: our life sign -----------------------------------------------------------------------------------------


def test_h21_the_heartbeat_changes_at_least_twice_a_second_if_woken_when_asked() -> None:
    bench, beats, last = rig(), 0, 0
    end = bench.now + 10_000_000
    while bench.now < end:
        bench.pass_ms((next_wake(bench.state) - bench.now) / 1000)
        beats += bench["heartbeat"] != last
        last = int(bench["heartbeat"])
    assert 20 <= beats <= 41


def test_h21_without_steps_the_heartbeat_stands_still() -> None:
    bench = rig()
    before = bench["heartbeat"]
    assert before == bench["heartbeat"]
    bench.pass_ms(10_000)
    assert bench["heartbeat"] == int(before) + 1, "one beat a step, however long nothing ran"


def test_h21_the_heartbeat_wraps_and_the_boot_id_is_told() -> None:
    bench = rig()
    bench.state.heartbeat = 0xFFFF
    bench.pass_ms(250).reads(heartbeat=0, boot_id=BOOT_ID)


# ---- H22: the watchdog ------------------------------------------------------------------------------------------


def _watched(action: WatchdogAction) -> Rig:
    bench = rig(watchdog_ms=500, watchdog_action=action).write(plc_heartbeat=1)
    bench.trigger()
    return bench


def test_h22_a_heartbeat_that_moves_keeps_the_watchdog_quiet() -> None:
    bench = _watched(WatchdogAction.OFFLINE)
    for beat in range(2, 10):
        bench.write(after_ms=400, plc_heartbeat=beat)
    bench.reads(watchdog_tripped=False, online=True, error=False)


def test_h22_other_writes_are_no_life_sign() -> None:
    bench = _watched(WatchdogAction.NOTHING)
    for number in range(6):
        bench.write(after_ms=100, part_id=str(number))
    bench.reads(watchdog_tripped=True)


def test_h22_nothing_but_the_bit_and_the_error() -> None:
    bench = _watched(WatchdogAction.NOTHING).pass_ms(500)
    bench.reads(watchdog_tripped=True, error_code=ErrorCode.WATCHDOG, online=True, busy=True)


def test_h22_offline_until_the_heartbeat_moves() -> None:
    bench = _watched(WatchdogAction.OFFLINE).pass_ms(500)
    offline(bench, OfflineReason.WATCHDOG)
    bench.answer(1).reads(ok=True)
    rejected(bench.write(trigger=True), RejectReason.OFFLINE)
    bench.write(trigger=False, plc_heartbeat=2).reads(watchdog_tripped=False, online=True, ready=True)
    bench.reads(error_code=ErrorCode.WATCHDOG)


def test_h22_cancel_answers_what_is_in_flight() -> None:
    bench = _watched(WatchdogAction.CANCEL).pass_ms(500)
    bench.reads(busy=False, no_decision=True, reason=Reason.CANCELLED, online=True, watchdog_tripped=True)


def test_h22_off_by_default_and_counted_from_the_start() -> None:
    rig().pass_ms(3_600_000).reads(watchdog_tripped=False)
    bench = Rig(fresh(rig(watchdog_ms=500).state.options, plc_beat_at=0))
    bench.pass_ms(499).reads(watchdog_tripped=False)
    bench.pass_ms(1).reads(watchdog_tripped=True)


# ---- H23: a PLC that goes and comes back ------------------------------------------------------------------------


def test_h23_a_plc_that_comes_back_finds_everything_as_it_left_it() -> None:
    bench = rig(buffered=True).write(trigger=True, part_id="P").answer(1)
    left = bench.tags
    bench.pass_ms(5_000).happen(ev.PlcWrote(bench.state.commands))
    bench.reads(**{name: value for name, value in left.items() if name not in {"heartbeat", "state"}})
    assert bench.state.commands.part_id == "P"
    assert len(bench.all(act.Start)) == 1
    bench.write(trigger=False, result_ack=True).reads(result_valid=False, ready=True, error=False)


# ---- H24: whole images ------------------------------------------------------------------------------------------


def test_h24_result_seq_end_equals_result_seq_in_every_image() -> None:
    bench = rig(buffered=True, max_in_flight=2)
    for number in range(1, 6):
        bench.answer(bench.trigger()).write(result_ack_seq=number)
    bench.write(reset=True)
    assert all(tags["result_seq"] == tags["result_seq_end"] == tags["user_result_seq"] for tags in bench.trace)
    assert {tags["result_seq"] for tags in bench.trace} == set(range(6))


def test_h24_an_image_is_one_value_that_nobody_can_change_half() -> None:
    projection, bench = Projection(), rig().write(trigger=True, part_id="whole")
    first = projection.image(bench.state)
    kept = dict(first.values)
    second = projection.image(bench.answer(1).state)
    assert (first.values, second.seq) == (kept, first.seq + 1)
    with pytest.raises(FrozenInstanceError):
        first.seq = 9  # type: ignore[misc]  # that this is refused is the point
    assert (first.values["result_seq"], second.values["result_seq"]) == (0, 1)


def test_h24_the_bytes_of_an_image_carry_the_number_at_both_ends() -> None:
    registers = standard()
    bench = rig().write(trigger=True).answer(1)
    bench.state.presented = replace(bench.state.presented, result_seq=513) if bench.state.presented else None
    bench.state.shown_seq = 513
    status, user = StatusCodec(registers).encode(Projection().image(bench.state))
    words = struct.unpack(f">{len(status) // 2}H", status)
    places = {place.tag.name: place.register for place in registers.places}
    assert (words[places["result_seq"]], words[places["result_seq_end"]]) == (513, 513)
    assert struct.unpack(">H", user[:2]) == (513,)
