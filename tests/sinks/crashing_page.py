"""A process that stores into a page, and is killed in the middle of a copy."""

import mmap
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gateway.sinks.page_file import PageFile

STEP = 5
"""Bytes that are copied between two places where it can be killed."""


class SlowMemory:
    """Copies a few bytes at a time. It cannot be seen from outside how far the processor's own copy is."""

    def __init__(self, memory: mmap.mmap, at: int) -> None:
        self._memory, self._left = memory, at

    def __setitem__(self, where: slice, new: bytes) -> None:
        for done in range(0, len(new), STEP):
            self._step()
            part = new[done : done + STEP]
            self._memory[where.start + done : where.start + done + len(part)] = part
        self._step()

    def _step(self) -> None:
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def content(number: int) -> bytes | None:
    """What the store with this number stores; nothing was stored by the one with number 0."""
    return f"content {number}, ".encode() * (1 + number % 3) if number else None


def store_until_killed(file: Path, first: int, at: int, told: Connection) -> None:
    """From this number on; send each number when it is stored."""
    page: Any = PageFile.opened(file)
    page._memory = SlowMemory(page._memory, at)
    number = first
    while True:
        stored = content(number)
        assert stored is not None
        page.store(stored)
        told.send(number)
        number += 1
