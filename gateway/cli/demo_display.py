"""What the demo shows: where to connect, each inspection as it happens, one line at the end."""

from collections import deque
from collections.abc import Sequence
from statistics import quantiles
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.core.result import Result, Verdict
from gateway.sim.plc import Answer

ROWS = 15
"""Fits a terminal of 24 lines together with the panel above."""

REFRESH_PER_S = 8

_STYLES = {Verdict.OK: "bold green", Verdict.NOK: "bold red", Verdict.NO_DECISION: "bold yellow"}
_WORDS = {Verdict.OK: "OK", Verdict.NOK: "NOK", Verdict.NO_DECISION: "no decision"}


def overhead_us(result: Result) -> int:
    """From the accepted trigger to the answer, less the time PEKAT took. Waiting for the camera is included."""
    return result.total_us - result.judgement.inspector_us


def percentiles(values_us: Sequence[int]) -> tuple[float, float]:
    """p50 and p99 in milliseconds; 0 where there are no values."""
    if len(values_us) < 2:
        only = values_us[0] / 1000 if values_us else 0.0
        return only, only
    cuts = quantiles(values_us, n=100, method="inclusive")
    return cuts[49] / 1000, cuts[98] / 1000


class DemoDisplay:
    """A ResultSink that shows. In a terminal a live table, otherwise one plain line for each inspection."""

    def __init__(self, console: Console, head: Sequence[tuple[str, str]]) -> None:
        self._console = console
        self._head = head
        self._rows: deque[tuple[Result, Answer | None]] = deque(maxlen=ROWS)
        self._results: dict[str, Result] = {}
        self._overheads: list[int] = []
        self._counts = dict.fromkeys(_WORDS, 0)
        self._live: Live | None = None

    async def __aenter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._picture, console=self._console, refresh_per_second=REFRESH_PER_S, transient=False
            )
            self._live.start()
        else:
            for name, value in self._head:
                self._console.print(f"{name:<22} {value}", soft_wrap=True, highlight=False)
            self._console.print(_plain_head())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    def put(self, station: str, result: Result) -> None:
        """A result leaves the station: count it and show it."""
        self._counts[result.verdict] += 1
        self._overheads.append(overhead_us(result))
        self._rows.append((result, None))
        if self._live is None:
            self._console.print(_plain_row(result), highlight=False, soft_wrap=True)

    def seen_by_plc(self, answer: Answer) -> None:
        """The simulated PLC has this answer: its own latency goes beside it."""
        for place, (result, _) in enumerate(self._rows):
            if result.part_id == answer.part_id:
                self._rows[place] = (result, answer)

    def summary(self) -> str:
        """The one line at the end; also what scripts look for."""
        p50, p99 = percentiles(self._overheads)
        total = sum(self._counts.values())
        return (
            f"{total} inspections: {self._counts[Verdict.OK]} OK, {self._counts[Verdict.NOK]} NOK, "
            f"{self._counts[Verdict.NO_DECISION]} no decision, overhead p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        )

    def _picture(self) -> Group:
        grid = Table.grid(padding=(0, 2))
        for name, value in self._head:
            grid.add_row(Text(name, style="dim"), Text(value))
        table = Table(expand=False)
        for title in _COLUMNS:
            table.add_column(title, justify="left" if title in ("part", "verdict") else "right")
        for result, answer in self._rows:
            cells = _cells(result)
            cells[2:3] = [Text(cells[2], style=_STYLES[result.verdict])]  # type: ignore[list-item]  # Text is a cell too
            table.add_row(*cells, f"{answer.latency_s * 1000:.1f}" if answer is not None else "")
        return Group(Panel(grid, title="PEKAT PLC gateway demo", expand=False), table, Text(self.summary()))


_COLUMNS = ("id", "part", "verdict", "defects", "image ms", "PEKAT ms", "gateway ms", "total ms", "PLC sees ms")


def _cells(result: Result) -> list[str]:
    image_us = result.exposed_at - result.accepted_at if result.exposed_at else 0
    asked_us = result.judgement.inspector_us
    verdict = _WORDS[result.verdict]
    if result.verdict is Verdict.NO_DECISION:
        verdict += f" ({result.judgement.reason.name.lower().replace('_', ' ')})"
    return [
        str(result.result_seq),
        result.part_id,
        verdict,
        str(len(result.judgement.detections)),
        f"{image_us / 1000:.2f}",
        f"{asked_us / 1000:.2f}",
        f"{(result.total_us - image_us - asked_us) / 1000:.2f}",
        f"{result.total_us / 1000:.2f}",
    ]


_WIDTHS = (5, 12, 32, 7, 9, 9, 10, 9)


def _plain_row(result: Result) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(_cells(result), _WIDTHS, strict=True)).rstrip()


def _plain_head() -> str:
    return "  ".join(f"{title:<{width}}" for title, width in zip(_COLUMNS, _WIDTHS, strict=False)).rstrip()
