"""The acceptance pages of all stations, beside the history's database."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.ports import StoredResult

if TYPE_CHECKING:
    from gateway.sinks.acceptance import Acceptance, Paged

log = logging.getLogger(__name__)


def page_name(station: str) -> str:
    """Of its file."""
    return f"acceptance-{station}.page"


class Pages:
    """`folder` None: there are none. What goes wrong with a page is in the log, and keeps nobody from anything.

    `written` False: what one says that was left there is read, and nothing is written.
    """

    def __init__(self, folder: Path | None, *, written: bool = True) -> None:
        self._folder, self._is_written = folder, written
        self._pages: dict[str, Acceptance] = {}
        self._ill: set[str] = set()

    def open(self, station: str) -> "Paged | None":
        """What it said when the gateway ended; from now on it can be written. Blocks."""
        from gateway.sinks.acceptance import Acceptance, paged  # here: SQLAlchemy takes 0.3 s
        from gateway.sinks.page_file import PageFile
        from gateway.sinks.page_place import unfit

        if self._folder is None or not (self._is_written or (self._folder / page_name(station)).exists()):
            return None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if wrong := unfit(self._folder):
                raise OSError(wrong)
            file = PageFile.opened(self._folder / page_name(station))
        except (OSError, ValueError) as error:
            text = "%s: no acceptance page, so a kill of the gateway may lose the last trigger: %s"
            log.error(text, station, error)
            return None
        said = paged(file)
        if not self._is_written:
            file.close()
            return said
        self._pages[station] = Acceptance(station, file, said.identity if said is not None else "")
        return said

    def has(self, station: str) -> bool:
        """Whether this station's can be written."""
        return station in self._pages

    def answer(self, stored: StoredResult) -> None:
        """The database has this not yet, or in other words; `note` puts it into the page."""
        if (page := self._pages.get(stored.station)) is not None:
            page.answer(stored)

    def owe(self, stored: StoredResult, row: tuple[Any, ...] | None = None) -> None:
        """The PLC is shown this, and the database has it, as `row`; see Acceptance.owe."""
        if (page := self._pages.get(stored.station)) is not None:
            page.owe(stored, row)

    def note(self, station: str, identity: str, note: bytes, owed: Collection[str]) -> bool:
        """Store it; see Acceptance.note. False where it is not there."""
        page = self._pages.get(station)
        if page is None:
            return False
        try:
            page.note(identity, note, owed)
        except ValueError as error:
            if station not in self._ill:
                log.error("%s: the acceptance page cannot be written: %s", station, error)
            self._ill.add(station)
            return False
        self._ill.discard(station)
        return True

    def written(self, answers: Sequence[StoredResult]) -> None:
        """From the writing thread: the database has these."""
        for stored in answers:
            if (page := self._pages.get(stored.station)) is not None:
                page.written(stored)

    def close(self) -> None:
        """Idempotent. The files stay."""
        pages, self._pages = self._pages, {}
        for page in pages.values():
            page.close()
