"""Fixtures for all tests: no test leaves a task, a thread, a socket or a child process behind."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

GRACE_S = 2.0
"""Threads and sockets that are on their way out get that long; a leak stays for ever."""

_LIBRARY_THREADS = ("ThreadPoolExecutor", "asyncio_", "pytest_timeout", "AnyIO", "QueueFeederThread", "Dummy")


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look through it again and again."""
    gc.freeze()


def _strangers(before: set[threading.Thread]) -> list[str]:
    now = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    return [thread.name for thread in now if not thread.name.startswith(_LIBRARY_THREADS)]


def _sockets() -> set[str]:
    """The sockets that this process holds, by inode; empty where the system does not tell."""
    found: set[str] = set()
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return found
    for entry in folder.iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:  # the descriptor of this very listing
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread or a socket."""
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    deadline = time.monotonic() + GRACE_S
    while (_strangers(threads) or _sockets() - sockets) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert not _strangers(threads), f"threads left running: {_strangers(threads)}"
    left = _sockets() - sockets
    assert not left, f"sockets left open: {left}"


def _blocks() -> set[str]:
    """The blocks of shared memory that this process has made and not removed: their names hold its id."""
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob(f"pekatgw_{os.getpid()}_*")} if folder.exists() else set()


@pytest.fixture(autouse=True)
def no_block_left() -> Iterator[None]:
    """Fails a test that leaves shared memory. A lane that was cut removes its block as its last act."""
    before = _blocks()
    yield
    deadline = time.monotonic() + GRACE_S
    while _blocks() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _blocks() - before, f"shared memory left: {_blocks() - before}"


@pytest_asyncio.fixture(autouse=True)
async def no_task_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fails an asynchronous test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()]
    if left:
        _, left_set = await asyncio.wait(left, timeout=GRACE_S)
        left = list(left_set)
    assert not left, f"tasks left running: {left}"
