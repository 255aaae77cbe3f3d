"""Lists by pages: a client of OPC 40100-1 asks for `MaxResults` from `StartIndex` on; with 0 it sets no limit."""

from collections.abc import Sequence
from typing import TypeVar

MOST_AT_ONCE = 100
"""Entries of one answer, whatever the client would take: some hundred kilobytes. `IsComplete` tells of more."""

_T = TypeVar("_T")


def page_size(max_results: int) -> int:
    """How many entries a client gets at most."""
    return min(max_results or MOST_AT_ONCE, MOST_AT_ONCE)


def page(entries: Sequence[_T], max_results: int, start_index: int) -> tuple[bool, Sequence[_T]]:
    """Whether this is the end of the list, and the entries."""
    end = start_index + page_size(max_results)
    return end >= len(entries), entries[start_index:end]
