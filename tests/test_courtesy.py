"""Long work in a thread leaves the interpreter to others as often as it should, and not more often."""

import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace

import pytest

from gateway import worker
from gateway.worker import HOLD_S, Courtesy

if sys.platform != "linux":
    pytest.skip("a thread's own switches are counted by Linux alone", allow_module_level=True)
import resource

WORK_S = 0.1


@pytest.fixture
def switched_by_nobody() -> Iterator[None]:
    """Python itself takes the interpreter away from nobody for a minute."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(before)


def courteous(seconds: float) -> int:
    """Work for so long, in pieces of a microsecond; how often this thread stood aside."""
    before, until, courtesy = asides(), time.thread_time() + seconds, Courtesy()
    while time.thread_time() < until:
        courtesy.step_aside()
    return asides() - before


def asides() -> int:
    """How often this thread has given its processor away by itself."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def test_another_thread_has_its_turns(switched_by_nobody: None) -> None:
    working, turns = threading.Thread(target=courteous, args=(WORK_S,)), 0
    working.start()
    while working.is_alive():
        working.join(HOLD_S / 5)  # as somebody who wants the interpreter that often: each return is a turn
        turns += 1
    assert turns > 5  # of 200, or on a machine that is busy elsewhere a few of them; without courtesy 2


def test_it_stands_aside_as_often_as_that_and_not_more() -> None:
    meant = WORK_S / HOLD_S
    assert meant / 2 < courteous(WORK_S) < meant * 1.5


def test_what_others_do_with_the_time_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall's time goes on by four times as much as it takes, this thread's own time does not."""
    wall, stood = count(step=4 * HOLD_S), list[float]()
    clocks = SimpleNamespace(monotonic=lambda: next(wall), thread_time=time.thread_time, sleep=stood.append)
    monkeypatch.setattr(worker, "time", clocks)
    courtesy = Courtesy()
    for _ in range(20):
        courtesy.step_aside()
    assert stood == []


def test_what_gives_the_interpreter_away_by_itself_is_not_counted_and_the_work_around_it_is() -> None:
    before, courtesy = asides(), Courtesy()
    for _ in range(100):
        assert courtesy.given_away(lambda: busy(2 * HOLD_S)) == "done"
        courtesy.step_aside()
    alone = asides() - before
    for _ in range(100):
        busy(HOLD_S / 3)
        courtesy.given_away(lambda: busy(HOLD_S))
        courtesy.step_aside()
    assert alone < 10
    assert 20 < asides() - before - alone < 50


def busy(seconds: float) -> str:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return "done"
