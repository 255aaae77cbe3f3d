"""An archive of its own for each test, and what comes into it."""

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gateway.core.result import Judgement, Verdict
from gateway.ports import Picture, Pictured, RawFormat
from gateway.sinks.archive import Archive
from gateway.sinks.archive_choice import Choice, Choices
from gateway.sinks.archive_names import is_day
from gateway.sinks.archive_writer import Limits, Room
from tests.sinks.results import recorded, registrar

WAIT_S = 20.0
ALL = frozenset({Verdict.OK, Verdict.NOK, Verdict.NO_DECISION})
NOK = frozenset({Verdict.NOK})
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(92))
"""100 bytes."""
GREY = Picture("frame", bytes(range(12)), RawFormat(4, 3))


def archive(
    folder: Path,
    choice: Choice | None = None,
    limits: Limits | None = None,
    room: Room | None = None,
) -> Archive:
    return Archive(
        registrar(),
        folder,
        Choices(choice or Choice(ALL)),
        limits or Limits(),
        room or Room(images=10_000, bytes=10**9),
    )


def seen(number: int, data: bytes = PNG, *, view: str = "", drawn: bool = False, station: str = "s1") -> Pictured:
    return Pictured(station, number, view, Picture(f"{number}.png", data), drawn)


def inspected(store: Archive, number: int, data: bytes = PNG, **given: Any) -> None:
    """Inspection `number`, with its picture and its result."""
    store.see(seen(number, data))
    store.put(recorded(number, **given))


def judged(verdict: Verdict) -> Judgement:
    return Judgement(verdict)


def files(folder: Path) -> list[str]:
    """What is there of inspections, by its path; sorted, so by time."""
    days = [day for day in folder.iterdir() if is_day(day.name) and not day.is_symlink()] if folder.exists() else []
    found = (Path(at) / name for day in days for at, _, names in os.walk(day) for name in names)
    return sorted(str(one.relative_to(folder)) for one in found)


def half_written(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def images(folder: Path) -> list[str]:
    return [one for one in files(folder) if not one.endswith(".json")]


def ids(names: Iterable[str]) -> list[int]:
    """Of which inspections these images are."""
    return [int(Path(name).name.split(".")[1].rsplit("_", 1)[1]) for name in names]


def sides(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / one).read_text()) for one in files(folder) if one.endswith(".json")]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.005)
