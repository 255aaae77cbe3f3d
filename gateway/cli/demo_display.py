"""What the demo shows: where to connect, each inspection as it happens, one line at the end."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.cli.results_tables import VERDICT_STYLES
from gateway.core.result import Result, Verdict
from gateway.ports import Recorded
from gateway.sim.plc import Answer

ROWS, LEAST_ROWS = 15, 5
"""How many inspections are shown: as many as the terminal has lines for, but within these."""
OTHER_LINES = 9
"""Of the picture, beside its rows and where to connect: frame, titles, summary, a row that is broken in three."""

REFRESH_PER_S = 8

_WORDS = {Verdict.OK: "OK", Verdict.NOK: "NOK", Verdict.NO_DECISION: "no decision"}
_SHORT = _WORDS | {Verdict.NO_DECISION: "?"}
"""For what each of several views says."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time of one inspection went, in microseconds. `gateway` is the overhead: all but camera and PEKAT."""

    camera: int
    pekat: int
    total: int

    @property
    def gateway(self) -> int:
        return self.total - self.camera - self.pekat

    @classmethod
    def of(cls, result: Result, shown_at: int) -> "Stages":
        """`shown_at`: when the picture was there, complete; 0 where that is not known."""
        camera = max(0, shown_at - result.accepted_at) if shown_at and result.exposed_at else 0
        return cls(camera, result.judgement.inspector_us, result.total_us)


def percentiles(values_us: Sequence[int]) -> tuple[float, float]:
    """p50 and p99 in milliseconds; 0 where there are no values."""
    if len(values_us) < 2:
        only = values_us[0] / 1000 if values_us else 0.0
        return only, only
    cuts = quantiles(values_us, n=100, method="inclusive")
    return cuts[49] / 1000, cuts[98] / 1000


class DemoDisplay:
    """A ResultSink that shows. In a terminal a live table, otherwise one plain line for each inspection."""

    def __init__(
        self, console: Console, head: Sequence[tuple[str, str]], shown_at: Callable[[Result], int] = lambda _: 0
    ) -> None:
        self._console = console
        self._head = head
        self._shown_at = shown_at
        self._rows: deque[tuple[Result, Stages, Answer | None]] = deque(maxlen=ROWS)
        self._overheads: list[int] = []
        self._counts = dict.fromkeys(_WORDS, 0)
        self._newest_answer = 0
        self._overtaken = 0
        self._live: Live | None = None

    async def __aenter__(self) -> Self:
        return self

    def begin(self) -> None:
        """Everything is up: show where to connect, and from now on each inspection."""
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._picture, console=self._console, refresh_per_second=REFRESH_PER_S, transient=False
            )
            self._live.start()
        else:
            for name, value in self._head:
                self._console.print(f"{name:<22} {value}", soft_wrap=True, highlight=False)
            self._console.print(_plain_head(), soft_wrap=True)

    async def __aexit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    def put(self, recorded: Recorded) -> None:
        """A result leaves the station: count it and show it."""
        result = recorded.result
        self._counts[result.verdict] += 1
        stages = Stages.of(result, self._shown_at(result))
        self._overheads.append(stages.gateway)
        self._overtaken += result.answered_at < self._newest_answer
        self._newest_answer = max(self._newest_answer, result.answered_at)
        self._rows.append((result, stages, None))
        if self._live is None:
            self._console.print(_plain_row(result, stages), highlight=False, soft_wrap=True)

    def seen_by_plc(self, answer: Answer) -> None:
        """The simulated PLC has this answer: its own latency goes beside it."""
        for place, (result, stages, _) in enumerate(self._rows):
            if result.part_id == answer.part_id:
                self._rows[place] = (result, stages, answer)

    def conclude(self) -> None:
        """Say the summary, where the picture does not end with it already."""
        if self._live is None:
            self._console.print(self.summary(), highlight=False, soft_wrap=True)

    def summary(self) -> str:
        """The one line at the end; also what scripts look for."""
        p50, p99 = percentiles(self._overheads)
        total = sum(self._counts.values())
        waited = f"; {self._overtaken} answers waited for an older part's" if self._overtaken else ""
        return (
            f"{total} inspections: {self._counts[Verdict.OK]} OK, {self._counts[Verdict.NOK]} NOK, "
            f"{self._counts[Verdict.NO_DECISION]} no decision, overhead p50 {p50:.2f} ms, p99 {p99:.2f} ms{waited}"
        )

    def _picture(self) -> Group:
        grid = Table.grid(padding=(0, 2))
        for name, value in self._head:
            grid.add_row(Text(name, style="dim"), Text(value))
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for title in _COLUMNS:
            justify: JustifyMethod = "left" if title in ("part", "verdict") else "right"
            table.add_column(title, justify=justify, min_width=len("(inspector") if title == "verdict" else None)
        fitting = max(self._console.height - len(self._head) - OTHER_LINES, LEAST_ROWS)
        for result, stages, answer in list(self._rows)[-fitting:]:
            number, part, verdict, *rest = _cells(result, stages)
            seen = f"{answer.latency_s * 1000:.1f}" if answer is not None else ""
            table.add_row(number, part, Text(verdict, style=VERDICT_STYLES[result.verdict]), *rest, seen)
        return Group(Panel(grid, title="PEKAT PLC gateway demo", expand=False), table, Text(self.summary()))


_COLUMNS = ("id", "part", "verdict", "defects", "camera ms", "PEKAT ms", "gateway ms", "total ms", "PLC sees ms")
_WIDTHS = (5, 12, 32, 7, 9, 9, 10, 9)


def _cells(result: Result, stages: Stages) -> list[str]:
    verdict = _WORDS[result.verdict]
    if result.verdict is Verdict.NO_DECISION:
        verdict += f" ({result.judgement.reason.name.lower().replace('_', ' ')})"
    if views := result.judgement.views:
        verdict += f": {' '.join(_SHORT[view.verdict] for view in views)}"
    times = (stages.camera, stages.pekat, stages.gateway, stages.total)
    return [
        str(result.result_seq),
        result.part_id,
        verdict,
        str(len(result.judgement.detections)),
        *(f"{time_us / 1000:.2f}" for time_us in times),
    ]


def _plain_row(result: Result, stages: Stages) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(_cells(result, stages), _WIDTHS, strict=True)).rstrip()


def _plain_head() -> str:
    return "  ".join(f"{title:<{width}}" for title, width in zip(_COLUMNS, _WIDTHS, strict=False)).rstrip()
