"""The files of one archived inspection: its images and, beside them, everything that is known of its result."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from gateway.images.files import form_of, image_file
from gateway.ports import Pictured, StoredResult
from gateway.sinks.archive_names import SIDE, ending, hour_of, partial, stem_of, verdict_word


@dataclass(frozen=True, slots=True)
class Job:
    """An inspection to be archived: these pictures become the files `stored.archived`."""

    stored: StoredResult
    pictures: tuple[Pictured, ...]

    @property
    def bytes(self) -> int:
        """What it holds in memory, and about what it will take on the disk."""
        return sum(memoryview(one.picture.data).nbytes for one in self.pictures)


Files = Sequence[tuple[str, "bytes | memoryview"]]
"""Names and contents, in the order in which they appear."""


def files_of(job: Job) -> Files:
    """Images as they came; raw pixels as PNG. The side file is the last one: where it is, all is there.

    Raises ValueError for pixels that do not fit their own format.
    """
    names = [name.rpartition("/")[2] for name in job.stored.archived]
    images = [(name, image_file(one.picture)[1]) for name, one in zip(names, job.pictures, strict=True)]
    side = json.dumps(side_of(job.stored, names), indent=1, allow_nan=False)
    return [*images, (stem_of(job.stored) + SIDE, side.encode())]


def names_of(stored: StoredResult, pictures: Sequence[Pictured]) -> tuple[str, ...]:
    """What their files are called, relative to the archive's folder."""
    if not pictures:
        return ()
    start = f"{hour_of(stored)}/{stem_of(stored)}"
    return tuple([start + ending(one.view, form_of(one.picture), drawn=one.drawn) for one in pictures])


def write(folder: Path, files: Files) -> int:
    """Put all of them into the folder, each whole or not at all; how many bytes. Raises OSError, and leaves nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    done: list[Path] = []
    try:
        for name, data in files:
            done.append(folder / partial(name))
            done[-1].write_bytes(data)
        for at, (name, _) in enumerate(files):
            os.replace(done[at], folder / name)
            done[at] = folder / name
    except BaseException:
        for file in done:
            with suppress(OSError):  # what cannot be removed now is removed at the next start
                file.unlink(missing_ok=True)
        raise
    return sum(memoryview(data).nbytes for _, data in files)


def side_of(stored: StoredResult, images: Sequence[str]) -> dict[str, Any]:
    """All that the history keeps of it, and the names of the images beside it. Times are ISO 8601 in UTC."""
    result, judgement = stored.result, stored.result.judgement
    return {
        "result_id": stored.result_id,
        "station": stored.station,
        "part_id": result.part_id,
        "verdict": verdict_word(result.verdict),
        "reason": judgement.reason.name.lower(),
        "detail": judgement.detail,
        "recipe": result.recipe,
        "recipe_name": stored.recipe_name,
        "result_seq": result.result_seq,
        "trigger_seq": result.trigger_seq,
        "inspection_id": result.inspection_id,
        "accepted": stored.accepted.isoformat(),
        "exposed": stored.exposed.isoformat() if stored.exposed is not None else None,
        "answered": stored.answered.isoformat(),
        "pictured_ms": _ms(stored.stages.pictured_us),
        "asked_ms": _ms(stored.stages.asked_us),
        "total_ms": result.total_us / 1000,
        "inspector_ms": judgement.inspector_us / 1000,
        "score": _number(judgement.score),
        "detections": [_plain(asdict(one)) for one in judgement.detections],
        "user_values": {name: _number(value) for name, value in judgement.user_values},
        "views": [_plain(asdict(one)) for one in judgement.views],
        "counts": asdict(stored.counts),
        "presented": stored.presented,
        "origin": asdict(result.origin),
        "pictures": [{"view": view, "name": name} for view, name in stored.pictures],
        "images": list(images),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    words = {name: values[name].name.lower() for name in ("verdict", "reason") if name in values}
    return {name: _number(value) for name, value in values.items()} | words


def _ms(microseconds: int | None) -> float | None:
    return microseconds / 1000 if microseconds is not None else None


def _number(value: Any) -> Any:
    """JSON has no word for what is no number."""
    return None if isinstance(value, float) and not isfinite(value) else value
