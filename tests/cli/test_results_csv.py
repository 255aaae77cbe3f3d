"""CSV gives back what went in, whatever stands in it."""

import csv
import io
import json
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli.results_columns import COLUMNS
from gateway.cli.results_csv import write_rows
from gateway.core.result import Judgement, Verdict
from gateway.ports import Recorded, ResultQuery, StoredResult
from gateway.sinks.history_reader import HistoryReader
from tests.cli.kept import keep
from tests.sinks.results import recorded, recordeds

FIRST = "result_seq,trigger_seq,time,station,part_id,recipe,verdict,reason,detection_count,"
PROMISED = FIRST + (
    "recipe_name,score,exposed_ms,inspector_ms,total_ms,result_id,asked_by,job_id,meas_id,product_id,simulated,"
    "presented,detail,detections,user_values,views,images,review,reviewed_by,reviewed_over,review_ms,client,"
    "pictured_ms,asked_ms,shown_ms,acknowledged_ms,pictures,image_files,images_kept"
)
"""New ones come after these."""


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def written(pages: list[list[StoredResult]]) -> str:
    out = io.StringIO(newline="")
    write_rows(pages, out)
    return out.getvalue()


def check(row: dict[str, str], stored: StoredResult) -> None:
    result, judgement, origin = stored.result, stored.result.judgement, stored.result.origin
    texts = {
        "station": stored.station, "part_id": result.part_id, "recipe_name": stored.recipe_name,
        "result_id": stored.result_id, "asked_by": origin.by, "job_id": origin.job_id, "meas_id": origin.meas_id,
        "product_id": origin.product_id, "detail": judgement.detail, "verdict": result.verdict.name.lower(),
        "reason": judgement.reason.name.lower(), "simulated": str(origin.simulated).lower(),
        "presented": str(stored.presented).lower(), "score": "" if judgement.score is None else row["score"],
    }  # fmt: skip
    assert {name: row[name] for name in texts} == texts
    assert judgement.score is None or float(row["score"]) == judgement.score
    numbers = (result.result_seq, result.trigger_seq, result.recipe, len(judgement.detections))
    assert tuple(int(row[name]) for name in ("result_seq", "trigger_seq", "recipe", "detection_count")) == numbers
    assert datetime.fromisoformat(row["time"]) == stored.answered
    assert row["time"].endswith("Z")
    assert round(float(row["total_ms"]) * 1000) == result.total_us
    assert round(float(row["inspector_ms"]) * 1000) == judgement.inspector_us
    exposed = result.exposed_at - result.accepted_at if result.exposed_at else None
    assert (round(float(row["exposed_ms"]) * 1000) if row["exposed_ms"] else None) == exposed
    assert json.loads(row["detections"]) == [asdict(one) for one in judgement.detections]
    assert json.loads(row["user_values"]) == dict(judgement.user_values)


def test_the_columns_stay_where_they_are() -> None:
    assert ",".join(COLUMNS).startswith(PROMISED)


@given(recordeds(), st.integers(1, 7))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_was_kept_comes_back(answers: list[Recorded], page: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "history.db"
        stored, _ = keep(file, answers)
        with HistoryReader(file) as reader:
            read = [one for some in reader.pages(ResultQuery()) for one in some]
    stored = sorted(stored, key=lambda one: one.answered)
    text = written([read[place : place + page] for place in range(0, len(read), page)])
    assert text.startswith(FIRST)
    back = rows(text)
    assert len(back) == len(stored)
    for row, one in zip(back, stored, strict=True):
        check(row, one)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_in_any_cell(texts: list[str]) -> None:
    judgement = Judgement(Verdict.OK, detail=texts[-1])
    answers = [recorded(number, part_id=text, judgement=judgement) for number, text in enumerate(texts, 1)]
    with tempfile.TemporaryDirectory() as folder:
        stored, _ = keep(Path(folder) / "history.db", answers)
    back = rows(written([stored]))
    assert [(row["part_id"], row["detail"]) for row in back] == [(text, texts[-1]) for text in texts]


def test_no_results_are_a_header_alone() -> None:
    assert written([]) == ",".join(COLUMNS) + "\r\n"
