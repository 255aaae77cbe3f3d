"""`check` and `pekat ping` say which PEKAT answers, all asked at once."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.ports import free_port
from gateway.cli.roll_call import Asked, roll_call
from gateway.sim.pekat import PekatSimulator
from tests.vision.pooled import black_hole, hanging, replying
from tests.vision.servers import answering, http

CONFIG = """
[links.modbus]
port = 5020

[[stations]]
name = "station1"

[stations.source]
kind = "playlist"
folder = "."

[stations.inspector]
kind = "pekat"
ping_timeout_ms = 300

[[stations.recipes]]
number = 7
name = "part"
urls = [{urls}]
"""


def said(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "250"})


def config(folder: Path, *urls: str) -> str:
    file = folder / "gateway.toml"
    file.write_text(CONFIG.format(urls=", ".join(f'"{url}"' for url in urls)), encoding="utf-8")
    return str(file)


def row(result: Result, url: str) -> str:
    return next(line for line in result.output.splitlines() if f"{url} " in line and "station1, recipe 7" in line)


def test_check_shows_every_address_and_a_silent_one_is_no_error_of_the_configuration(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with PekatSimulator() as pekat:
        result = said("check", config(tmp_path, pekat.url, nobody))
    assert result.exit_code == 0, result.output
    assert "answers in" in row(result, pekat.url)
    assert "4.0.3" in row(result, pekat.url)
    assert "shared memory: same machine" in row(result, pekat.url)
    assert "refused" in row(result, nobody)
    assert "shared memory if PEKAT is 3.18 or newer: same machine" in row(result, nobody)
    assert f"part at {pekat.url}, {nobody}" in result.output


def test_the_slowest_takes_its_time_out_and_all_of_them_no_longer(tmp_path: Path) -> None:
    with hanging(pings_too=True) as hung, black_hole() as nowhere, answering(http(b"pong")) as well:
        began = time.monotonic()
        answers = roll_call([Asked(url, timeout_s=1.0) for url in (hung.url, nowhere, well.url, hung.url)])
        assert time.monotonic() - began < 2.8
    assert [bool(answer.wrong) for answer in answers] == [True, True, False, True]
    assert answers[2].version == "pong"


def test_no_ask_asks_nobody(tmp_path: Path) -> None:
    with answering(http(b"pong")) as server:
        result = said("check", config(tmp_path, server.url), "--no-ask")
    assert result.exit_code == 0, result.output
    assert server.accepted == 0


def test_ping_of_several_says_who_answers_and_ends_with_2_where_one_does_not() -> None:
    with replying("200 OK") as first, replying("200 OK") as second:
        both = said("pekat", "ping", "--url", first.url, "--url", second.url)
        assert both.exit_code == 0, both.output
        assert all(f"{server.url} answers in" in both.output for server in (first, second))
        nobody = f"http://127.0.0.1:{free_port()}"
        one = said("pekat", "ping", "--url", first.url, "--url", nobody, "--timeout", "1")
        assert one.exit_code == 2
        assert f"{first.url} answers in" in one.stdout
        assert nobody in one.stderr


@pytest.mark.parametrize("url", ["https://127.0.0.1:8000", "127.0.0.1:8000"])
def test_ping_wants_http(url: str) -> None:
    assert "plain HTTP" in said("pekat", "ping", "--url", url).stderr
