"""How a result stands in the history's database: the table, and rows to results and back.

Times are microseconds since 1970 in UTC. Detections, user values and counters are JSON: they are read whole. Text that
is no valid Unicode is kept with question marks, a score that is no number is not kept.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import starmap
from math import isfinite
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    null,
    update,
)

from gateway.again import again
from gateway.core.counts import Counts
from gateway.core.result import Detection, Judgement, Origin, Reason, Result, Review, Verdict, ViewJudgement
from gateway.ports import Stages, StoredResult
from gateway.sinks.history_json import NOTHING, as_json, read_json
from gateway.sinks.history_words import listed_counts, text, without_nul

APPLICATION_ID = 0x504B4849
"""Stands in the file's header: "PKHI"."""
VERSION = 9
"""Of the tables: the number of the last step in `migrations`. A greater one was made by a newer gateway."""

METADATA = MetaData()


WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""A number of up to 64 bits; in SQLite every integer is one."""
_SINCE = "since version"


class Words(TypeDecorator[str]):
    """Text. PostgreSQL has no zero character: it keeps, and is asked for, a question mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return without_nul(value) if value is not None and dialect.name == "postgresql" else value


def needed(name: str, kind: Any) -> Column[Any]:
    """A column that always has a value."""
    return Column(name, kind, nullable=False)


def _since(version: int, name: str, kind: Any) -> Column[Any]:
    """A column that older databases do not have."""
    return Column(name, kind, info={_SINCE: version})


RESULTS = Table(
    "results",
    METADATA,
    Column("number", WHOLE, primary_key=True, autoincrement=True),
    needed("result_id", Words),
    needed("station", Words),
    needed("answered", WHOLE),
    needed("accepted", WHOLE),
    Column("exposed_us", WHOLE),  # after the trigger was accepted, as total_us
    needed("total_us", WHOLE),
    needed("accepted_at", WHOLE),  # monotonic, of that run of the gateway
    needed("inspection_id", WHOLE),
    needed("result_seq", WHOLE),
    needed("trigger_seq", WHOLE),
    needed("part_id", Words),
    needed("recipe", WHOLE),
    needed("recipe_name", Words),
    needed("verdict", WHOLE),
    needed("reason", WHOLE),
    Column("score", Float),
    needed("detail", Words),
    needed("inspector_us", WHOLE),
    needed("detections", Words),
    needed("user_values", Words),
    needed("counts", Words),
    needed("presented", Boolean),
    needed("simulated", Boolean),
    needed("asked_by", Words),
    needed("job_id", Words),
    needed("meas_id", Words),
    needed("product_id", Words),
    _since(2, "views", Words),  # JSON: the judgement of each view; NULL where there is one
    _since(4, "late", Boolean),  # it came after the answer that was given; NULL: it is that answer
    _since(5, "client", Words),
    _since(5, "pictured_us", WHOLE),  # these four as total_us
    _since(5, "asked_us", WHOLE),
    _since(5, "shown_us", WHOLE),
    _since(5, "acknowledged_us", WHOLE),
    _since(5, "pictures", Words),  # JSON: view and name, for each
    _since(5, "images", Words),  # JSON: files in the archive's folder
    _since(5, "images_kept", Boolean),
    _since(6, "review", Words),  # JSON: who was asked, and decided what; NULL where no operator was asked
    Index("results_by_time", "station", "answered"),
    Index("results_by_age", "answered"),
    Index("results_by_id", "station", "result_id"),
    Index("results_by_part", "station", "part_id", "answered"),
    Index("results_by_verdict", "station", "verdict", "answered"),
    Index("results_by_seq", "station", "result_seq", "answered"),
    sqlite_autoincrement=True,  # numbers are never given twice
)
_JOBS = Index(
    "results_by_job",
    RESULTS.c.station,
    RESULTS.c.job_id,
    RESULTS.c.answered,
    sqlite_where=RESULTS.c.job_id != "",
    postgresql_where=RESULTS.c.job_id != "",
)

COLUMNS = [one.name for one in RESULTS.c if one.name != "number"]
"""What a row brings along."""
Row = tuple[Any, ...]
"""Its values in their order: an answer is put down by them. By names (`named`) that takes half as long again."""
KEY = ("station", "result_id")
"""What a result's row is found by."""
AMENDED = (
    update(RESULTS)
    .where(*(RESULTS.c[name] == bindparam(name) for name in KEY))
    .values({name: bindparam(name) for name in COLUMNS if name not in KEY})
)
"""A result's row gets other words."""

_VERDICTS = {int(one): one for one in Verdict}
_REASONS = {int(one): one for one in Reason}
_stored, _result, _judgement = again(StoredResult), again(Result), again(Judgement)
_detection, _counts, _stages = again(Detection), again(Counts), again(Stages)
_origin = lru_cache(64)(Origin)
"""Most of a station's inspections are asked for by the same client in the same way."""
_listed_detection = attrgetter(*Detection.__slots__)
_listed_view = attrgetter(*ViewJudgement.__slots__)
"""Fields in their order. dataclasses.astuple copies each value deeply, and takes many times as long."""


