"""The boot id: the PLC sees by it that the gateway was restarted."""

import time
from pathlib import Path

FILE_NAME = "boot_id"
_TICK_NS = 100_000_000
"""Without a file the id counts tenths of a second: no gateway starts twice within one."""


def next_boot_id(folder: Path | None) -> int:
    """1..65535, different from the last one. With a data folder the last one is kept there and counted on.

    Without one it comes from the clock, and repeats only after a multiple of 109 minutes to the tenth of a second.
    """
    if folder is None:
        return time.time_ns() // _TICK_NS % 65535 + 1
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE_NAME
    try:
        last = int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):  # a first start, or a file cut short by a power loss
        last = time.time_ns() // _TICK_NS
    boot_id = last % 65535 + 1
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{boot_id}\n", encoding="ascii")
    fresh.replace(file)
    return boot_id
