"""How far a benchmark is: a bar in a terminal, a line for each fifth when piped."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LINES = 5


class Progress:
    """Where one benchmark tells how far it is."""

    def __init__(self, console: Console, name: str, bars: Bars | None) -> None:
        self._console, self._name, self._bars = console, name, bars
        self._task = bars.add_task(name) if bars is not None else None
        self._said = 0

    def step(self, text: str) -> None:
        """Say what comes next."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, description=f"{self._name}: {text}", completed=0)
        else:
            self._console.print(f"{self._name}: {text}", highlight=False, soft_wrap=True)
        self._said = 0

    def at(self, done: float, total: float) -> None:
        """So much of so much is done."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, total=total)
        elif (fifth := int(LINES * done / total)) > self._said:
            self._said = fifth
            self._console.print(f"{self._name}: {100 * done / total:.0f} %", highlight=False)


@contextmanager
def progress(console: Console, name: str) -> Iterator[Progress]:
    """A bar that is gone afterwards, or lines."""
    if not console.is_terminal:
        yield Progress(console, name, None)
        return
    with Bars(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True) as b:
        yield Progress(console, name, b)
