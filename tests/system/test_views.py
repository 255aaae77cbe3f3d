"""Several views over real sockets: cameras' folders, a PEKAT each, one verdict, and what each view said in its tags."""

import asyncio
import time
from pathlib import Path

from gateway.cli.ports import free_port
from gateway.cli.results_columns import COLUMNS
from gateway.core.errors import Cause, ErrorCode
from gateway.core.result import Reason, Verdict
from gateway.core.views import MOST_VIEWS
from gateway.ports import ResultQuery
from tests.system.line import bad_part, good_part
from tests.system.views_line import watching

GOOD = (Verdict.OK, Reason.NONE, 0, 0)
GONE = """
[[stations.views]]
name = "gone"
source = {{ kind = "http_camera", url = "http://127.0.0.1:{port}/snapshot.png" }}
"""


async def test_all_good_is_ok_and_one_bad_view_is_nok(tmp_path: Path) -> None:
    async with watching(tmp_path, "top", "side", "bottom") as line:
        tags = await line.inspect_all("A1", {"top": good_part(), "side": good_part(), "bottom": good_part()})
        assert (tags["verdict"], tags["ok"], tags["result_part_id"]) == (Verdict.OK, True, "A1")
        seq, rows = await line.rows()
        assert (seq, [row[:4] for row in rows]) == (tags["result_seq"], [GOOD] * 3)
        tags = await line.inspect_all("A2", {"top": good_part(), "side": bad_part(), "bottom": good_part()})
        assert (tags["verdict"], tags["nok"], tags["error"]) == (Verdict.NOK, True, False)
        seq, rows = await line.rows()
        assert seq == tags["result_seq"] == 2
        assert [row[:3] for row in rows] == [GOOD[:3], (Verdict.NOK, Reason.NONE, 2), GOOD[:3]]
        assert rows[1][3] == tags["defect_class"] in (1, 2)
        assert tags["detection_count"] == 2
        assert [pekat.analysed for pekat in line.pekats.values()] == [2, 2, 2]
    for view in ("top", "side", "bottom"):
        assert line.kept(view, "done") == ["0001.png", "0002.png"]


async def test_the_views_are_judged_at_the_same_time(tmp_path: Path) -> None:
    async with watching(tmp_path, "top", "side", "bottom", "back") as line:
        for pekat in line.pekats.values():
            pekat.misbehave("delay", delay_ms=1500)
        began = time.monotonic()
        tags = await line.inspect_all("A1", dict.fromkeys(line.pekats, good_part()))
        assert tags["verdict"] == Verdict.OK
        assert 1.5 <= time.monotonic() - began < 5.0, "one after the other takes 6 s"
        assert 1500 <= int(tags["inspection_time_ms"]) < 5000
        assert all(row[5] >= 1500 for row in (await line.rows())[1])


async def test_a_camera_that_is_gone_is_no_decision_of_its_view_and_a_standing_fault(tmp_path: Path) -> None:
    more = GONE.format(port=free_port())
    async with watching(tmp_path, "top", "side", more=more, projects=("gone",)) as line:
        await line.until("error_code", int(ErrorCode.SOURCE_DOWN))
        faults = [line.gateway.stations["station1"].state.error]
        assert [(fault.cause, fault.view) for fault in faults if fault] == [(Cause.SOURCE, 3)]
        tags = await line.inspect_all("A1", {"top": good_part(), "side": good_part()})
        assert (tags["verdict"], tags["reason"]) == (Verdict.NO_DECISION, Reason.SOURCE_FAILED)
        missing = (Verdict.NO_DECISION, Reason.SOURCE_FAILED, 0, 0)
        assert [row[:4] for row in (await line.rows())[1]] == [GOOD, GOOD, missing]
        tags = await line.inspect_all("A2", {"top": bad_part(), "side": good_part()})
        assert (tags["verdict"], tags["reason"]) == (Verdict.NOK, Reason.NONE), "what one view found bad is bad"
        assert [row[0] for row in (await line.rows())[1]] == [Verdict.NOK, Verdict.OK, Verdict.NO_DECISION]
    assert line.kept("top", "done") == line.kept("side", "done") == ["0001.png", "0002.png"]


