"""The generated parts of the documents are up to date; the check report says where everything is."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from gateway.cli.check import check_lines, check_report
from gateway.cli.docs import ROOT, SECTIONS, documents, main, outdated, render_all, rendered
from gateway.cli.reference import config_reference
from gateway.config import schema
from tests.config.writing import settings_of, spoilt


def test_the_documents_are_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path in outdated()]
    assert not stale, "run: python -m gateway.cli.docs"


def test_the_documents_have_their_parts() -> None:
    text = {str(path.relative_to(ROOT)): text for path, text in render_all().items()}
    assert {"docs/tags.md", "docs/configuration.md", "mappings/README.md"} <= set(text)
    assert "| `handshake" not in text["docs/tags.md"]
    assert "`inspection_timeout_ms`" in text["docs/configuration.md"]
    assert "`beckhoff_twincat`" in text["mappings/README.md"]


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_every_part_can_be_made_and_put_in(name: str) -> None:
    text = rendered(f"before\n<!-- {name}:begin -->\nold\n<!-- {name}:end -->\nafter\n")
    assert text.startswith(f"before\n<!-- {name}:begin -->\n")
    assert text.endswith(f"<!-- {name}:end -->\nafter\n")
    assert "\nold\n" not in text
    assert rendered(text) == text


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(KeyError, match="no-such-part"):
        rendered("<!-- no-such-part:begin -->\n<!-- no-such-part:end -->\n")


def test_measured_figures_are_left_alone() -> None:
    text = "<!-- benchmarks:begin -->\n1 ms\n<!-- benchmarks:end -->\n"
    assert rendered(text) == text


def test_check_finds_a_stale_document_and_writing_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "README.md"
    file.write_text("<!-- maps:begin -->\nold\n<!-- maps:end -->\n", encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    assert "README.md: out of date" in capsys.readouterr().err
    assert main([], tmp_path) == 0
    assert "siemens_s7" in file.read_text(encoding="utf-8")
    assert main(["--check"], tmp_path) == 0


def test_the_reference_has_every_key_of_the_schema() -> None:
    text = config_reference()
    for model in schema()["$defs"].values():
        for key, value in model.get("properties", {}).items():
            is_table = "$ref" in str(value) and "enum" not in str(value) and key != "type"
            assert is_table or f"| `{key}` |" in text, key
    assert '### `[stations.source] kind = "playlist"`' in text
    assert "### `[[stations.user_values]]`" in text


def test_no_document_is_forgotten() -> None:
    assert ROOT / "docs" / "configuration.md" in documents()
    assert ROOT / "mappings" / "README.md" in documents()


def test_the_check_report_says_where_everything_is() -> None:
    lines = check_lines(settings_of(spoilt((("stations", 1, "modbus"), {"unit": 3, "offset": 256}))))
    text = "\n".join(lines)
    for fact in (
        "line 1: the configuration is right",
        "modbus: 0.0.0.0:5020",
        "opcua: 0.0.0.0:4841",
        "control: modbus owns the control tags; opcua mirrors them",
        "modbus: unit id 3, offset 256",
        "status: registers 256..383 (40257..40384)",
        "bits: coils from 16, discrete inputs from 16",
        "ns=2;s=station2.status.verdict",
        "source: file_drop /etc/gateway/drop2",
        "recipe 1: bottle at http://127.0.0.1:8000, 0 classes, in force at the start",
        "user value: gap = measurement.gap as uint16, register 385",
        "map: standard, word order ABCD, strings high first, ended by length word",
    ):
        assert fact in text, fact


def test_the_printed_report_says_the_same() -> None:
    settings = settings_of(spoilt())
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(check_report(settings))
    shown = console.export_text()
    for line in check_lines(settings):
        assert line.strip().rpartition(": ")[2] in shown


def test_the_report_of_a_station_without_any_of_the_extras() -> None:
    settings = settings_of(
        spoilt(
            (("stations", 0, "handshake"), {"ack_timeout_ms": 0, "watchdog_ms": 500}),
            (("stations", 0, "source"), {"kind": "playlist", "folder": "pictures"}),
            (("stations", 0, "modbus"), {"offset": 9984}),
            (("links", "modbus", "port"), 0),
        )
    )
    text = "\n".join(check_lines(settings))
    assert "no limit for acks, watchdog 500 ms (nothing)" in text
    assert "playlist /etc/gateway/pictures" in text
    assert "0.0.0.0:a free port" in text
    assert "registers 9984..10111 (409985..410112)" in text
