"""The decision deadline on a whole line (H36): the PLC has its answer in time, the journal what PEKAT said later."""

import asyncio
from pathlib import Path

import pytest

from gateway.core.errors import ErrorCode
from gateway.core.result import Reason, Verdict
from gateway.ports import ResultQuery
from tests.system.line import CONFIG, bad_part, good_part, running

HURRIED = CONFIG.replace(
    "[stations.handshake]\n", '[stations.handshake]\ndecision_deadline_ms = 1000\nlate_is = "{late_is}"\n'
)


@pytest.mark.parametrize(
    ("late_is", "verdict", "reason", "code"),
    [
        ("nok", Verdict.NOK, Reason.TOO_LATE, ErrorCode.NO_DECISION_TOO_LATE),
        ("no_decision", Verdict.NO_DECISION, Reason.TIMEOUT, ErrorCode.NO_DECISION_TIMEOUT),
    ],
)
async def test_a_late_answer_is_in_the_journal_and_nowhere_else(
    tmp_path: Path, late_is: str, verdict: Verdict, reason: Reason, code: ErrorCode
) -> None:
    async with running(tmp_path, config=HURRIED.replace("{late_is}", late_is)) as line:
        line.pekat.misbehave("delay", count=1, delay_ms=1_500)
        tags = await line.inspect("slow", good_part())
        assert (tags["verdict"], tags["reason"], tags["error_code"]) == (verdict, reason, code)
        assert tags["ok"] is False
        assert 1_000 <= int(tags["total_time_ms"]) < 1_400
        history = line.gateway.history
        assert history is not None
        async with asyncio.timeout(10):
            while not (late := await history.read(ResultQuery(late=True))):
                assert (await line.face.read())["verdict"] == verdict, "a late answer is never shown"
                await asyncio.sleep(0.05)
        (kept,), (given,) = late, await history.read(ResultQuery())
        assert (kept.result.verdict, kept.result.part_id, kept.result.late) == (Verdict.OK, "slow", True)
        assert kept.result.total_us >= 1_500_000
        assert (given.result.verdict, given.result.judgement.reason, given.result.late) == (verdict, reason, False)
        assert kept.result_id.startswith(f"{given.result_id}-late-")
        assert (await line.face.read())["verdict"] == verdict
        assert (await line.inspect("next", bad_part()))["result_part_id"] == "next"