async def test_a_pekat_that_hangs_is_a_time_out_of_its_view_and_the_others_stand_as_they_were(tmp_path: Path) -> None:
    late = (Verdict.NO_DECISION, Reason.TIMEOUT, 0, 0, 0, 0)
    async with watching(tmp_path, "top", "side", "bottom", timeout_ms=4000) as line:
        line.pekats["side"].misbehave("hang", count=2)
        tags = await line.inspect_all("A1", dict.fromkeys(line.pekats, good_part()))
        assert (tags["verdict"], tags["reason"], tags["ok"]) == (Verdict.NO_DECISION, Reason.TIMEOUT, False)
        assert tags["error_code"] == ErrorCode.NO_DECISION_TIMEOUT
        assert 3500 <= int(tags["total_time_ms"]) < 4500, "at the deadline, of which the journal has its share (H30)"
        seq, rows = await line.rows()
        assert (seq, [row[:4] for row in rows]) == (tags["result_seq"], [GOOD, late[:4], GOOD])
        assert rows[1] == late
        tags = await line.inspect_all("A2", {"top": bad_part(), "side": good_part(), "bottom": good_part()})
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.NOK, "A2")
        assert [row[0] for row in (await line.rows())[1]] == [Verdict.NOK, Verdict.NO_DECISION, Verdict.OK]
        tags = await line.inspect_all("A3", dict.fromkeys(line.pekats, good_part()))
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.OK, "A3")
        assert [row[:4] for row in (await line.rows())[1]] == [GOOD] * 3
        late_answers = line.gateway.stations["station1"].state.counts.late
        assert late_answers <= 2, "only those that hung, where the wire's time is over in the same moment (H8)"
    assert line.kept("side", "unjudged") == ["0001.png", "0002.png"]
    assert line.kept("side", "done") == ["0003.png"]
    assert line.kept("top", "done") == ["0001.png", "0002.png", "0003.png"]


async def test_a_picture_that_does_not_come_leaves_the_other_views_their_answers(tmp_path: Path) -> None:
    async with watching(tmp_path, "top", "side", timeout_ms=700) as line:
        tags = await line.inspect_all("A1", {"top": good_part()})
        assert (tags["verdict"], tags["ok"]) == (Verdict.NO_DECISION, False)
        (top, side) = (await line.rows())[1]
        assert top[:4] == GOOD
        assert side[0] == Verdict.NO_DECISION
        assert side[1] in (Reason.NO_IMAGE, Reason.TIMEOUT)
        tags = await line.inspect_all("A2", {"top": good_part(), "side": bad_part()})
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.NOK, "A2")


async def test_one_picture_in_two_projects(tmp_path: Path) -> None:
    more = '[[stations.views]]\nname = "print"\nsame_image_as = "top"\n'
    async with watching(tmp_path, "top", "side", more=more, projects=("print",)) as line:
        line.pekats["print"].misbehave("result_false", count=1)
        tags = await line.inspect_all("A1", {"top": good_part(), "side": good_part()})
        assert tags["verdict"] == Verdict.NOK
        assert [row[0] for row in (await line.rows())[1]] == [Verdict.OK, Verdict.OK, Verdict.NOK]
        line.pekats["print"].misbehave("status_400", count=1)
        tags = await line.inspect_all("A2", {"top": good_part(), "side": good_part()})
        assert (tags["verdict"], tags["reason"]) == (Verdict.NO_DECISION, Reason.BAD_IMAGE)
        assert [pekat.analysed for pekat in line.pekats.values()] == [2, 2, 2]
    assert line.kept("top", "done") == ["0001.png", "0002.png"], "settled once, as one project judged it"


async def test_eight_views(tmp_path: Path) -> None:
    views = [f"camera{number}" for number in range(1, MOST_VIEWS + 1)]
    async with watching(tmp_path, *views) as line:
        pictures = {view: bad_part() if view == "camera8" else good_part() for view in views}
        tags = await line.inspect_all("A1", pictures)
        assert tags["verdict"] == Verdict.NOK
        assert [row[0] for row in (await line.rows())[1]] == [Verdict.OK] * 7 + [Verdict.NOK]


async def test_a_reset_in_between_leaves_no_view_behind(tmp_path: Path) -> None:
    async with watching(tmp_path, "top", "side") as line:
        for pekat in line.pekats.values():
            pekat.misbehave("hang", count=1)
        await line._write(trigger=True, part_id="A1")
        line.shoot({"top": good_part(), "side": good_part()})
        async with asyncio.timeout(5):
            while not all(pekat.analysed for pekat in line.pekats.values()):
                await asyncio.sleep(0.005)
        await line._write(trigger=False, reset=True)
        await line._write(reset=False)
        await line.until("ready")
        tags = await line.inspect_all("A2", {"top": good_part(), "side": bad_part()})
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.NOK, "A2")


async def test_the_history_keeps_what_each_view_said(tmp_path: Path) -> None:
    async with watching(tmp_path, "top", "side") as line:
        await line.inspect_all("A1", {"top": good_part(), "side": bad_part()})
        assert line.gateway.history is not None
        (stored,) = await line.gateway.history.read(ResultQuery(station="station1"))
    kept = stored.result.judgement
    assert [(one.view, one.name, one.verdict) for one in kept.views] == [
        (1, "top", Verdict.OK),
        (2, "side", Verdict.NOK),
    ]
    assert {one.view for one in kept.detections} == {2}
    assert '"name":"side","verdict":"nok"' in str(COLUMNS["views"](stored))
