"""The running gateway's end of `pekat-gateway review`: what the control channel is asked, and answers (H38)."""

import base64
import time
from collections.abc import Callable, Iterator, Sequence

from gateway.control.place import JsonTable
from gateway.control.server import Command
from gateway.core.errors import ControlError, RefusedError
from gateway.core.result import Verdict
from gateway.images.files import image_file
from gateway.ports import PendingReview, Picture, Pictured, StationPort
from gateway.worker import Worker

LIST, PICTURE, DECIDE = "review-list", "review-picture", "review-decide"
DECISIONS = {"ok": Verdict.OK, "nok": Verdict.NOK, "undecided": Verdict.NO_DECISION}
LONGEST_NAME = 64
PAGE = 384 * 1024
"""Bytes of a picture in one answer: made into JSON in less than a millisecond, which a trigger may have to wait."""
OVER = "command line"
_SEE = "pekat-gateway review list shows what is waiting"

Stations = Callable[[], Sequence[StationPort]]


def review_answers(stations: Stations) -> dict[str, Command]:
    """The commands, by their names."""

    async def waiting(_: JsonTable) -> JsonTable:
        now = time.monotonic_ns() // 1000
        return {"reviews": [one.told(now) for one in _pending(stations())]}

    encoder = _Encoder()

    async def picture(question: JsonTable) -> JsonTable:
        shown, offset = _chosen(_found(stations(), question), question), question.get("offset", 0)
        if not isinstance(offset, int) or offset < 0:
            raise ControlError("the offset is none")
        async with Worker("review-picture") as working:
            page = await working.submit(lambda: encoder.page(shown, offset))
        return {**page, "drawn": shown.drawn}

    async def decide(question: JsonTable) -> JsonTable:
        review_id, verdict = str(question.get("id", "")), DECISIONS.get(str(question.get("decision", "")))
        if verdict is None:
            raise ControlError("the decision is none", hint=f"write one of {', '.join(DECISIONS)}")
        operator = operator_name(question.get("operator"))
        station = next((one for one in stations() if review_id.startswith(f"{one.name}:")), None)
        if station is None:
            raise ControlError(f"no operator is asked about {review_id!r}", hint=_SEE)
        try:
            decided = station.reviews.decide(review_id, verdict, operator, OVER)
        except RefusedError as refused:
            raise ControlError(str(refused), hint=_SEE) from refused
        return {"part_id": decided.part_id}

    return {LIST: waiting, PICTURE: picture, DECIDE: decide}


def operator_name(given: object) -> str:
    """A name that the journal can keep and a log line can show. Raises ControlError."""
    name = given.strip() if isinstance(given, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        wrong = "the operator's name is missing, too long or unprintable"
        raise ControlError(wrong, hint=f"--operator NAME, up to {LONGEST_NAME} characters")
    return name


def _pending(stations: Sequence[StationPort]) -> Iterator[PendingReview]:
    for station in stations:
        yield from station.reviews.pending


def _found(stations: Sequence[StationPort], question: JsonTable) -> PendingReview:
    review_id = question.get("id")
    found = next((one for one in _pending(stations) if one.review_id == review_id), None)
    if found is None:
        raise ControlError(f"no operator is asked about {review_id!r}, or not any more", hint=_SEE)
    return found


def _chosen(review: PendingReview, question: JsonTable) -> Pictured:
    """Of this view, or of the first one in doubt: what was drawn, unless there is none or the original is asked for."""
    view, original = question.get("view", ""), question.get("original") is True
    doubtful = next((one.name for one in review.found.views if one.verdict is Verdict.NO_DECISION), "")
    taken = [one for one in review.pictures if one.view == (view or doubtful)] or ([] if view else [*review.pictures])
    wanted = [one for one in taken if one.drawn and not original] or [one for one in taken if not one.drawn]
    if not wanted:
        whose = f" of view {view}" if view else ""
        raise ControlError(f"there is no picture{whose}", hint="review list --json names the pictures")
    return wanted[0]


class _Encoder:
    """Pictures as files, page by page. The last one is kept until its last page is given: raw pixels take time."""

    def __init__(self) -> None:
        self._last: tuple[Picture, str, bytes | memoryview] | None = None

    def page(self, shown: Pictured, offset: int) -> JsonTable:
        last = self._last
        if last is None or last[0] is not shown.picture:
            last = (shown.picture, *image_file(shown.picture))
        _, form, data = last
        piece, size = bytes(memoryview(data)[offset : offset + PAGE]), memoryview(data).nbytes
        self._last = last if offset + PAGE < size else None
        return {"form": form, "size": size, "data": base64.b64encode(piece).decode()}
