"""Which tags have a history, and what each of them was at a result. Data only.

A tag that tells of a result has a value for each result that the PLC's tags were given; a counter for each answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.core.counts import Counts
from gateway.core.image import result_values
from gateway.core.result import Result
from gateway.core.tags import STANDARD_TAGS, Tag, TagValue
from gateway.ports import StoredResult

_UINT32 = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class TagHistory:
    """The history of one tag. `presented` True: only results that the PLC's tags were given."""

    tag: Tag
    value: Callable[[StoredResult], TagValue]
    presented: bool | None = True


def _plain(of: Callable[[Result], TagValue]) -> Callable[[StoredResult], TagValue]:
    return lambda stored: of(stored.result)


def _shown(name: str) -> Callable[[StoredResult], TagValue]:
    """As the tags show it, with their rules for what does not fit."""
    return lambda stored: result_values(stored.result, ())[name]


def _counter(of: Callable[[Counts], int]) -> Callable[[StoredResult], TagValue]:
    return lambda stored: of(stored.counts) & _UINT32


_RESULT: Mapping[str, Callable[[StoredResult], TagValue]] = {
    "result_seq": _plain(lambda result: result.result_seq),
    "result_trigger_seq": _plain(lambda result: result.trigger_seq),
    "verdict": _plain(lambda result: int(result.verdict)),
    "reason": _plain(lambda result: int(result.judgement.reason)),
    "result_recipe": _plain(lambda result: result.recipe),
    "result_part_id": _plain(lambda result: result.part_id),
    **{
        name: _shown(name)
        for name in ("detection_count", "defect_class", "score_milli", "inspection_time_ms", "total_time_ms")
    },
}
_COUNTERS: Mapping[str, Callable[[StoredResult], TagValue]] = {
    "count_triggers": _counter(lambda counts: counts.triggers),
    "count_ok": _counter(lambda counts: counts.ok),
    "count_nok": _counter(lambda counts: counts.nok),
    "count_no_decision": _counter(lambda counts: counts.no_decision),
    "count_missed": _counter(lambda counts: counts.missed),
}

HISTORIZED: Mapping[str, TagHistory] = MappingProxyType(
    {name: TagHistory(STANDARD_TAGS[name], value) for name, value in _RESULT.items()}
    | {name: TagHistory(STANDARD_TAGS[name], value, presented=None) for name, value in _COUNTERS.items()}
)
"""Of the standard tags, by name."""


def history_of(tag: Tag) -> TagHistory | None:
    """A tag's history; None where it has none. Every user value has one."""
    if tag.name.startswith("user."):
        return TagHistory(tag, lambda stored: result_values(stored.result, (tag,))[tag.name])
    return HISTORIZED.get(tag.name)
