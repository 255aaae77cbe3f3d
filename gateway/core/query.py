"""What the PLC wants to read again, and what is known of it (H37)."""

from dataclasses import dataclass
from enum import IntEnum

from gateway.core.result import Result


class QueryStatus(IntEnum):
    """The `query_status` tag: how far the question in `result_query` is."""

    NONE = 0
    """Nothing is asked."""
    FOUND = 1
    NOT_FOUND = 2
    UNREACHABLE = 3
    """There is no journal, or it did not answer in time."""
    LOOKING = 4


@dataclass(frozen=True, slots=True)
class Query:
    """The newest question. `result` is there when it was found, `answered_ms` is then the time of that answer (UTC,
    milliseconds since 1970); `deadline` is 0 unless it is being looked up.
    """

    id: int = 0
    result_seq: int = 0
    status: QueryStatus = QueryStatus.NONE
    deadline: int = 0
    result: Result | None = None
    answered_ms: int = 0

    @property
    def shown_seq(self) -> int:
        """The echo: the number that was asked for, once it has its answer."""
        return 0 if self.deadline else self.result_seq


NO_QUERY = Query()
