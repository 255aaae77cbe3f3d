"""Brings a journal's database to this gateway's version: makes the tables, or takes an older database over.

An SQLite file says its version in its header, beside whose it is, so that a look costs one read; the table that alembic
keeps says the same. alembic itself is loaded only where something has to be done: that takes half a second.
"""

import logging
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError
from gateway.sinks.history_file import ForeignError
from gateway.sinks.history_stations import STATIONS
from gateway.sinks.history_table import APPLICATION_ID, METADATA, RESULTS, VERSION

log = logging.getLogger(__name__)

VERSION_TABLE = "journal_version"
_SCRIPTS = "gateway.sinks:migrations"
_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


def is_current(connection: Connection, file: Path | None) -> bool:
    """Whether nothing has to be done. Raises ForeignError for a database that is not ours, or of a newer gateway."""
    version = _header(connection, "user_version")
    if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
        return False
    if _header(connection, "application_id") != APPLICATION_ID:
        raise ForeignError(f"{file} is a database of another program", hint="name another file in [history] file")
    if version > VERSION:
        raise newer(file, version, "update the gateway, or move the file away: a new one is made")
    return version == VERSION


def prepare(connection: Connection, file: Path | None) -> None:
    """In one transaction, which the caller has begun: afterwards the database has this version's tables.

    Raises SinkError where a step failed. The transaction is then taken back, which leaves the database as it was.
    """
    if is_current(connection, file):
        return
    if version := _header(connection, "user_version"):
        _take_over(connection, file, version)
    else:
        _make(connection)


def newer(file: Path | None, version: int, hint: str) -> ForeignError:
    """The database has tables that this gateway cannot know."""
    return ForeignError(f"{file} was made by a newer gateway (version {version}, this one knows {VERSION})", hint=hint)


def number_of(version: int) -> str:
    """A version as alembic and the names of the steps have it."""
    return f"{version:04}"


def _make(connection: Connection) -> None:
    """All at once; a test holds that the steps lead to the same."""
    METADATA.create_all(connection, [RESULTS, STATIONS])
    _VERSIONS.create(connection)
    connection.execute(_VERSIONS.insert(), [{"version_num": number_of(VERSION)}])
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _take_over(connection: Connection, file: Path | None, version: int) -> None:
    """Step by step; the first gateways kept no table of versions."""
    log.warning("history: %s is of version %d and becomes version %d", file, version, VERSION)
    try:
        if not connection.dialect.has_table(connection, VERSION_TABLE):
            _VERSIONS.create(connection)
            connection.execute(_VERSIONS.insert(), [{"version_num": number_of(version)}])
        upgrade(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_ERROR":
            raise
        wrong = f"{file} cannot be brought from version {version} to {VERSION} and is left as it was: {error.orig}"
        raise SinkError(wrong, hint="keep a copy and move the file away: a new one is made") from error


def upgrade(connection: Connection) -> None:
    """Run the steps that are missing, in the connection's own transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _header(connection: Connection, field: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {field}").scalar() or 0)
