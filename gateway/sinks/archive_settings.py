"""Settings of the image archive."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.result import Verdict
from gateway.records import Registrar
from gateway.sinks.archive import Archive
from gateway.sinks.archive_choice import ANY_RECIPE, Choice, Choices
from gateway.sinks.archive_writer import Limits, Room

FOLDER_NAME = "archive"
MB = 1_000_000


Keep = Annotated[tuple[Literal["ok", "nok", "no_decision"], ...], Field(strict=False)]


class ArchiveOverride(BaseModel):
    """What another station, or another recipe, keeps. What is left out is as for all, or as for its station."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    station: str = Field(description="For which station")
    recipe: int | None = Field(None, ge=1, description="Only for this recipe of it; without, for all of its recipes")
    keep: Keep | None = Field(None, description="Instead of archive.keep")
    every_nth_ok: int | None = Field(None, ge=0, le=1_000_000, description="Instead of archive.every_nth_ok")
    original: bool | None = Field(None, description="Instead of archive.original")
    drawn: bool | None = Field(None, description="Instead of archive.drawn")

    @property
    def place(self) -> tuple[str, int]:
        """As archive_choice has it."""
        return self.station, self.recipe or ANY_RECIPE

    def changed(self, choice: Choice) -> Choice:
        """The choice with what stands here instead."""
        return Choice(
            choice.verdicts if self.keep is None else _verdicts(self.keep),
            choice.every_nth_ok if self.every_nth_ok is None else self.every_nth_ok,
            choice.original if self.original is None else self.original,
            choice.drawn if self.drawn is None else self.drawn,
        )


class ArchiveSettings(BaseModel):
    """The image archive: pictures of inspections, with their results. There is one where this table is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    folder: Annotated[Path, Field(strict=False)] | None = Field(
        None, description=f"Folder to keep them in; without it {FOLDER_NAME} in the folder gateway.data"
    )
    keep: Keep = Field(("nok", "no_decision"), description="Verdicts whose images are kept")
    every_nth_ok: int = Field(
        0, ge=0, le=1_000_000, description='Of each station also every so manieth OK; 0: none, unless `keep` has "ok"'
    )
    original: bool = Field(True, description="Keep the picture as it came; a camera's pixels as PNG")
    drawn: bool = Field(
        False, description="Keep the image that PEKAT drew, where the recipe's response_type asks for one"
    )
    overrides: Annotated[tuple[ArchiveOverride, ...], Field(strict=False)] = Field(
        (), description="Other choices of a station or of one of its recipes; a recipe's goes before its station's"
    )
    keep_days: int = Field(30, ge=0, le=36_500, description="Drop what is older; 0: at no age")
    keep_images: int = Field(0, ge=0, le=1_000_000_000, description="Drop the oldest above this number; 0: no limit")
    keep_mb: int = Field(10_000, ge=0, le=1_000_000_000, description="Drop the oldest above this size; 0: no limit")
    min_free_mb: int = Field(
        1_000,
        ge=0,
        le=1_000_000_000,
        description="Drop the oldest where less would be free on the disk; where that does not help, images are lost "
        "rather than the disk filled",
    )
    queue_images: int = Field(200, ge=1, le=100_000, description="Images that may wait for the disk; more are lost")
    queue_mb: int = Field(200, ge=1, le=100_000, description="The same in megabytes of memory")

    def place(self, data: Path | None) -> Path | None:
        """The folder; None where nothing names one. `data` is gateway.data."""
        return self.folder if self.folder is not None or data is None else data / FOLDER_NAME

    def create(self, registrar: Registrar, folder: Path) -> Archive:
        """The archive; it begins when it is entered."""
        return Archive(
            registrar,
            folder,
            self.choices(),
            Limits(self.keep_days, self.keep_images, self.keep_mb * MB, self.min_free_mb * MB),
            Room(self.queue_images, self.queue_mb * MB),
        )

    def choices(self) -> Choices:
        """Which inspections are archived, and what of them."""
        everybody = Choice(_verdicts(self.keep), self.every_nth_ok, self.original, self.drawn)
        own: dict[tuple[str, int], Choice] = {}
        for one in sorted(self.overrides, key=lambda one: one.place):  # a station's own before those of its recipes
            own[one.place] = one.changed(own.get((one.station, ANY_RECIPE), everybody))
        return Choices(everybody, own)


def _verdicts(words: Iterable[str]) -> frozenset[Verdict]:
    return frozenset(Verdict[word.upper()] for word in words)
