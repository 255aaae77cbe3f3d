"""The demo's last line, once: in the picture on a terminal, by itself where output is piped."""

import io

import pytest
from rich.console import Console

from gateway.cli.demo_display import DemoDisplay


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
