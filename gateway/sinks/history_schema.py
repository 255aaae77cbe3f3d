"""Brings a journal's database to this gateway's version: makes the tables, or takes an older database over.

An SQLite file says its version in its header, beside whose it is, so that a look costs one read; the table that alembic
keeps says the same, and is all that PostgreSQL has. alembic itself is loaded only where something has to be done: that
takes half a second.
"""

import logging
import uuid

from sqlalchemy import Column, Connection, MetaData, String, Table
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError
from gateway.sinks.history_backend import Marks
from gateway.sinks.history_file import ForeignError
from gateway.sinks.history_stations import IDENTITY
from gateway.sinks.history_table import VERSION

log = logging.getLogger(__name__)

VERSION_TABLE = "journal_version"
_SCRIPTS = "gateway.sinks:migrations"
VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


def is_current(connection: Connection, marks: Marks) -> bool:
    """Whether nothing has to be done. Raises ForeignError for a database that is not ours, or of a newer gateway."""
    version = marks.version(connection)
    if version > VERSION:
        raise newer(marks.name, version, "update the gateway, or give it another place: a new one is made")
    return version == VERSION


def prepare(connection: Connection, marks: Marks) -> None:
    """In one transaction, which the caller has begun: afterwards the database has this version's tables.

    Raises SinkError where a step failed. The transaction is then taken back, which leaves the database as it was.
    """
    if is_current(connection, marks):
        return
    if version := marks.version(connection):
        _take_over(connection, marks, version)
    else:
        _make(connection, marks)


def newer(place: object, version: int, hint: str) -> ForeignError:
    """The database has tables that this gateway cannot know."""
    return ForeignError(f"{place} was made by a newer gateway (version {version}, this one knows {VERSION})", hint=hint)


def number_of(version: int) -> str:
    """A version as alembic and the names of the steps have it."""
    return f"{version:04}"


def _make(connection: Connection, marks: Marks) -> None:
    """All at once; a test holds that the steps lead to the same."""
    for table in marks.tables:
        table.create(connection)
    connection.execute(IDENTITY.insert(), [{"identity": uuid.uuid4().hex}])
    VERSIONS.create(connection)
    connection.execute(VERSIONS.insert(), [{"version_num": number_of(VERSION)}])
    marks.mark(connection)


def _take_over(connection: Connection, marks: Marks, version: int) -> None:
    """Step by step; the first gateways kept no table of versions."""
    log.warning("history: %s is of version %d and becomes version %d", marks.name, version, VERSION)
    try:
        if not connection.dialect.has_table(connection, VERSION_TABLE):
            VERSIONS.create(connection)
            connection.execute(VERSIONS.insert(), [{"version_num": number_of(version)}])
        upgrade(connection)
        marks.mark(connection)
    except DBAPIError as error:
        if not marks.unfit(error):
            raise
        wrong = (
            f"{marks.name} cannot be brought from version {version} to {VERSION} and is left as it was: {error.orig}"
        )
        raise SinkError(wrong, hint="keep a copy and give the gateway another place: a new one is made") from error


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the steps that are missing, all or up to number `to`, in the connection's own transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, to)
