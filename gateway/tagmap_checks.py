"""What makes a register map right: every place inside its block, none on another, all that the handshake needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.core.errors import ConfigError
from gateway.core.registers import Block, Place, RegisterMap, width
from gateway.core.tags import (
    CONTROL_BITS,
    DETECTION_TAGS,
    QUERY_TAGS,
    STANDARD_TAGS,
    STATUS_BITS,
    VIEW_TAGS,
    Direction,
    Tag,
)

CONTROL_READABLE = 123
"""Modbus FC16 writes at most 123 registers: the whole control block fits one request."""
CONTROL_USED = 100
"""Some PLCs write no more than 100 registers at once (DL205)."""
STATUS_USED = 120
"""Some PLC libraries read no more than 120 registers at once; Modbus FC3 itself reads 125."""

OPTIONAL = frozenset(tag.name for tag in DETECTION_TAGS + VIEW_TAGS + QUERY_TAGS) | {
    "result_query",
    "count_triggers",
    "count_ok",
    "count_nok",
    "count_no_decision",
    "count_missed",
    "detection_count",
    "detections_truncated",
    "defect_class",
    "score_milli",
    "values_saturated",
    "stop_line",
    "review_waiting",
    "images_lost",
    "inspection_time_ms",
    "total_time_ms",
    "test_uint32",
    "test_float32",
    "test_string",
}
"""What a map may leave out. Everything else tells a PLC whether, and to what, it may trust an answer."""


@dataclass(frozen=True, slots=True)
class Blame:
    """Which file to name for a tag: the one that placed it."""

    file: str
    placed_in: Mapping[str, str]

    def error(self, tag: str, wrong: str, instead: str) -> ConfigError:
        """An error at this tag's key."""
        return ConfigError(self.placed_in.get(tag, self.file), f"registers.{tag}", wrong, instead)


def check_map(registers: RegisterMap, blame: Blame) -> list[ConfigError]:
    """All that is wrong with a map, the standard tags in it."""
    errors = block_errors(registers, blame.file)
    if errors:  # places cannot be judged by blocks that are wrong
        return errors
    errors += missing_errors(registers, blame)
    outside = outside_errors(registers, blame)
    strayed = {error.key for error in outside}  # one error a tag is enough
    inside = [place for place in registers.places if f"registers.{place.tag.name}" not in strayed]
    errors += outside + overlap_errors(inside, blame)
    return errors or [*span_errors(registers, blame), *order_errors(registers, blame)]


def block_errors(registers: RegisterMap, file: str) -> list[ConfigError]:
    """Blocks past the last register, too long for one request, or on top of each other."""
    blocks = {"status": registers.status, "user": registers.user, "control": registers.control}
    further = {"views": registers.views, "query": registers.query}
    blocks |= {name: block for name, block in further.items() if block is not None}
    errors = []
    for name, block in blocks.items():
        if block.end > 65536:
            wrong = f"ends at {block.end - 1}, past the last register 65535"
            errors.append(ConfigError(file, f"blocks.{name}", wrong, f"write start + size of at most 65536 for {name}"))
    if registers.control.size > CONTROL_READABLE:
        wrong = f"{registers.control.size} registers are more than one FC16 can write ({CONTROL_READABLE})"
        errors.append(ConfigError(file, "blocks.control.size", wrong, f"write size = {CONTROL_READABLE} or less"))
    ordered = sorted({**blocks, **_cut_off(registers)}.items(), key=lambda item: item[1].start)
    for (first, one), (second, other) in pairwise(ordered):
        if other.start < one.end:
            wrong = f"starts at {other.start}, inside block {first} ({one.start}..{one.end - 1})"
            errors.append(ConfigError(file, f"blocks.{second}", wrong, f"write start = {one.end} or more"))
    return errors


def _cut_off(registers: RegisterMap) -> Mapping[str, Block]:
    """The control block up to the query block, where that lies wholly in its end: tags may not overlap all the same."""
    control, query = registers.control, registers.query
    if query is None or not (control.start < query.start and query.end <= control.end):
        return {}
    return {"control": Block(control.start, query.start - control.start)}


def missing_errors(registers: RegisterMap, blame: Blame) -> list[ConfigError]:
    """Tags that the handshake needs and the map does not place."""
    placed = {place.tag.name for place in registers.places}
    missing = [name for name in STANDARD_TAGS if name not in placed and name not in OPTIONAL]
    return [blame.error(name, "is missing, and the handshake needs it", _way_to_place(name)) for name in missing]


def _way_to_place(name: str) -> str:
    form = f"{name} = {{ word = ..., bit = ... }}" if STANDARD_TAGS[name] in CONTROL_BITS + STATUS_BITS else name
    return f'write {form} = ... in [registers], or extends = "standard"'.replace("} = ...", "}")


_NO_BLOCK = Block(0, 0)
"""Holds nothing: for a map that places tags of views or of the query, and has no block for them."""


