"""`pekat-gateway results` where the history is in PostgreSQL, and what a configuration says of it."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.errors import ConfigError, SinkError
from gateway.records import Registrar
from gateway.sinks.history_database import Database
from gateway.sinks.history_place import Server
from gateway.sinks.history_reader import reader_of
from gateway.sinks.history_settings import SHOWN_AT_ONCE, HistorySettings
from gateway.sinks.history_table import row_of
from tests.cli.kept import call
from tests.config.writing import only_error
from tests.sinks.postgres import PASSWORD, Postgres
from tests.sinks.results import recorded, registrar

PLAIN = "postgresql://line@db:5432/history"
SECRET = "postgresql://line:s3cret@db:5432/history?sslmode=require"


@pytest.fixture
def server() -> Iterator[Postgres]:
    made = Postgres.made()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.mark.foreign
def test_list_show_and_export_read_it(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, made = server.new(), registrar()
    stored = [made.stored(recorded(number)) for number in range(1, 1203)]
    database = Database.made(place)
    for part in (stored[:600], stored[600:]):
        database.insert([row_of(one) for one in part])
    database.close()
    config, out = tmp_path / "gateway.toml", tmp_path / "all.csv"
    config.write_text('[history]\nurl_env = "HISTORY_URL"\n', encoding="utf-8")
    monkeypatch.setenv("HISTORY_URL", place.url)
    listed = call("list", "--config", str(config), "--limit", "3", "--part-id", "part 1202")
    assert listed.exit_code == 0, listed.output
    assert stored[-1].result_id in listed.stdout
    assert "part 7" in call("show", stored[6].result_id, "--config", str(config)).stdout
    assert call("export", "--csv", str(out), "--config", str(config)).exit_code == 0
    with out.open(encoding="utf-8", newline="") as text:
        assert [row["result_id"] for row in csv.DictReader(text)] == [one.result_id for one in stored]
    server.stop()
    away = call("list", "--config", str(config))
    assert away.exit_code == 2
    assert "refused" in away.stderr
    assert PASSWORD not in away.stderr


@pytest.mark.parametrize(
    ("given", "key", "what", "instead"),
    [
        ({"url": SECRET}, "history.url", "holds a password", 'url_env = "NAME"'),
        ({"url": "postgresql://db/h?password=s3cret"}, "history.url", "holds a password", "url_file = "),
        ({"url": "mysql://db/s3cret"}, "history.url", "does not begin with postgresql://", "postgresql://user@host"),
        ({"url": "postgresql://line@s3cret"}, "history.url", "names no database", "postgresql://user@host:5432"),
        ({"url": "postgresql://db:s3cret/h"}, "history.url", "cannot be read as a URL", "postgresql://user@host"),
        ({"url": PLAIN, "file": "h.db"}, "history", "file and url are both given", "one of file, url, url_env"),
        ({"url_env": "HISTORY_URL"}, "history.url_env", "HISTORY_URL is not set", "set HISTORY_URL"),
        ({"url_file": "away.txt"}, "history.url_file", "cannot be read", "name a text file"),
    ],
)
def test_what_is_wrong_is_said_and_no_secret_with_it(
    given: dict[str, str], key: str, what: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HISTORY_URL", raising=False)
    error = only_error((("history",), given))
    assert error.key == key
    assert what in error.wrong
    assert instead in error.hint
    assert "s3cret" not in f"{error} {error.hint}"


def test_the_url_is_taken_from_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "url.txt"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    monkeypatch.setenv("HISTORY_URL", SECRET)
    assert HistorySettings(url=PLAIN).place(None) == Server(PLAIN)
    assert HistorySettings(url_env="HISTORY_URL").place(tmp_path) == Server(SECRET)
    assert HistorySettings(url_file=file).place(None) == Server(SECRET)
    assert HistorySettings(url=PLAIN).keeping(None) != SHOWN_AT_ONCE
    assert HistorySettings(url=PLAIN, keep_results=10**6).retention(None).results == 10**6
    monkeypatch.setenv("HISTORY_URL", "mysql://line:s3cret@db/h")
    with pytest.raises(ConfigError, match="does not begin with") as told:
        HistorySettings(url_env="HISTORY_URL").create(Registrar(1, {}), None)
    assert "s3cret" not in f"{told.value} {told.value.hint}"


def test_without_psycopg_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gateway.sinks.history_postgres", "gateway.sinks.history_server_reader"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for act in (Database.made, reader_of):
        with pytest.raises(SinkError, match="needs psycopg") as told:
            act(Server(SECRET))
        assert "pekat-plc-gateway[postgres]" in told.value.hint
        assert "s3cret" not in str(told.value)


def test_a_server_is_shown_without_its_password_and_parameters() -> None:
    assert str(Server(SECRET)) == PLAIN
    assert "s3cret" not in repr(Server(SECRET))
    assert str(Server("postgres:///history")) == "postgresql:///history"
