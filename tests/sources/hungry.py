"""A process that is fed with images that want its memory: `python -m tests.sources.hungry FOLDER URL`.

Prints, for each case, by how many bytes its peak of resident memory rose over what it was before the first.
"""

import asyncio
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from gateway.core.errors import SourceError
from gateway.ports import ImageSource
from gateway.sources import SourceSettings
from tests.images.samples import png_of, text_bomb
from tests.sources.pictures import drop, order, png

FILES = {
    "500 megapixels": lambda: png_of(25_000, 20_000),
    "bomb": lambda: png_of(65_000, 65_000),
    "text bomb": text_bomb,
}


def peak() -> int:
    """The most memory that this process ever had (bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def fed(source: ImageSource, feed: Callable[[], None]) -> str:
    """The reason of one trigger that this picture comes after, 0 for a picture."""
    taking = asyncio.create_task(source.acquire(order(within_s=20)))
    await asyncio.sleep(0)
    feed()
    try:
        picture = await taking
    except SourceError as error:
        return str(error.reason.value)
    return "0" if len(picture.data) < 1_000_000 else "too much"


def sparse(folder: Path) -> None:
    """A file of 2 GB that takes no room, begins as a PNG and is renamed in."""
    staged = folder.parent / "huge"
    with staged.open("wb") as file:
        file.write(png())
        file.truncate(2_000_000_000)
    staged.rename(folder / "huge.png")


async def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    settings = TypeAdapter(SourceSettings)
    pictures = {name: make() for name, make in FILES.items()}
    drops = settings.validate_python({"kind": "file_drop", "folder": str(folder)})
    camera = settings.validate_python({"kind": "http_camera", "url": url, "max_file_mb": 8})
    async with drops.create("line") as source, camera.create("line") as http:
        await fed(source, partial(drop, folder, "first.png", png()))
        before = peak()
        for name, data in pictures.items():
            reason = await fed(source, partial(drop, folder, f"{name}.png", data))
            print(f"{name}\t{reason}\t{peak() - before}", flush=True)
        print(f"2 GB\t{await fed(source, partial(sparse, folder))}\t{peak() - before}", flush=True)
        print(f"http\t{await fed(http, lambda: None)}\t{peak() - before}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