def block_of(tag: Tag, registers: RegisterMap) -> tuple[str, Block]:
    """The block that a tag belongs in, with its name."""
    if tag.direction is Direction.CONTROL:
        return "control", registers.control
    if tag.name == "user_result_seq" or tag.name not in STANDARD_TAGS:
        return "user", registers.user
    if tag in VIEW_TAGS:
        return "views", registers.views or _NO_BLOCK
    if tag in QUERY_TAGS:
        return "query", registers.query or _NO_BLOCK
    return "status", registers.status


def outside_errors(registers: RegisterMap, blame: Blame) -> list[ConfigError]:
    """Tags that are not wholly in their block."""
    errors = []
    for place in registers.places:
        name, block = block_of(place.tag, registers)
        size = width(place.tag)
        if not block.holds(place.register, size):
            wrong = f"{span_text(place.register, size)} is outside block {name} ({block.start}..{block.end - 1})"
            instead = f"write a register from {block.start} to {block.end - size}, or change blocks.{name}"
            if not block.size:
                wrong = f"{span_text(place.register, size)} is in no block: there is no block {name}"
                instead = f"add {name} = {{ start = .., size = .. }} to [blocks], or leave the tag out"
            errors.append(blame.error(place.tag.name, wrong, instead))
    return errors


def span_text(register: int, size: int) -> str:
    """`register 58`, `registers 58..63`."""
    return f"register {register}" if size == 1 else f"registers {register}..{register + size - 1}"


def cells(place: Place) -> Iterable[tuple[int, int | None]]:
    """What a place takes: whole registers as (register, None), a bit as (register, bit)."""
    if place.bit is not None:
        return [(place.register, place.bit)]
    return [(place.register + at, None) for at in range(width(place.tag))]


def overlap_errors(places: Sequence[Place], blame: Blame) -> list[ConfigError]:
    """One error for each tag that lies on another one. The later placed of the two is named as the key."""
    taken: dict[tuple[int, int | None], str] = {}
    errors = []
    for place in sorted(places, key=lambda p: _derived(p, blame)):
        other = next((o for cell in cells(place) if (o := _clash(cell, taken))), None)
        if other is not None:
            at = span_text(place.register, width(place.tag)) + (f" bit {place.bit}" if place.bit is not None else "")
            wrong = f"{place.tag.name} at {at} overlaps {other}"
            errors.append(blame.error(place.tag.name, wrong, f"move {place.tag.name} or {other} to a free register"))
        for cell in cells(place):
            taken.setdefault(cell, place.tag.name)
    return errors


def _derived(place: Place, blame: Blame) -> tuple[bool, int]:
    """What the file itself places comes last, so that its own line is named and not the extended map's."""
    return blame.placed_in.get(place.tag.name) == blame.file, place.register


def _clash(cell: tuple[int, int | None], taken: Mapping[tuple[int, int | None], str]) -> str | None:
    register, bit = cell
    if cell in taken or (register, None) in taken:
        return taken.get(cell) or taken[register, None]
    if bit is None:
        return next((taken[register, b] for b in range(16) if (register, b) in taken), None)
    return None


def span_errors(registers: RegisterMap, blame: Blame) -> list[ConfigError]:
    """Used parts that do not fit one request of a modest PLC, and bits that do not share one word."""
    errors = []
    limits = (("status", STATUS_USED, "read"), ("control", CONTROL_USED, "written"))
    for name, limit, verb in limits:
        used = [p for p in registers.places if block_of(p.tag, registers)[0] == name]
        last = max(used, key=lambda p: p.register + width(p.tag))
        span = last.register + width(last.tag) - min(p.register for p in used)
        if span > limit:
            wrong = f"the tags of block {name} span {span} registers, more than can be {verb} at once ({limit})"
            errors.append(blame.error(last.tag.name, wrong, "move the tags closer together"))
    return errors + [error for tags in (CONTROL_BITS, STATUS_BITS) for error in _scattered(tags, registers, blame)]


def _scattered(tags: Sequence[Tag], registers: RegisterMap, blame: Blame) -> list[ConfigError]:
    """Bits of one direction that stand in another word than the first: coils and discrete inputs count from it."""
    words = {place.tag.name: place.register for place in registers.places}
    word = words[tags[0].name]
    instead = f"write word = {word}: all command bits share one word, and all status bits"
    return [
        blame.error(tag.name, f"stands in word {words[tag.name]}, {tags[0].name} in word {word}", instead)
        for tag in tags
        if words[tag.name] != word
    ]


def order_errors(registers: RegisterMap, blame: Blame) -> list[ConfigError]:
    """`result_seq_end` has to be the last word of its block: it shows a read that was torn in two (H24)."""
    status = [p for p in registers.places if block_of(p.tag, registers)[0] == "status"]
    last = max(status, key=lambda p: p.register)
    end = next(p for p in status if p.tag.name == "result_seq_end")
    if last is end:
        return []
    wrong = f"register {end.register} is not the last of the status tags; {last.tag.name} stands behind it"
    return [blame.error("result_seq_end", wrong, f"write result_seq_end = {last.register + width(last.tag)} or more")]
