"""The demo's picture fits a terminal; its last line stands once: in the picture, or by itself where output is piped."""

import io
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.demo_display import OTHER_LINES, ROWS, DemoDisplay
from gateway.core.result import Reason, no_decision
from tests.sinks.results import recorded

HEAD = [(f"where to connect {number}", "opc.tcp://127.0.0.1:4840/pekat") for number in range(4)]


@pytest.mark.parametrize("terminal", [True, False])
async def test_the_summary_stands_at_the_end_once(terminal: bool) -> None:
    screen = io.StringIO()
    async with DemoDisplay(
        Console(file=screen, force_terminal=terminal, width=120), [("Modbus TCP", "here")]
    ) as display:
        display.begin()
    before = screen.getvalue()
    display.conclude()
    assert ("0 inspections" in before) == terminal
    assert ("0 inspections" in screen.getvalue()[len(before) :]) != terminal


async def test_the_picture_fits_a_terminal_of_80_columns_and_24_lines() -> None:
    screen = io.StringIO()
    async with DemoDisplay(Console(file=screen, width=80, height=24, force_terminal=True), HEAD) as display:
        for number in range(1, 31):
            undecided: dict[str, Any] = {"judgement": no_decision(Reason.TIMEOUT)} if number == 29 else {}
            display.put(recorded(number, part_id=f"P{number:06d}", **undecided))
        display.begin()
    lines = screen.getvalue().rsplit("PEKAT PLC gateway demo", 1)[1].splitlines()
    assert len(lines) <= 24
    assert "…" not in screen.getvalue()
    parts = [number for number in range(1, 31) if any(f"P{number:06d}" in line for line in lines)]
    assert parts == list(range(31 - (24 - len(HEAD) - OTHER_LINES), 31))
    assert len(parts) < ROWS
