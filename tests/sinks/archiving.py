"""Archives images for ever, to be killed in the middle of it: `python -m tests.sinks.archiving FOLDER FIRST`."""

import asyncio
import sys
from pathlib import Path

from tests.sinks.archived import PNG, archive, inspected, until


async def run(folder: Path, first: int) -> None:
    async with archive(folder) as store:
        for number in range(first, first + 1_000_000):
            inspected(store, number, PNG * 3000)
            await until(lambda wanted=number - first + 1: store.books.kept == wanted)  # type: ignore[misc]  # mypy: lambdas with defaults
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
