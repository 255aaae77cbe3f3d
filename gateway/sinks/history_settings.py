"""Settings of the history."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.records import Registrar
from gateway.sinks.history import History
from gateway.sinks.history_writer import Retention

FILE_NAME = "history.db"
IN_MEMORY = 10_000
"""The most results that are kept where there is no file: 30 MB."""


class HistorySettings(BaseModel):
    """Which results are kept to be read back later, as by OPC UA HistoryRead, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enabled: bool = Field(True, description="Keep results")
    file: Annotated[Path, Field(strict=False)] | None = Field(
        None,
        description=f"SQLite database to keep them in; without it {FILE_NAME} in the folder gateway.data. With "
        f"neither, the newest {IN_MEMORY} are kept in memory until the gateway ends",
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

    def create(self, registrar: Registrar, data: Path | None) -> History | None:
        """The history; None where it is switched off. It begins when it is entered."""
        return History(registrar, self.place(data), self.retention(data)) if self.enabled else None
