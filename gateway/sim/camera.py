"""A simulated camera for the demo: drops one part image into a folder for each trigger that a station accepts."""

import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Self

from gateway.core.image import TagImage
from gateway.ports import StationPort

ROLL = 24
"""Different pictures, drawn while everything else starts and then taken in turn: drawing one costs 20 ms of the
interpreter, which would show in the gateway's times."""

REMEMBERED = 100
"""Shots whose moment is kept: more than can be in flight."""

_END = -1


def picture_number(shot: int) -> int:
    """Which picture shot number `shot` shows, both counted from 1."""
    return (shot - 1) % ROLL + 1


def inspections_before(station: StationPort) -> int:
    """How many inspections are over: those that are in flight have yet to get their pictures."""
    return station.state.next_id - 1 - len(station.state.flight)


class DropCamera:
    """Entered, it draws its pictures and drops them on `see`. `picture(n)` gives the PNG of picture n, from 1."""

    def __init__(self, folder: Path, picture: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._picture = picture
        self._shots: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._triggers = 0
        self._begun_at = 0
        self._inspections_before = 0
        self._dropped: OrderedDict[int, int] = OrderedDict()
        self._thread = threading.Thread(target=self._shoot, name="camera", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._shots.put(_END)
        self._thread.join()

    def begin(self, station: StationPort) -> None:
        """Begin with this station's triggers that are in flight: it goes on counting where it was before a restart."""
        in_flight = len(station.state.flight)
        self._inspections_before = inspections_before(station)
        self._triggers = self._begun_at = int(station.image.values["count_triggers"]) - in_flight
        self.see(station.image)

    def see(self, image: TagImage) -> None:
        """A station's new image: one shot for each trigger that was accepted since the last one."""
        accepted = int(image.values["count_triggers"])
        while self._triggers < accepted:
            self._triggers += 1
            self._shots.put(self._triggers - self._begun_at)

    def dropped_at(self, inspection_id: int) -> int:
        """When this inspection's picture lay in the folder, in monotonic microseconds; 0 where that is forgotten."""
        return self._dropped.get(inspection_id - self._inspections_before, 0)

    def _shoot(self) -> None:
        pictures = [self._picture(number) for number in range(1, ROLL + 1)]
        while (shot := self._shots.get()) != _END:
            name = f"part-{shot:06d}.png"
            writing = self._folder / f".{name}.writing"
            writing.write_bytes(pictures[picture_number(shot) - 1])
            self._dropped[shot] = time.monotonic_ns() // 1000  # before: this thread may have to wait after it
            os.replace(writing, self._folder / name)
            if len(self._dropped) > REMEMBERED:
                self._dropped.popitem(last=False)
