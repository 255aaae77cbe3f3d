"""A journal that cannot be written is an error at every station before a part comes, and the station stays ready."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.core.errors import Cause, ErrorCode
from gateway.core.result import Reason, Verdict
from gateway.sinks import history_probe
from tests.system.line import CONFIG, good_part, running


async def test_a_locked_journal_is_told_before_a_part_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_probe, "IDLE_S", 0.1)
    monkeypatch.setattr(history_probe, "AGAIN_S", 0.1)
    config = CONFIG + '\n[history]\nfile = "history.db"\n'
    async with running(tmp_path, config=config) as line:
        assert (await line.inspect("A1", good_part()))["verdict"] == Verdict.OK
        with closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            tags = await line.until("error_code", ErrorCode.JOURNAL_DOWN)
            assert (tags["error_cause"], tags["ready"]) == (Cause.JOURNAL, True)
            await line._write(error_ack=True)
            tags = await line.inspect("A2", good_part())
            assert (tags["verdict"], tags["reason"]) == (Verdict.NO_DECISION, Reason.JOURNAL)
        tags = await line.inspect("A3", good_part())
        while tags["verdict"] != Verdict.OK:  # it is tried again each half second
            tags = await line.inspect("A3", good_part())
        assert line.gateway.history is not None
        assert line.gateway.history.books.fault == ""
