"""Parquet holds what CSV holds, with types; without pyarrow the command says what to do."""

import sys
from datetime import UTC
from pathlib import Path

import pytest

from gateway.cli.results_columns import COLUMNS
from gateway.core.result import Judgement, Reason, Verdict, no_decision
from tests.cli.kept import keep, told
from tests.sinks.results import recorded

ODD = 'ö,"\n\0='


def test_parquet_holds_every_column_with_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("gateway.cli.results_parquet.GROUP", 100)
    judgement = Judgement(Verdict.NOK, score=0.5, user_values=(("lot", ODD),))
    answers = [recorded(number, part_id=ODD, judgement=judgement) for number in range(1, 251)]
    stored, _ = keep(tmp_path / "history.db", [*answers, recorded(251, judgement=no_decision(Reason.TIMEOUT))])
    told(tmp_path, ["export", "--parquet", str(tmp_path / "out.parquet")])
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == list(COLUMNS)
    for row, one in zip(table.to_pylist(), stored, strict=True):
        wanted = {name: column(one) for name, column in COLUMNS.items()}
        assert row == wanted
        assert row["time"].tzinfo is not None
        assert row["time"].astimezone(UTC) == one.answered
    assert parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups == 3


def test_nothing_kept_is_a_table_without_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    keep(tmp_path / "history.db", [])
    told(tmp_path, ["export", "--parquet", str(tmp_path / "out.parquet")])
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path / "history.db", [recorded(1)])
    monkeypatch.delitem(sys.modules, "gateway.cli.results_parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = told(tmp_path, ["export", "--parquet", str(tmp_path / "out.parquet")], 2)
    assert "pip install 'pekat-plc-gateway[parquet]'" in said
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("words", [[], ["--csv", "a", "--parquet", "b"]])
def test_an_export_is_one_file(words: list[str], tmp_path: Path) -> None:
    assert "either --csv FILE or --parquet FILE" in told(tmp_path, ["export", *words], 2)
