"""The settings of a file drop."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.images.limits import ImageLimits
from gateway.sources.naming import PLACE
from gateway.sources.scan import EAGER_DUTY, LAZY_DUTY, Pace
from gateway.sources.shelf import Pick
from gateway.sources.size_limits import (
    DEFAULT_FILE_MB,
    DEFAULT_MEGAPIXELS,
    MaxFileMb,
    MaxMegapixels,
    limits_of,
    limits_text,
)
from gateway.sources.watch import WatchKind

if TYPE_CHECKING:
    from gateway.sources.file_drop import FileDrop

PATTERNS = ("*.png", "*.jpg", "*.jpeg", "*.bmp")

RETAIN_US = 5_000_000
"""How long a picture stays on the shelf after its window: an order is acquired far sooner after its acceptance."""

Folder = Annotated[Path, Field(strict=False)]


class FileDropSettings(BaseModel):
    """Takes each trigger's image from a folder that a camera's software writes to."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["file_drop"] = Field("file_drop", description="This kind of source.")
    folder: Folder = Field(description="The folder that pictures are written to. Folders in it are not looked at.")
    create_folder: bool = Field(
        False,
        description="Make the folder at the start where it is missing. Leave it off for a network share: a share that "
        "is not mounted would go unnoticed.",
    )
    patterns: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        PATTERNS,
        description="Names of pictures (`*` and `?` are wild, case does not matter). Hidden files never count.",
    )
    pick: Pick = Field(
        "newest",
        description="Which picture a trigger gets where there are several: `newest`, `oldest`, or `part_id`: the one "
        "that is named by the trigger's part id. In a continuous run every picture is taken, the oldest first.",
    )
    part_id_name: str = Field(
        PLACE,
        description='With pick = "part_id": the file\'s name without its extension; `{part_id}` stands for the part '
        "id and `*` for anything: `cam1_{part_id}_*`.",
    )
    window_ms: int = Field(
        250,
        ge=0,
        le=86_400_000,
        description="How much earlier than the trigger a picture may have come in. Camera and PLC often see the same "
        "sensor, and the PLC's trigger comes later by its cycle and its communication. 0: only pictures that come "
        "after the trigger. Keep it shorter than the time between two parts. A picture is given to one trigger only; "
        "what comes while an inspection is under way belongs to that one's part, and after a trigger that got no "
        "picture the next one takes only what comes after itself.",
    )
    complete: Literal["auto", "event", "trailer", "rename"] = Field(
        "auto",
        description="When a file is whole. `event`: closed after writing, or renamed in. `rename`: only renamed in. "
        "`trailer`: it ends as its format ends (PNG, JPEG, BMP). `auto`: `event` on a local disk of a Linux machine, "
        "`trailer` on network shares and elsewhere. What only a scan sees, always needs its trailer.",
    )
    afterwards: Literal["delete", "move", "keep"] = Field(
        "move", description="What becomes of a judged picture: deleted, moved to `done_folder`, or left where it is."
    )
    done_folder: Folder = Field(Path("done"), description="For judged pictures; relative to `folder`.")
    by_verdict: bool = Field(False, description="Move judged pictures to `ok`, `nok`, `no_decision` in `done_folder`.")
    rejected_folder: Folder = Field(
        Path("rejected"),
        description="For pictures that are broken, too large, or refused by PEKAT, each with a `.reason.txt`; "
        "relative to `folder`.",
    )
    unjudged_folder: Folder = Field(
        Path("unjudged"),
        description="For pictures whose inspection ended without an answer from PEKAT (cancelled, PEKAT down), each "
        "with a `.reason.txt`; relative to `folder`. They are never given to another trigger.",
    )
    stale: Literal["keep", "move"] = Field(
        "keep", description="What becomes of pictures that no trigger came for: left where they are, or moved."
    )
    stale_folder: Folder = Field(Path("stale"), description='For them, with stale = "move"; relative to `folder`.')
    max_file_mb: MaxFileMb = DEFAULT_FILE_MB
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS
    scan_ms: int = Field(
        1000, ge=50, le=60_000, description="Pause between the scans that find what no event told of (milliseconds)."
    )
    fast_scan_ms: int = Field(
        10, ge=2, le=10_000, description="The same on a network share, where only scans see what others write."
    )
    give_up_ms: int = Field(
        2000,
        ge=1100,
        le=600_000,
        description="Where the trailer decides: a file that stands still for so long without one counts as broken.",
    )
    watch: WatchKind = Field(
        "auto", description="How files are noticed: `inotify` (Linux), `watchdog` (elsewhere), or `scan` alone."
    )

    @field_validator("patterns")
    @classmethod
    def _plain_names(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not pattern or "/" in pattern or "\\" in pattern:
                raise ValueError(f'{pattern!r} is no pattern for a file\'s name; write for example "*.png"')
        return patterns

    @field_validator("part_id_name")
    @classmethod
    def _one_place(cls, template: str) -> str:
        if template.count(PLACE) != 1 or "/" in template or "\\" in template:
            raise ValueError(f'write {PLACE} once, and no folder; for example "cam1_{PLACE}"')
        return template

    @model_validator(mode="after")
    def _folders_apart(self) -> Self:
        for key in ("done_folder", "rejected_folder", "unjudged_folder", "stale_folder"):
            if self.aside(getattr(self, key)) == self.aside(Path()):
                raise ValueError(f"{key} is the drop folder itself: its pictures would come in again")
        return self

    def aside(self, folder: Path) -> Path:
        """A folder for files that were dealt with, relative ones being in the drop."""
        return Path(os.path.abspath(self.folder / folder))

    def pace(self, *, eager: bool, trailer: bool) -> Pace:
        """How often to look. `eager`: scans are all there is. `trailer`: unfinished files are worth following."""
        return Pace(
            scan_s=(self.fast_scan_ms if eager else self.scan_ms) / 1000,
            pending_s=(self.fast_scan_ms if trailer else self.scan_ms) / 1000,
            # Where events tell the end, a writer that rests is still a writer.
            give_up_s=self.give_up_ms / 1000 if trailer else None,
            horizon_us=self.window_ms * 1000 + RETAIN_US,
            duty=EAGER_DUTY if eager else LAZY_DUTY,
        )

    @property
    def limits(self) -> ImageLimits:
        """How large a picture may be."""
        return limits_of(self.max_file_mb, self.max_megapixels)

    @property
    def summary(self) -> str:
        """What `check` says of it."""
        choice = f"{self.pick}, window {self.window_ms} ms, afterwards {self.afterwards}"
        return f"{self.kind} {self.folder}, {choice}, {limits_text(self.limits)}"

    def create(self, station_name: str) -> "FileDrop":
        """The source; nothing runs yet."""
        from gateway.sources.file_drop import FileDrop

        return FileDrop(station_name, self)
