"""Which file names are pictures, and which one belongs to a part. Names are compared, never built from a part id."""

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PLACE = "{part_id}"

UNUSABLE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
"""What Windows or POSIX forbids in a file name. Such an id is refused, not rewritten: `A/1` and `A_1` are two parts."""

DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any extension."""


def pattern_filter(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A test for file names: any of the patterns, upper and lower case alike, hidden files never."""
    compiled = re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns))

    def matches(name: str) -> bool:
        return not name.startswith(".") and compiled.match(name.lower()) is not None

    return matches


def part_fault(part_id: str) -> str:
    """Empty where a file can be named by this part id, else why it cannot."""
    if not part_id.strip():
        return "the trigger came without a part id"
    if UNUSABLE.search(part_id) or part_id.startswith(".") or part_id.endswith((".", " ")):
        return f"no file can be named by the part id {part_id!r}"
    if DEVICES.fullmatch(part_id):
        return f"the part id {part_id!r} is a device's name on Windows"
    return ""


@dataclass(frozen=True, slots=True)
class PartFilter:
    """A test for file names (with extension): is this the part's?

    `part_id` stands in each name that passes: looking for that first is 20 times as fast.
    """

    part_id: str
    pattern: re.Pattern[str]

    def __call__(self, name: str) -> bool:
        return self.pattern.fullmatch(name.rpartition(".")[0] or name) is not None


def part_filter(template: str, part_id: str) -> PartFilter:
    """The test for this part. `template` is for the stem; `*` and `?` are wild.

    Upper and lower case differ: `ab1` and `AB1` may be two parts.
    """
    before, after = template.split(PLACE)
    # The part id is taken literally: a `[` in it is no set of characters.
    return PartFilter(part_id, re.compile(_wild(before) + re.escape(part_id) + _wild(after), re.DOTALL))


def _wild(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in text)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `part2` before `part10`."""
    pieces = re.findall(r"(\d+)|(\D+)", name.lower())
    return tuple((0, int(digits), "") if digits else (1, 0, letters) for digits, letters in pieces)
