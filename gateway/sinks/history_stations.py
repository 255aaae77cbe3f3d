"""The tables of what is noted of stations, and of the database's own name. The rows stand in history_notes."""

from sqlalchemy import Boolean, Column, Table

from gateway.sinks.history_table import METADATA, WHOLE, Words, needed

STATIONS = Table(
    "stations",
    METADATA,
    Column("station", Words, primary_key=True),
    needed("next_id", WHOLE),
    needed("result_seq", WHOLE),
    needed("shown_seq", WHOLE),
    needed("trigger_seq", WHOLE),
    needed("error_count", WHOLE),
    needed("counts", Words),
    needed("buffered", Boolean),
    needed("owed", Words),  # result ids
    needed("flight", Words),  # triggers that were accepted
    Column("revision", WHOLE),  # grows with each note; NULL: older than all that have one
)
IDENTITY = Table("journal_identity", METADATA, Column("identity", Words, primary_key=True))
"""One row: the database's own name, by which an acceptance page knows it."""
