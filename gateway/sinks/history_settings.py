"""Settings of the history."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.core.errors import ConfigError
from gateway.records import Registrar
from gateway.sinks.history import History
from gateway.sinks.history_place import Place, Server, has_password, wrong_with
from gateway.sinks.history_retention import Retention
from gateway.sinks.pages import Pages

FILE_NAME = "history.db"
IN_MEMORY = 10_000
"""The most results that are kept where there is no file: 30 MB."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether answers wait for the journal: its share of an inspection's time, 0 for not at all (H30)."""

    wait_ms: int
    show_unkept: bool


SHOWN_AT_ONCE = Keeping(0, False)


_EXAMPLE = 'url = "postgresql://user@host:5432/database"'


class HistorySettings(BaseModel):
    """The journal: results are kept to go on with after a restart, and to be read back, as by OPC UA HistoryRead."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enabled: bool = Field(True, description="Keep results")
    file: Annotated[Path, Field(strict=False)] | None = Field(
        None,
        description=f"SQLite database to keep them in; without it {FILE_NAME} in the folder gateway.data. With "
        f"neither, the newest {IN_MEMORY} are kept in memory until the gateway ends",
    )
    url: str | None = Field(
        None,
        description="PostgreSQL database to keep them in, postgresql://user@host:5432/database, instead of a file. "
        "Without a password: one that is needed stands in url_env or url_file, or where libpq looks for it (.pgpass)",
    )
    url_env: str | None = Field(None, description="Environment variable with that URL, password and all")
    url_file: Annotated[Path, Field(strict=False)] | None = Field(None, description="File with that URL")
    mode: Literal["safe", "fast"] = Field(
        "safe",
        description="safe: a result is shown to the PLC when it is on the disk, and no power failure takes it away "
        "again. fast: it is shown at once and written right after; a power failure may lose the last seconds, a kill "
        "of the gateway nothing where gateway.data is set, and else the last 50 ms. In memory it is always fast",
    )
    page: bool = Field(
        True,
        description="What a station shows to the PLC is copied into its acceptance page in gateway.data first, so that "
        "a kill of the gateway takes nothing away. false: a trigger is some 0.2 ms faster, and a kill may take "
        "away what came in the last 50 ms, in the safe mode accepted triggers of the last 10 ms",
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
    start: Literal["fail", "retry", "ignore"] = Field(
        "retry",
        description="Where it cannot be opened at the start: the gateway does not start either; or it is tried again, "
        "and each decision goes by `mode` and `unkept` meanwhile; or answers do not wait for it until the next start "
        "(`ignore`): as with fast, and written as soon as it can be",
    )
    offer_again: bool = Field(
        True, description="After a restart, offer the results to the PLC again that it has not acknowledged"
    )
    keep_days: int = Field(90, ge=0, le=36_500, description="Drop results that are older; 0: at no age")
    keep_results: int = Field(
        1_000_000, ge=0, le=1_000_000_000, description="Drop the oldest above this number, about 1 GB; 0: no limit"
    )

    @field_validator("url")
    @classmethod
    def _is_no_secret(cls, url: str | None) -> str | None:
        if url is None:
            return url
        if wrong := wrong_with(url):
            raise PydanticCustomError("url", "{wrong}", {"wrong": wrong, "instead": f"write {_EXAMPLE}"})
        if has_password(url):
            instead = 'write url_env = "NAME" and set NAME to the URL, or url_file = "path/to/file" and put it there'
            wrong = "holds a password, which does not belong into a configuration file"
            raise PydanticCustomError("url", "{wrong}", {"wrong": wrong, "instead": instead})
        return url

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = ("file", "url", "url_env", "url_file")
        given = [name for name in places if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both given: write one of {', '.join(places)}")
        return self

    def place(self, data: Path | None) -> Place:
        """Where it is. `data` is gateway.data. Raises ConfigError for a URL that cannot be had."""
        server = self._server()
        if server is not None:
            return server
        return self.file if self.file is not None or data is None else data / FILE_NAME

    def _server(self) -> Server | None:
        if self.url is not None:
            return Server(self.url)
        if self.url_env is not None:
            return _told(os.environ.get(self.url_env, ""), "environment", self.url_env)
        if self.url_file is None:
            return None
        try:
            return _told(self.url_file.read_text(encoding="utf-8"), str(self.url_file), "url_file")
        except (OSError, UnicodeDecodeError) as error:
            wrong = f"cannot be read: {error}"
            raise ConfigError(str(self.url_file), "url_file", wrong, "name a readable text file") from error

    def retention(self, data: Path | None) -> Retention:
        """What is kept in that place."""
        lasting = self.place(data) is not None
        return Retention(
            self.keep_days, self.keep_results if lasting else min(self.keep_results or IN_MEMORY, IN_MEMORY)
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
        place = self.place(data)
        pages = Pages(data if place is not None else None, written=self.page)
        return History(registrar, place, self.retention(data), safe=safe, pages=pages)


def _told(url: str, file: str, key: str) -> Server:
    """The server that a secret names. The error does not tell the secret."""
    if wrong := wrong_with(url.strip()):
        raise ConfigError(file, key, wrong, "put postgresql://user:password@host:5432/database there")
    return Server(url.strip())
