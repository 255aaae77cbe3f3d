"""One log line for each result."""

import logging
from typing import Self

from gateway.core.result import Verdict
from gateway.ports import Recorded

log = logging.getLogger(__name__)


class LogSink:
    """A ports.ResultSink. OK and NOK are news of the day (info), no decision is a warning."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is held."""

    def put(self, recorded: Recorded) -> None:
        result = recorded.result
        judgement = result.judgement
        level = logging.WARNING if result.verdict is Verdict.NO_DECISION else logging.INFO
        log.log(
            level,
            "%s: result %d for trigger %d, part %r: %s%s, %d detections, %.1f ms",
            recorded.station,
            result.result_seq,
            result.trigger_seq,
            result.part_id,
            result.verdict.name,
            f" ({judgement.detail or judgement.reason.name})" if judgement.reason else "",
            len(judgement.detections),
            result.total_us / 1000,
            extra=recorded.about,
        )
