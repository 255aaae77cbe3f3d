"""Settings of the history."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.records import Registrar
from gateway.sinks.history import History
from gateway.sinks.history_writer import Retention

FILE_NAME = "history.db"
IN_MEMORY = 10_000
"""The most results that are kept where there is no file: 30 MB."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether answers wait for the journal: its share of an inspection's time, 0 for not at all (H30)."""

    wait_ms: int
    show_unkept: bool


SHOWN_AT_ONCE = Keeping(0, False)


class HistorySettings(BaseModel):
    """The journal: results are kept to go on with after a restart, and to be read back, as by OPC UA HistoryRead."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enabled: bool = Field(True, description="Keep results")
    file: Annotated[Path, Field(strict=False)] | None = Field(
        None,
        description=f"SQLite database to keep them in; without it {FILE_NAME} in the folder gateway.data. With "
        f"neither, the newest {IN_MEMORY} are kept in memory until the gateway ends",
    )
    mode: Literal["safe", "fast"] = Field(
        "safe",
        description="safe: a result is shown to the PLC when it is on the disk, and no power failure takes it away "
        "again. fast: it is shown at once and written right after; a kill of the gateway may lose the last 50 ms, a "
        "power failure the last seconds. In memory it is always fast",
    )
    wait_ms: int = Field(
        200,
        ge=10,
        le=10_000,
        description="Safe mode: how much of an inspection's time is the journal's, at most half of it",
    )
    unkept: Literal["no_decision", "show"] = Field(
        "no_decision",
        description="Safe mode: what the PLC gets where the journal cannot keep a decision in time (disk full, file "
        "locked). no_decision: reason 21. show: the decision, and error 22",
    )
    offer_again: bool = Field(
        True, description="After a restart, offer the results to the PLC again that it has not acknowledged"
    )
    keep_days: int = Field(90, ge=0, le=36_500, description="Drop results that are older; 0: at no age")
    keep_results: int = Field(
        1_000_000, ge=0, le=1_000_000_000, description="Drop the oldest above this number, about 1 GB; 0: no limit"
    )

    def place(self, data: Path | None) -> Path | None:
        """The file; None for memory. `data` is gateway.data."""
        return self.file if self.file is not None or data is None else data / FILE_NAME

    def retention(self, data: Path | None) -> Retention:
        """What is kept in that place."""
        in_file = self.place(data) is not None
        return Retention(
            self.keep_days, self.keep_results if in_file else min(self.keep_results or IN_MEMORY, IN_MEMORY)
        )

    def keeping(self, data: Path | None) -> Keeping:
        """Whether answers wait for it."""
        if not self.enabled or self.mode == "fast" or self.place(data) is None:
            return SHOWN_AT_ONCE
        return Keeping(self.wait_ms, self.unkept == "show")

    def create(self, registrar: Registrar, data: Path | None) -> History | None:
        """The history; None where it is switched off. It begins when it is entered."""
        if not self.enabled:
            return None
        safe = self.keeping(data) != SHOWN_AT_ONCE
        return History(registrar, self.place(data), self.retention(data), safe=safe)
