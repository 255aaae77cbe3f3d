"""`pekat-gateway results`: filters against a plain list, what it prints, and what it says where it cannot."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.cli.moments import moment
from gateway.cli.results_tables import visible
from gateway.core.result import Judgement, Origin, Reason, Verdict, no_decision
from gateway.ports import Recorded, StoredResult
from tests.cli.kept import call, keep, told
from tests.sinks.results import NOON, SCRATCH, recorded

AT_20 = NOON + timedelta(seconds=20)

VERDICTS = (Judgement(Verdict.OK), Judgement(Verdict.NOK, detections=(SCRATCH,)), no_decision(Reason.TIMEOUT))


def some(count: int = 60) -> list[Recorded]:
    """An answer each second, of two stations, with all verdicts, some recipes and parts."""
    return [
        recorded(
            number,
            number * 1_000_000,
            station="s1" if number % 3 else "s2",
            judgement=VERDICTS[number % 7 % 3],
            recipe=number % 4,
            part_id=f"part {number % 5}",
        )
        for number in range(1, count + 1)
    ]


def ids(output: str) -> list[str]:
    return [line.split()[-1] for line in output.splitlines()[1:]]


FILTERS: list[tuple[list[str], Callable[[StoredResult], bool]]] = [
    ([], lambda _: True),
    (["--station", "s2"], lambda one: one.station == "s2"),
    (["--verdict", "no_decision"], lambda one: one.result.verdict is Verdict.NO_DECISION),
    (["--verdict", "nok", "--recipe", "2"], lambda one: one.result.verdict is Verdict.NOK and one.result.recipe == 2),
    (["--recipe", "0"], lambda one: one.result.recipe == 0),
    (["--part-id", "part 3"], lambda one: one.result.part_id == "part 3"),
    (["--result-seq", "17"], lambda one: one.result.result_seq == 17),
    (["--since", "2026-03-01T12:00:30"], lambda one: one.answered >= NOON + timedelta(seconds=30)),
    (["--until", "2026-03-01T13:00:30+01:00"], lambda one: one.answered < NOON + timedelta(seconds=30)),
    (["--since", "2026-03-01T12:00:20Z", "--until", "2026-03-01T12:00:20.000001Z"], lambda one: one.answered == AT_20),
    (["--since", "2h"], lambda _: False),
]


@pytest.mark.parametrize(
    ("words", "fits"), FILTERS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
@pytest.mark.parametrize("running", [False, True])
def test_filters_are_those_of_a_plain_list(
    words: list[str], fits: Callable[[StoredResult], bool], running: bool, tmp_path: Path
) -> None:
    stored, database = keep(tmp_path / "history.db", some(), stay_open=running)
    wanted = [one.result_id for one in stored if fits(one)]
    try:
        assert ids(told(tmp_path, ["list", "--limit", "100", *words])) == wanted[::-1]
        assert ids(told(tmp_path, ["list", "--limit", "4", *words])) == wanted[::-1][:4]
        rows = told(tmp_path, ["export", "--csv", "-", *words]).splitlines()[1:]
        assert [row.split(",")[14] for row in rows] == wanted
    finally:
        database.close()


def test_a_list_tells_a_result_in_one_plain_line(tmp_path: Path) -> None:
    keep(tmp_path / "history.db", some(2))
    output = told(tmp_path, ["list"])
    assert "\x1b" not in output
    newest = re.split(r" {2,}", output.splitlines()[1].strip())
    assert newest[:5] == ["2026-03-01 12:00:02.000", "s1", "2", "part 2", "2"]
    assert newest[5:7] == ["no_decision", "timeout"]


def test_show_tells_everything_of_one_result(tmp_path: Path) -> None:
    judgement = Judgement(
        Verdict.NOK, detections=(SCRATCH,), score=0.75, user_values=(("lot", "L\x1b[31m1"), ("warm", True))
    )
    origin = Origin("job", "job 1", "meas 1", "product 1")
    stored, _ = keep(tmp_path / "history.db", [recorded(1, judgement=judgement, origin=origin, part_id="[red]a")])
    output = told(tmp_path, ["show", stored[0].result_id])
    lines = {line.split()[0]: line.split(maxsplit=1)[-1].strip() for line in output.splitlines()}
    wanted = {
        "part_id": "[red]a", "verdict": "nok", "score": "0.75", "job_id": "job 1", "meas_id": "meas 1",
        "product_id": "product 1", "total_ms": "5.0", "answered": "2026-03-01T12:00:00.001000Z", "simulated": "false",
        "lot": "L\\x1b[31m1", "warm": "True",
    }  # fmt: skip
    assert {name: lines[name] for name in wanted} == wanted
    assert "Scratch" in lines
    assert "0.987" in lines["Scratch"]


def test_show_tells_of_each_station_that_gave_the_id_or_of_one(tmp_path: Path) -> None:
    stored, _ = keep(tmp_path / "history.db", [recorded(1), recorded(1, station="s2")])
    assert told(tmp_path, ["show", stored[0].result_id]).count("part_id") == 2
    assert "bottle" not in told(tmp_path, ["show", stored[0].result_id, "--station", "s2"])
    assert "there is no result nothing" in told(tmp_path, ["show", "nothing"], 2)


def test_the_configuration_says_where_and_needs_no_secrets_for_that(tmp_path: Path) -> None:
    keep(tmp_path / "data" / "history.db", some(3))
    keep(tmp_path / "elsewhere.db", some(5))
    config = tmp_path / "gateway.toml"
    for text, count in (('[gateway]\ndata = "data"\n', 3), ('[history]\nfile = "elsewhere.db"\n', 5)):
        config.write_text(text + '[[stations]]\nsource = { password_env = "NOT_SET" }\n', encoding="utf-8")
        result = call("list", "--config", str(config))
        assert result.exit_code == 0, result.output
        assert len(ids(result.stdout)) == count
    config.write_text("[gateway]\n", encoding="utf-8")
    assert "in memory" in call("list", "--config", str(config)).stderr
    config.write_text("[history]\nkeep_days = -1\n", encoding="utf-8")
    assert "keep_days" in call("list", "--config", str(config)).stderr
    assert call("list", "--config", str(config), "--data", str(tmp_path)).exit_code == 2
    assert "there is no such file" in call("list", "--config", str(tmp_path / "none.toml")).stderr


def test_an_export_appears_as_a_whole_and_never_over_the_history(tmp_path: Path) -> None:
    keep(tmp_path / "history.db", some())
    before = (tmp_path / "history.db").read_bytes()
    told(tmp_path, ["export", "--csv", str(tmp_path / "out.csv")])
    assert (tmp_path / "out.csv").read_bytes().count(b"\r\n") == 61
    assert "is the history itself" in told(tmp_path, ["export", "--csv", str(tmp_path / "history.db")], 2)
    assert "cannot be written" in told(tmp_path, ["export", "--csv", str(tmp_path / "away" / "out.csv")], 2)
    assert (tmp_path / "history.db").read_bytes() == before
    (tmp_path / "out.csv").write_text("older", encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.db", "out.csv"]
    damaged = tmp_path / "damaged"
    keep(damaged / "history.db", some(3000))
    content = bytearray((damaged / "history.db").read_bytes())
    content[len(content) // 3 : len(content) // 2] = b"\xff" * (len(content) // 2 - len(content) // 3)
    (damaged / "history.db").write_bytes(content)
    assert "damaged" in told(damaged, ["export", "--csv", str(tmp_path / "out.csv")], 2)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "history.db", "out.csv"]


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("2h", NOON - timedelta(hours=2)),
        ("1.5d", NOON - timedelta(hours=36)),
        ("90s", NOON - timedelta(seconds=90)),
        ("1w", NOON - timedelta(days=7)),
        ("15m", NOON - timedelta(minutes=15)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T06:00+01:00", datetime(2026, 1, 31, 5, tzinfo=UTC)),
    ],
)
def test_moments(words: str, at: datetime) -> None:
    assert moment(words, NOON) == at


@pytest.mark.parametrize(
    "words", ["", "2", "h", "-2h", "2y", "yesterday", "999999999w", "2026-13-01", "0001-01-01T00:00+14:00"]
)
def test_what_is_no_moment_is_said(words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no time"):
        moment(words, NOON)
    keep(tmp_path / "history.db", some(1))
    assert "is no time" in told(tmp_path, ["list", f"--since={words}"], 2)


def test_nothing_acts_on_a_terminal() -> None:
    assert visible("Flasche ö\x1b[2J\n\x07\u202e") == "Flasche ö\\x1b[2J\\n\\x07\\u202e"
