"""Who else gets a station's answers. None of them can cost a trigger anything, whatever happens to it."""

import logging
from collections.abc import Sequence

from gateway.core.counts import Counts
from gateway.core.result import Result
from gateway.ports import Recorded, ResultSink

log = logging.getLogger(__name__)


class Sinks:
    """Hands each answer to every sink. One that crashes is told of in the log, and gets the next answer again."""

    def __init__(self, station: str, sinks: Sequence[ResultSink]) -> None:
        self._station, self._sinks = station, tuple(sinks)

    def put(self, result: Result, counts: Counts, presented: bool) -> None:
        recorded = Recorded(self._station, result, counts, presented)
        for sink in self._sinks:
            try:
                sink.put(recorded)
            except Exception:
                text = "%s: %s did not take an answer"
                extra = {"inspection": result.inspection_id}
                log.exception(text, self._station, type(sink).__name__, extra=extra)
