"""The history's database, where it is a server: does it answer, let us in, and have our tables?"""

from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from gateway.cli.doctor.finding import Finding, Patient, defect, ok
from gateway.sinks.history_place import Server

_CURE = "is PostgreSQL running there, is its address right, and do user, password and pg_hba.conf fit?"


def look_at_database(patient: Patient) -> Iterator[Finding]:
    """Nothing is written there. A history in a file is looked at as a folder."""
    settings = patient.settings
    place = settings.history.place(settings.data_folder) if settings.history.enabled else None
    if isinstance(place, Server):
        yield _answered(place)


def _answered(server: Server) -> Finding:
    name = str(server)
    try:
        from gateway.sinks.history_postgres import engine_of, version_of
    except ImportError as error:
        return defect(name, f"the driver is not installed: {error}", "pip install 'pekat-plc-gateway[postgres]'")
    engine = engine_of(server)
    try:
        with engine.connect() as connection:
            version = version_of(connection, name)
    except DBAPIError as error:
        words = " ".join(str(error.orig or error).split())
        return defect(name, f"the database does not answer, or does not let us in: {words}", _CURE)
    finally:
        engine.dispose()
    return ok(name, f"answers, tables of version {version}" if version else "answers; the first start makes the tables")
