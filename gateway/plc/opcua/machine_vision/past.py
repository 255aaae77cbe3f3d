"""Results that were made before: by their id, or as a list by pages, the newest first."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar
from weakref import WeakKeyDictionary

from gateway.core.errors import SinkError
from gateway.plc.opcua.machine_vision.error_codes import MethodError, MethodFailedError
from gateway.plc.opcua.machine_vision.handles import Handles
from gateway.plc.opcua.machine_vision.recent import RecentResults
from gateway.plc.opcua.machine_vision.values import Catalogue
from gateway.plc.opcua.machine_vision.wanted import Wanted
from gateway.plc.opcua.methods import SessionEnd
from gateway.ports import ResultQuery, ResultStore, StoredResult

READ_AT_ONCE = 1000
MOST_READ = 20_000
"""Results of the store that one call looks at: filters that it does not know are tried on each."""

LONGEST_S = 5.0
"""How long a call waits for the store. Clients themselves give up soon after."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Listing:
    """How far a session has paged through a list, and where the list began: what came later is none of it."""

    wanted: Wanted
    newest: StoredResult
    index: int
    last: StoredResult


class PastResults:
    """One station's. Without a store there are only those in memory. Raises MethodFailedError."""

    def __init__(
        self, recent: RecentResults, store: ResultStore | None, handles: Handles, catalogue: Catalogue
    ) -> None:
        self._station = recent.station
        self._recent = recent
        self._store = store
        self._handles = handles
        self._catalogue = catalogue
        self._listings: WeakKeyDictionary[SessionEnd, _Listing] = WeakKeyDictionary()

    async def find(self, session: SessionEnd, result_id: str) -> StoredResult:
        """The result with this id."""
        found = self._handles.find(session, self._station, result_id) or await _in_time(self._found(result_id))
        if found is None:
            raise MethodFailedError(MethodError.UNKNOWN_RESULT)
        return found

    async def page(
        self, session: SessionEnd, wanted: Wanted, size: int, start_index: int
    ) -> tuple[bool, Sequence[StoredResult]]:
        """Whether the list ends here, and the results. Pages of one session do not shift while results are made."""
        if not wanted.possible:
            return True, ()
        known = self._listings.get(session) if start_index else None
        listing = known if known is not None and known.wanted == wanted else None
        found = await _in_time(self._read(wanted, listing, size + 1, start_index))
        shown = found[:size]
        if shown:
            newest = shown[0] if listing is None else listing.newest
            self._listings[session] = _Listing(wanted, newest, start_index + len(shown), shown[-1])
        return len(found) <= size, shown

    async def _found(self, result_id: str) -> StoredResult | None:
        found = self._recent.find(result_id)
        if found is None and self._store is not None:
            found = await self._store.find(self._station, result_id)
        return found

    async def _read(self, wanted: Wanted, listing: _Listing | None, most: int, start_index: int) -> list[StoredResult]:
        """The results from `start_index` on, `most` of them."""
        query, skip = wanted.query(self._station, READ_AT_ONCE), start_index
        if listing is not None and listing.index == start_index:
            query, skip = replace(query, after=listing.last), 0
        elif listing is not None:
            query = replace(query, end=listing.newest.answered + timedelta(microseconds=1))
        found: list[StoredResult] = []
        async with aclosing(self._fitting(query, wanted)) as fitting:
            async for one in fitting:
                found.append(one)
                if len(found) == skip + most:
                    break
        return found[skip:]

    async def _fitting(self, query: ResultQuery, wanted: Wanted) -> AsyncGenerator[StoredResult, None]:
        named = await self._found(wanted.job_id) if wanted.job_id else None
        if named is not None and wanted.fits(named, self._catalogue):
            if query.after is None:
                yield named  # made without a job, and shown with one named as itself: there is no other of that job
            return
        for _ in range(MOST_READ // READ_AT_ONCE):
            read = await self._store.read(query) if self._store is not None else self._recent.read(query)
            for one in read:
                if wanted.fits(one, self._catalogue):
                    yield one
            if len(read) < query.limit:
                return
            query = replace(query, after=read[-1])
        raise MethodFailedError(MethodError.TOO_FAR_BACK)


async def _in_time(reading: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout(LONGEST_S):
            return await reading
    except (SinkError, TimeoutError) as error:
        raise MethodFailedError(MethodError.STORE_UNREADABLE) from error
