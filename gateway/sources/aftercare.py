"""What becomes of files after their trigger: deleted, moved aside, rejected with a reason. All of it may block."""

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gateway.sources.look import key_of, written_ns
from gateway.sources.shelf import FileKey

log = logging.getLogger(__name__)

TRIES = 4
"""A file that its writer or a virus scanner still holds open cannot be moved on Windows; they let go of it soon."""
TRY_AGAIN_S = 0.1
"""Between two tries: four of them last less than the pause between two parts."""
REASON_SUFFIX = ".reason.txt"
NUMBER_LIMIT = 100_000
"""Numbers tried for a name that is taken."""


@dataclass(slots=True)
class AftercareFigures:
    """How often what happened since the start."""

    deleted: int = 0
    moved: int = 0
    stale: int = 0
    """Moved away because no trigger came for them."""
    failed: int = 0
    """Left where it was, and never given to a trigger again."""
    replaced: int = 0
    """Left alone: a newer picture has taken its name."""


@dataclass(slots=True)
class Aftercare:
    """Works on one drop folder. Never raises: a failure is logged and counted, and the file stays where it is."""

    station: str
    folder: Path
    shared: bool
    figures: AftercareFigures = field(default_factory=AftercareFigures)

    def delete(self, key: FileKey) -> bool:
        """Delete this very file. Whether it is gone."""
        return self._try(partial(self._delete, key), f"{key.name} cannot be deleted")

    def move(self, key: FileKey, target: Path, reason: str = "") -> bool:
        """Move this very file to a folder, under a number where its name is taken, with a reason file if there is one.

        Whether it is gone from the drop.
        """
        return self._try(partial(self._move_given, key, target, reason), f"{key.name} cannot be moved to {target}")

    def _delete(self, key: FileKey) -> bool:
        if not self._present(key):
            return False
        (self.folder / key.name).unlink()
        self.figures.deleted += 1
        return True

    def _move_given(self, key: FileKey, target: Path, reason: str) -> bool:
        if not self._present(key):
            return False
        moved = self._move(key.name, target)
        self.figures.moved += 1
        if reason:
            self._try(partial(_write_reason, moved, reason), f"the reason for {moved} cannot be written")
        return True

    def move_stale(self, names: Iterable[str], target: Path, age_s: float) -> None:
        """Move files that no trigger can have any more; one that was written less than `age_s` ago is a new picture."""
        for name in names:
            self._try(partial(self._move_stale, name, target, age_s), f"{name} cannot be moved to {target}")

    def _move_stale(self, name: str, target: Path, age_s: float) -> bool:
        status = (self.folder / name).stat()
        if time.time_ns() - written_ns(status) < age_s * 1e9:
            return False
        self._move(name, target)
        self.figures.stale += 1
        return True

    def _try(self, act: Callable[[], bool], failure: str) -> bool:
        for tries_left in reversed(range(TRIES)):
            try:
                return act()
            except PermissionError as error:
                if not tries_left:
                    self._fail(failure, error)
                time.sleep(TRY_AGAIN_S if tries_left else 0)
            except OSError as error:
                self._fail(failure, error)
                return False
        return False

    def _fail(self, failure: str, error: OSError) -> None:
        self.figures.failed += 1
        log.error("%s: %s: %s", self.station, failure, error.strerror or error)

    def _present(self, key: FileKey) -> bool:
        """Whether the file of this name is still the one that was given. Raises OSError where there is none."""
        same = key_of(key.name, (self.folder / key.name).stat(), shared=self.shared).same_writing(key)
        if not same:
            self.figures.replaced += 1
            log.info("%s: a newer %s has taken the place of the one that was given", self.station, key.name)
        return same

    def _move(self, name: str, target: Path) -> Path:
        if not self.folder.is_dir():  # else making the target would make a new drop where a share was
            raise FileNotFoundError(f"{self.folder} is gone")
        target.mkdir(parents=True, exist_ok=True)
        free = _reserve(target, name)
        try:
            _replace(self.folder / name, free)
        except OSError:
            free.unlink(missing_ok=True)
            raise
        return free


def _replace(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)  # another disk; the source goes only when the copy is whole
        shutil.copystat(source, target)
        source.unlink()


def _reserve(folder: Path, name: str) -> Path:
    """An empty file of this name, or of the first free number: whoever else moves files here gets another one."""
    stem, extension = os.path.splitext(name)
    for number in range(NUMBER_LIMIT):
        free = folder / (f"{stem}-{number}{extension}" if number else name)
        if (folder / f"{free.name}{REASON_SUFFIX}").exists():
            continue
        try:
            free.open("xb").close()
        except FileExistsError:
            continue
        return free
    raise FileExistsError(errno.EEXIST, f"{NUMBER_LIMIT} files are called {name} already", str(folder))


def _write_reason(moved: Path, text: str) -> bool:
    moved.with_name(moved.name + REASON_SUFFIX).write_text(text, "utf-8")
    return True
