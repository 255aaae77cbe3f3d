"""Somebody else reads a history in PostgreSQL, also while a gateway writes it: nothing is made, changed or locked."""

from collections.abc import Callable
from typing import Any, Self

import psycopg
from sqlalchemy import Connection, event

from gateway.core.errors import SinkError
from gateway.sinks.history_file import DamagedError
from gateway.sinks.history_pages import Pages, T
from gateway.sinks.history_place import Server
from gateway.sinks.history_postgres import PostgresBackend, engine_of, fault, version_of
from gateway.sinks.history_schema import newer
from gateway.sinks.history_table import VERSION

READ_S = 60
"""The longest page: nobody's part waits for it."""


class ServerReader(Pages):
    """See Pages. Each page is a transaction of its own, so that the server can tidy up between them."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._engine = engine_of(server)
        self._connection: Connection | None = None
        event.listen(self._engine, "connect", _set_up)

    def __enter__(self) -> Self:
        try:
            self._version = self._ask(lambda connection: version_of(connection, str(self._server)))
            if not self._version:
                raise SinkError(f"{self._server} is empty", hint="start its gateway: it makes what is missing")
            if self._version > VERSION:
                raise newer(self._server, self._version, "read it with that gateway's own pekat-gateway")
        except SinkError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._engine.dispose()

    def _ask(self, question: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                return question(self._connection)
        except PostgresBackend.errors as error:
            raise fault(error, str(self._server)) from error
        except (KeyError, ValueError, TypeError) as error:  # a row that no gateway can have written
            raise DamagedError(
                f"{self._server} has a row that makes no sense: {error}", hint="see who else writes it"
            ) from error


def _set_up(connection: psycopg.Connection[Any], _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {READ_S * 1000}".encode())
        cursor.execute(b"SET default_transaction_read_only = on")
    connection.commit()
