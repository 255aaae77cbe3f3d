"""Results of a station with several views: what `results show` and an export say of each view."""

import csv
import io
import json
from pathlib import Path

from gateway.core.result import Detection, Judgement, Reason, Verdict, no_decision
from gateway.core.views import combine
from tests.cli.kept import keep, told
from tests.sinks.results import recorded

SPOT = Detection("Spot", 2, 0.9, 1, 2, 3, 4)
WHOLE = combine(
    ("top", "side \x1b[31m"),
    (Judgement(Verdict.NOK, detections=(SPOT,), score=0.25, inspector_us=12_000), no_decision(Reason.TIMEOUT)),
)


def test_show_has_a_table_of_the_views(tmp_path: Path) -> None:
    (stored,), _ = keep(tmp_path / "history.db", [recorded(1, judgement=WHOLE)])
    shown = told(tmp_path, ["show", stored.result_id])
    rows = [line.split() for line in shown.splitlines()]
    head = next(row for row in rows if row[:2] == ["view", "verdict"])
    assert head == ["view", "verdict", "reason", "defects", "class", "score", "PEKAT", "ms", "detail"]
    assert next(row for row in rows if row[:2] == ["1", "top"]) == ["1", "top", "nok", "1", "2", "0.250", "12.0"]
    side = next(row for row in rows if row[:2] == ["2", "side"])
    assert side[3:5] == ["no_decision", "timeout"]
    assert "\x1b" not in shown
    assert ["Spot", "1", "2", "0.900", "1.0", "2.0", "3.0", "4.0"] in rows, "a detection says which view found it"


def test_an_export_has_the_views_as_json(tmp_path: Path) -> None:
    keep(tmp_path / "history.db", [recorded(1, judgement=WHOLE), recorded(2)])
    several, one = csv.DictReader(io.StringIO(told(tmp_path, ["export", "--csv", "-"])))
    said = json.loads(several["views"])
    assert [(view["view"], view["verdict"], view["reason"]) for view in said] == [
        (1, "nok", "none"),
        (2, "no_decision", "timeout"),
    ]
    assert json.loads(several["detections"])[0]["view"] == 1
    assert one["views"] == "[]"


def test_a_result_with_one_view_has_no_such_table(tmp_path: Path) -> None:
    (stored,), _ = keep(tmp_path / "history.db", [recorded(1)])
    assert "PEKAT ms" not in told(tmp_path, ["show", stored.result_id])
