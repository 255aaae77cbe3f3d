"""Which PEKAT projects answer, all asked at once: for `pekat-gateway check` and `pekat ping`."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.table import Table
from rich.text import Text

from gateway.config import Settings
from gateway.core.errors import InspectorError
from gateway.vision.pekat import ClientOptions, PekatClient
from gateway.vision.sending import endpoint_facts
from gateway.vision.way import WaySetting, choose, expected
from gateway.vision.wire import Call

RESOLVE_S = 1.0
"""A name that takes longer to resolve than that, beyond the time for the answers, counts as no answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One address to ask, and whom it is for."""

    url: str
    whose: str = ""
    way: WaySetting = "auto"
    connect_timeout_s: float = 1.0
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`wrong` is empty where it answered. `way` is the one that camera frames take, or would as far as is known."""

    asked: Asked
    milliseconds: float = 0.0
    version: str = ""
    way: str = ""
    wrong: str = ""
    date: str = ""
    """Its clock, as its Date header says; "" where it sends none."""

    @property
    def text(self) -> str:
        return self.wrong.removeprefix(f"{self.asked.url}: ") or f"answers in {self.milliseconds:.1f} ms"


def all_of(settings: Settings) -> list[Asked]:
    """Every address of every recipe, with the time-outs that the station has for it."""
    found = []
    for station in settings.stations:
        inspector = station.inspector
        connect, timeout = inspector.connect_timeout_ms / 1000, inspector.ping_timeout_ms / 1000
        for recipe in station.recipes:
            for view in station.view_names or ("",):
                whose = f"{station.name}, {f'view {view}, ' if view else ''}recipe {recipe.number}"
                urls = recipe.for_view(view).endpoints
                found += [Asked(url, whose, inspector.way, connect, timeout) for url in urls]
    return found


def roll_call(asked: Sequence[Asked]) -> list[Answer]:
    """Ask all of them, each in a thread of its own: as long as the slowest takes, and no longer than its time-out."""
    answers: dict[int, Answer] = {}

    def ask_number(number: int) -> None:
        answers[number] = _ask(asked[number])

    threads = [threading.Thread(target=ask_number, args=(number,), daemon=True) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + RESOLVE_S + max((one.timeout_s for one in asked), default=0.0)
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.0))
    silent = "its name is not resolved in time"
    return [answers.get(number) or Answer(one, wrong=silent) for number, one in enumerate(asked)]


def _ask(asked: Asked) -> Answer:
    began = time.monotonic()
    call = Call(began + asked.timeout_s)
    try:
        with PekatClient(asked.url, ClientOptions(connect_timeout_s=asked.connect_timeout_s)) as client:
            date = client.ping(call).headers.get("Date", "")
            took = (time.monotonic() - began) * 1000
            return replace(_known(client, asked, took), date=date)
    except InspectorError as error:
        return Answer(asked, wrong=str(error), way=expected(asked.way, asked.url))


def _known(client: PekatClient, asked: Asked, milliseconds: float) -> Answer:
    try:
        here, version = endpoint_facts(client, Call.within(asked.timeout_s))
    except InspectorError as error:  # it answered the ping: that is what counts
        return Answer(asked, milliseconds, way=f"not known: {error}")
    return Answer(asked, milliseconds, version or "before 3.18", str(choose(asked.way, here, version)))


def roll_table(answers: Sequence[Answer]) -> Table:
    """What came of it, one line for each address."""
    table = Table(title="PEKAT", title_justify="left", title_style="bold")
    for title in ("for", "address", "", "version", "camera frames go by"):
        table.add_column(title, overflow="fold")
    for answer in answers:
        style = "bold red" if answer.wrong else "green"
        table.add_row(answer.asked.whose, answer.asked.url, Text(answer.text, style=style), answer.version, answer.way)
    return table
