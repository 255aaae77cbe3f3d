"""How the files of the archive are called: one name for each inspection, which says what it is of.

    2026-11-25/23/20261125T232154.123456Z_station1_A4711_nok_812.png            the picture
    2026-11-25/23/20261125T232154.123456Z_station1_A4711_nok_812.drawn.png      what PEKAT drew
    2026-11-25/23/20261125T232154.123456Z_station1_A4711_nok_812.top.png        view "top" of several
    2026-11-25/23/20261125T232154.123456Z_station1_A4711_nok_812.json           the result

Times are UTC. Folders and names sort by time. A result leads to its name without a search, and back.
"""

import re
from datetime import UTC, datetime
from urllib.parse import quote

from gateway.core.result import Verdict
from gateway.ports import StoredResult

SIDE = ".json"
PARTIAL = ".part"
"""Ends a file that is being written; its name begins with a full stop too, so that nobody takes it for a picture."""
_PART_ID = 96
"""Characters: 32 bytes of which each is written as three."""
_TIME = "%Y%m%dT%H%M%S.%fZ"
_TIME_LENGTH = len("20261125T232154.123456Z")
_HOUR = "%Y-%m-%d/%H"
_STEM = r"\d{8}T\d{6}\.\d{6}Z_[a-z][a-z0-9_]*_(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})+_(?:ok|nok|no_decision)_\d+"
_ENDINGS = r"(?:(?:\.[a-z][a-z0-9_]*)?(?:\.drawn)?\.(?:png|jpg|bmp|bin)|\.json)"
_OWN = re.compile(f"({_STEM}){_ENDINGS}", re.ASCII)
_OWN_PARTIAL = re.compile(rf"\.{_STEM}{_ENDINGS}{re.escape(PARTIAL)}", re.ASCII)
_DAY_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HOUR_FOLDER = re.compile(r"\d{2}", re.ASCII)


def hour_of(stored: StoredResult) -> str:
    """The folder of this result, below the archive's."""
    return stored.answered.strftime(_HOUR)


def stem_of(stored: StoredResult) -> str:
    """What all files of this result begin with; unique in the archive."""
    words = stored.answered.strftime(_TIME), stored.station, safe(stored.result.part_id)
    return "_".join((*words, verdict_word(stored.result.verdict), str(stored.result.inspection_id)))


def verdict_word(verdict: Verdict) -> str:
    """As names have it: ok, nok, no_decision."""
    return verdict.name.lower()


def safe(part_id: str) -> str:
    """A part id as every file system takes it: what is no letter, digit, `-`, `.`, `_` or `~` as %XX, as in a URL.

    Different ones stay different, up to 32 bytes. Nothing becomes a single `-`.
    """
    return _whole(quote(part_id, safe="", errors="replace")[:_PART_ID]) or "-"


def _whole(quoted: str) -> str:
    """Without half a %XX at its end."""
    cut = quoted.rfind("%", max(0, len(quoted) - 2))
    return quoted if cut < 0 else quoted[:cut]


def ending(view: str, form: str, *, drawn: bool) -> str:
    """What follows the stem in an image's name. `view` is "" where there is only one."""
    return "".join((f".{view}" if view else "", ".drawn" if drawn else "", f".{form}"))


def partial(name: str) -> str:
    """What a file is called while it is being written."""
    return f".{name}{PARTIAL}"


def own_stem(name: str) -> str | None:
    """What a file's name begins with, where it is one of the archive's; None for others."""
    found = _OWN.fullmatch(name)
    return found[1] if found else None


def is_partial(name: str) -> bool:
    """Left by a gateway that was killed while it wrote."""
    return _OWN_PARTIAL.fullmatch(name) is not None


def is_day(name: str) -> bool:
    """A folder of the archive, by its name."""
    return _DAY_FOLDER.fullmatch(name) is not None


def is_hour(name: str) -> bool:
    """A folder in one of a day, by its name."""
    return _HOUR_FOLDER.fullmatch(name) is not None


def hour_name(moment: datetime) -> str:
    """The folder of this time."""
    return moment.astimezone(UTC).strftime(_HOUR)


def time_word(moment: datetime) -> str:
    """What a name of this time begins with; such words sort as their times do."""
    return moment.astimezone(UTC).strftime(_TIME)


def time_word_of(stem: str) -> str:
    """The same of a name."""
    return stem[:_TIME_LENGTH]
