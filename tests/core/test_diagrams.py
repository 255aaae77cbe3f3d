"""docs/handshake.md shows what the handshake does today."""

import re
from pathlib import Path

import pytest

from gateway.cli.diagrams import render, walked
from gateway.core.state import StationState

DOCUMENT = (Path(__file__).parents[2] / "docs" / "handshake.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "drawn"), render().items())
def test_each_drawing_in_the_document_is_up_to_date(name: str, drawn: str) -> None:
    found = re.findall(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", DOCUMENT, re.DOTALL)
    assert found == [drawn], f"{name}: run python -m gateway.cli.docs"


def test_the_document_names_every_rule_once_as_a_rule() -> None:
    assert [int(rule) for rule in re.findall(r"^- \*\*H(\d+)\*\* ", DOCUMENT, re.MULTILINE)] == list(range(1, 39))


def test_the_state_diagram_reaches_every_state() -> None:
    edges = walked()
    assert {before for before, _ in edges} == {after for _, after in edges} == set(StationState)
    assert edges[StationState.READY, StationState.ACQUIRING] == {"trigger 1"}
    assert "reset" in edges[StationState.INSPECTING, StationState.READY]
