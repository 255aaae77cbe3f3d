"""A simulated camera for the demo: drops one part image into a folder for each trigger that a station accepts."""

import contextlib
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Self

from gateway.core.image import TagImage

AHEAD = 8
"""Pictures drawn in advance, so that drawing one never lies on a trigger's path."""

LOOK_AT_END_S = 0.1
"""How often a waiting artist looks whether the demo is over: Ctrl-C must not wait for it noticeably."""

REMEMBERED = 100
"""Shots whose moment is kept: more than can be in flight."""

_END = -1


class DropCamera:
    """Entered, it draws pictures ahead and drops them on `see`. `picture(n)` gives the PNG of part n, from 1."""

    def __init__(self, folder: Path, picture: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._picture = picture
        self._ready: queue.Queue[tuple[int, bytes]] = queue.Queue(AHEAD)
        self._shots: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._seen = 0
        self._dropped: OrderedDict[int, int] = OrderedDict()
        self._artist = threading.Thread(target=self._draw, name="camera-artist", daemon=True)
        self._shutter = threading.Thread(target=self._shoot, name="camera-shutter", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._artist.start()
        self._shutter.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._shots.put(_END)
        self._artist.join()
        self._shutter.join()

    def see(self, image: TagImage) -> None:
        """A station's new image: one shot for each trigger that was accepted since the last one."""
        accepted = int(image.values["count_triggers"])
        while self._seen < accepted:
            self._seen += 1
            self._shots.put(self._seen)

    def dropped_at(self, number: int) -> int:
        """When picture `number` lay in the folder, in monotonic microseconds; 0 where that is not known any more."""
        return self._dropped.get(number, 0)

    def _draw(self) -> None:
        number = 1
        while not self._ended.is_set():
            picture = self._picture(number)
            while not self._ended.is_set():
                with contextlib.suppress(queue.Full):
                    self._ready.put((number, picture), timeout=LOOK_AT_END_S)
                    break
            number += 1

    def _shoot(self) -> None:
        while (shot := self._shots.get()) != _END:
            _, picture = self._ready.get()
            name = f"part-{shot:06d}.png"
            writing = self._folder / f".{name}.writing"
            writing.write_bytes(picture)
            os.replace(writing, self._folder / name)
            self._dropped[shot] = time.monotonic_ns() // 1000
            if len(self._dropped) > REMEMBERED:
                self._dropped.popitem(last=False)
