"""The pictures of a folder one after the other, one a trigger: for commissioning, without a camera."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason
from gateway.images.limits import ImageLimits
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.look import read
from gateway.sources.naming import natural_key, pattern_filter
from gateway.sources.pending import now_us
from gateway.sources.size_limits import (
    DEFAULT_FILE_MB,
    DEFAULT_MEGAPIXELS,
    MaxFileMb,
    MaxMegapixels,
    limits_of,
    limits_text,
)
from gateway.sources.worker import Worker

PATTERNS = ("*.png", "*.jpg", "*.jpeg", "*.bmp")
MARGIN_US = 10_000
"""So much before the deadline the wait ends: then the answer says what failed, not only that time is up."""
READ_LIMIT = 256
"""Reads that wait: far more than inspections can be in flight."""
GO_ON = "the next trigger gets the next file"
LIST_S = 10.0
"""How long listing the folder may take: a hundred thousand files on a slow share."""


class PlaylistSettings(BaseModel):
    """Plays the pictures of a folder, one a trigger. The files are only read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["playlist"] = Field("playlist", description="This kind of source.")
    folder: Annotated[Path, Field(strict=False)] = Field(description="The folder with the pictures.")
    patterns: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        PATTERNS, description="Names of pictures (`*` and `?` are wild, case does not matter)."
    )
    order: Literal["name", "time", "random"] = Field(
        "name",
        description="`name`: part2 before part10; `time`: oldest file first; `random`: shuffled anew each round.",
    )
    seed: int = Field(0, ge=0, description='With order = "random": the same seed plays the same order.')
    loop: bool = Field(True, description="Begin again after the last one; else the triggers after it get no image.")
    max_file_mb: MaxFileMb = DEFAULT_FILE_MB
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS

    @property
    def limits(self) -> ImageLimits:
        """How large a picture may be."""
        return limits_of(self.max_file_mb, self.max_megapixels)

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        return f"{self.kind} {self.folder}, {limits_text(self.limits)}"

    def create(self, station_name: str) -> "Playlist":
        """The source; nothing runs yet."""
        return Playlist(station_name, self)


class Playlist:
    """An ImageSource. The folder is listed when it is entered and again before each round."""

    def __init__(self, station: str, settings: PlaylistSettings) -> None:
        self._settings = settings
        self._matches = pattern_filter(settings.patterns)
        self._random = random.Random(settings.seed)
        self._reader = Worker(f"{station}-playlist", READ_LIMIT)
        self._stack = AsyncExitStack()
        self._round: list[str] = []
        self._played = False

    async def __aenter__(self) -> Self:
        self._played = False
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._reader)
            self._round = await self._reader.call(self._next_round, LIST_S)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The next picture. Raises SourceError: NO_IMAGE after the last, SOURCE_FAILED where it cannot be read.

        And for what is no whole picture within the limits: EMPTY_IMAGE, NOT_AN_IMAGE, IMAGE_TOO_LARGE, PIXEL_FORMAT.
        """
        left_s = max(order.deadline - MARGIN_US - now_us(), 0) / 1e6
        return await self._reader.call(self._next, left_s)

    def collect(self, since: int | None) -> None:
        """Nothing to do: a playlist's pictures are there already."""

    async def arrival(self) -> None:
        """At once, as fast as triggers are taken; never any more after the last one, where `loop` is false."""
        if not await self._reader.call(self._more, LIST_S):
            await asyncio.get_running_loop().create_future()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Nothing to do: the files stay."""

    async def check(self) -> None:
        """Raise SourceError where the folder is gone or has no picture in it."""
        await self._reader.call(self._list, LIST_S)

    # ---- in the reader's thread, so that two triggers never get the same turn ----

    def _more(self) -> bool:
        """Whether there is a next picture. Raises SourceError where the folder is gone or empty."""
        folder = self._settings.folder
        while self._round and not (folder / self._round[0]).exists():
            self._round.pop(0)
        if not self._round and not (self._played and not self._settings.loop):
            self._round = self._next_round()
        return bool(self._round)

    def _next(self) -> Picture:
        if not self._round:
            self._round = self._next_round()
        self._played = True
        name = self._round.pop(0)
        try:
            contents = read(self._settings.folder / name, self._settings.limits, shared=True)
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror}", hint=GO_ON) from error
        if contents is None:
            raise SourceError(f"{name}: it is no file, or is being written", reason=Reason.BAD_IMAGE, hint=GO_ON)
        if contents.fault is not None:
            raise SourceError(f"{name}: {contents.fault}", reason=contents.fault.reason, hint=GO_ON)
        return Picture(name, contents.data)

    def _next_round(self) -> list[str]:
        if self._played and not self._settings.loop:
            raise SourceError("the playlist is at its end", reason=Reason.NO_IMAGE, hint="loop = true begins again")
        names = self._list()
        if self._settings.order == "random":
            self._random.shuffle(names)
        return names

    def _list(self) -> list[str]:
        """All pictures by name or time. Raises SourceError where there is none."""
        folder = self._settings.folder
        try:
            names = sorted((path.name for path in folder.iterdir() if self._matches(path.name)), key=natural_key)
            if self._settings.order == "time":
                names.sort(key=lambda name: (folder / name).stat().st_mtime_ns)
        except OSError as error:
            raise SourceError(f"{folder} cannot be read: {error.strerror}", hint="correct `folder`") from error
        if not names:
            raise SourceError(f"{folder} has no picture in it", hint="put some there, or correct `patterns`")
        return names
