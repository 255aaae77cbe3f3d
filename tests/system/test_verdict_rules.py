"""Rules and the alarm on a whole line: PEKAT says OK, the recipe says otherwise, the PLC reads it over Modbus."""

from pathlib import Path

from gateway.core.errors import ErrorCode
from gateway.core.result import Reason
from tests.system.line import CONFIG, bad_part, good_part, running

RULED = CONFIG.replace("[stations.handshake]\n", "[stations.handshake]\nstop_after_nok = 2\n").replace(
    "[[stations.user_values]]", "rules = {{ {rules} }}\n\n[[stations.user_values]]"
)


def ruled(rules: str) -> str:
    return RULED.replace("{rules}", rules)


async def test_too_many_defects_are_nok_though_the_project_let_them_pass(tmp_path: Path) -> None:
    async with running(tmp_path, config=ruled("max_detections = 1")) as line:
        line.pekat.misbehave("result_true")
        tags = await line.inspect("two spots", bad_part())
        assert (tags["nok"], tags["ok"], tags["reason"], tags["detection_count"]) == (True, False, 0, 2)
        tags = await line.inspect("none", good_part())
        assert (tags["ok"], tags["reason"]) == (True, 0)


async def test_a_score_in_between_is_for_somebody_to_look_at(tmp_path: Path) -> None:
    async with running(tmp_path, config=ruled("ok_below = 0.01, nok_above = 2.0")) as line:
        line.pekat.misbehave("result_true")
        tags = await line.inspect("doubtful", bad_part())
        assert (tags["no_decision"], tags["ok"], tags["reason"]) == (True, False, int(Reason.REVIEW))
        assert (tags["error"], tags["result_part_id"]) == (False, "doubtful")
        assert (await line.inspect("fine", good_part()))["ok"] is True


async def test_two_bad_parts_in_a_row_stop_the_line_until_it_is_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path, config=ruled("max_detections = 1")) as line:
        assert not (await line.inspect("bad", bad_part()))["stop_line"]
        tags = await line.inspect("bad again", bad_part())
        assert (tags["stop_line"], tags["error_code"]) == (True, int(ErrorCode.NOK_IN_A_ROW))
        await line.acknowledge_error()
        tags = await line.until("stop_line", False)
        assert (tags["error"], tags["error_count"]) == (False, 1)
