"""Run as a program: answers without end, into the history at argv[1]; prints the number of each that can be read back.

It is killed in the middle of that. `argv[2]` is the first number.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from gateway.ports import ResultQuery
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.sinks.results import recorded, registrar


async def main(file: Path, first: int) -> None:
    async with History(registrar(), file, Retention(0, 0)) as history:
        for number in itertools.count(first):
            history.put(recorded(number))
            if number % 3:  # some in groups of several
                continue
            (newest,) = await history.read(ResultQuery("s1", newest_first=True, limit=1))
            assert newest.result.inspection_id == number
            print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