def columns(version: int = VERSION, table: Table = RESULTS) -> list[ColumnElement[Any]]:
    """What `result_of` takes, from this table of a database of this version: NULL for what it does not have."""
    since = {one.name: int(one.info.get(_SINCE, 1)) for one in RESULTS.c}
    return [table.c[name] if at <= version else null().label(name) for name, at in since.items()]


def row_of(stored: StoredResult) -> Row:
    """The row of a result; its number is given by the database."""
    result, judgement = stored.result, stored.result.judgement
    origin, stages, score, accepted_at = result.origin, stored.stages, judgement.score, result.accepted_at
    return (
        stored.result_id,
        text(stored.station),
        stored.answered_us,
        stored.accepted_us,
        result.exposed_at - accepted_at if result.exposed_at else None,
        result.total_us,
        accepted_at,
        result.inspection_id,
        result.result_seq,
        result.trigger_seq,
        text(result.part_id),
        result.recipe,
        text(stored.recipe_name),
        int(judgement.verdict),
        int(judgement.reason),
        float(score) if score is not None and isfinite(score) else None,
        text(judgement.detail),
        judgement.inspector_us,
        as_json([*map(_listed_detection, judgement.detections)]) if judgement.detections else NOTHING,
        as_json(judgement.user_values) if judgement.user_values else NOTHING,
        as_json(listed_counts(stored.counts)),
        stored.presented,
        origin.simulated,
        text(origin.by),
        text(origin.job_id),
        text(origin.meas_id),
        text(origin.product_id),
        as_json([_listed_view(one) for one in judgement.views]) if judgement.views else None,
        True if result.late else None,
        text(origin.client) or None,
        stages.pictured_us,
        stages.asked_us,
        stages.shown_us,
        stages.acknowledged_us,
        text(as_json(stored.pictures)) if stored.pictures else None,
        text(as_json(stored.archived)) if stored.archived else None,
        stored.images_kept,
        text(as_json(_review_of(result))) if result.review is not None else None,
    )


def named(row: Row) -> dict[str, Any]:
    """Its values by their columns."""
    return dict(zip(COLUMNS, row, strict=True))


def result_of(row: Sequence[Any]) -> StoredResult:
    """The result that this row keeps. Taken apart in the order of the columns: looking each up takes twice the time."""
    values: tuple[Any, ...] = tuple(row)
    (
        number, result_id, station, answered, accepted, exposed_us, total_us, accepted_at, inspection_id, result_seq,
        trigger_seq, part_id, recipe, recipe_name, verdict, reason, score, detail, inspector_us, detections,
        user_values, counts, presented, simulated, asked_by, job_id, meas_id, product_id, views, late,
        client, pictured_us, asked_us, shown_us, acknowledged_us, pictures, images, images_kept,
        review,
    ) = values  # fmt: skip
    judgement = _judgement(
        _VERDICTS[verdict],
        _REASONS[reason],
        tuple(starmap(_detection, read_json(detections))) if detections != NOTHING else (),
        score,
        tuple([(name, value) for name, value in read_json(user_values)]) if user_values != NOTHING else (),
        detail,
        inspector_us,
        _views(views) if views is not None else (),
    )
    exposed_at = accepted_at + exposed_us if exposed_us is not None else 0
    origin = _origin(asked_by, job_id, meas_id, product_id, bool(simulated), client or "")
    result = _result(
        inspection_id, result_seq, trigger_seq, part_id, recipe, judgement,
        accepted_at, exposed_at, accepted_at + total_us, origin, bool(late),
        _review(review, accepted_at) if review is not None else None,
    )  # fmt: skip
    return _stored(
        result_id,
        station,
        result,
        accepted,
        accepted + exposed_us if exposed_us is not None else None,
        answered,
        _counts(*read_json(counts)),
        recipe_name,
        bool(presented),
        number,
        (),
        _stages(pictured_us, asked_us, shown_us, acknowledged_us),
        tuple([(view, name) for view, name in read_json(pictures)]) if pictures is not None else (),
        tuple(read_json(images)) if images is not None else (),
        bool(images_kept) if images_kept is not None else None,
    )


def _views(kept: str) -> tuple[ViewJudgement, ...]:
    return tuple(
        ViewJudgement(view, name, _VERDICTS[verdict], _REASONS[reason], *rest)
        for view, name, verdict, reason, *rest in read_json(kept)
    )


def _review_of(result: Result) -> dict[str, object]:
    """With names, for who asks the database itself; times are counted from the accepted trigger."""
    assert result.review is not None
    kept = asdict(result.review)
    asked_us, ended_us = kept.pop("offered_at") - result.accepted_at, kept.pop("ended_at") - result.accepted_at
    return {**kept, "asked_us": asked_us, "ended_us": ended_us}


def _review(kept: str, accepted_at: int) -> Review:
    told = read_json(kept)
    at, until = accepted_at + told["asked_us"], accepted_at + told["ended_us"]
    return Review(at, until, _VERDICTS[told["decision"]], told["operator"], told["over"])
