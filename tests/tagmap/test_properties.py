"""Maps of chance: overlaps are always refused, right ones always taken; values survive every word order."""

import struct
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.commands import Commands
from gateway.core.errors import ConfigError
from gateway.core.image import TagImage
from gateway.core.registers import (
    ControlCodec,
    Place,
    RegisterMap,
    StatusCodec,
    StringEnd,
    StringOrder,
    WordOrder,
    join32,
    string_text,
    width,
)
from gateway.core.tags import CONTROL_TAGS, STANDARD_TAGS, STATUS_TAGS, Tag, TagType, TagValue, user_tag
from gateway.tagmap import load_map
from gateway.tagmap_checks import Blame, cells, check_map, overlap_errors

STANDARD = load_map("standard")
NOBODY = Blame("mine.toml", {})
WORDS = sorted(tag.name for tag in STATUS_TAGS if tag.type is not TagType.BIT)
BITS = sorted(tag.name for tag in STANDARD_TAGS.values() if tag.type is TagType.BIT)


def moved(name: str, register: int, bit: int | None = None) -> RegisterMap:
    places = [replace(p, register=register, bit=bit) if p.tag.name == name else p for p in STANDARD.places]
    return replace(STANDARD, places=tuple(places))


def overlaps(registers: RegisterMap) -> bool:
    """Told apart from the checker's own way: by counting the bits of every register."""
    used: list[tuple[int, int]] = []
    for place in registers.places:
        for register in range(place.register, place.register + width(place.tag)):
            used += [(register, place.bit)] if place.bit is not None else [(register, bit) for bit in range(16)]
    return len(set(used)) < len(used)


@given(name=st.sampled_from(WORDS), register=st.integers(0, 127))
@settings(max_examples=300, deadline=None)
def test_a_word_that_lies_on_another_tag_is_always_refused(name: str, register: int) -> None:
    registers = moved(name, register)
    errors = overlap_errors(registers.places, NOBODY)
    assert bool(errors) == overlaps(registers)
    for error in errors:
        assert " overlaps " in error.wrong


@given(name=st.sampled_from(BITS), register=st.integers(0, 255), bit=st.integers(0, 15))
@settings(max_examples=300, deadline=None)
def test_a_bit_that_lies_on_another_tag_is_always_refused(name: str, register: int, bit: int) -> None:
    registers = moved(name, register, bit)
    assert bool(overlap_errors(registers.places, NOBODY)) == overlaps(registers)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_the_checks_let_through_is_right(data: st.DataObject) -> None:
    places = list(STANDARD.places)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(places) - 1))
        places[at] = replace(places[at], register=data.draw(st.integers(0, 260)))
    registers = replace(STANDARD, places=tuple(places))
    if check_map(registers, NOBODY):
        return
    assert not overlaps(registers)
    for place in registers.places:
        blocks = (registers.status, registers.user, registers.control)
        assert any(block.holds(place.register, width(place.tag)) for block in blocks)


def form(order: WordOrder, strings: StringOrder, end: StringEnd, tags: tuple[Tag, ...] = ()) -> RegisterMap:
    return replace(load_map("standard", tags), word_order=order, string_order=strings, string_end=end)


USER = (
    user_tag("a", TagType.UINT32),
    user_tag("b", TagType.INT32),
    user_tag("c", TagType.FLOAT32),
    user_tag("d", TagType.INT16),
    user_tag("e", TagType.BIT),
    user_tag("f", TagType.STRING, length=7),
)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=7)


@given(
    order=st.sampled_from(WordOrder),
    strings=st.sampled_from(StringOrder),
    a=st.integers(0, 2**32 - 1),
    b=st.integers(-(2**31), 2**31 - 1),
    c=st.floats(width=32, allow_nan=False),
    d=st.integers(-(2**15), 2**15 - 1),
    e=st.booleans(),
    f=PRINTABLE.filter(lambda text: len(text.encode()) <= 7),
)
@settings(max_examples=200, deadline=None)
def test_user_values_come_back_from_every_word_order(
    order: WordOrder, strings: StringOrder, a: int, b: int, c: float, d: int, e: bool, f: str
) -> None:
    registers = form(order, strings, StringEnd.LENGTH_WORD, USER)
    values: dict[str, TagValue] = {tag.name: tag.default for tag in STATUS_TAGS}
    values |= {"user.a": a, "user.b": b, "user.c": c, "user.d": d, "user.e": e, "user.f": f}
    _, user, _ = StatusCodec(registers).encode(TagImage(1, values, Commands()))
    assert {name: decoded(registers, user, name) for name in values if name.startswith("user.")} == {
        "user.a": a,
        "user.b": b,
        "user.c": c,
        "user.d": d,
        "user.e": e,
        "user.f": f,
    }


def decoded(registers: RegisterMap, user: bytes, name: str) -> TagValue:
    """A user value as a PLC of this form reads it."""
    place = next(p for p in registers.places if p.tag.name == name)
    words: list[int] = list(struct.unpack(f">{len(user) // 2}H", user))[place.register - registers.user.start :]
    match place.tag.type:
        case TagType.STRING:
            return string_text(
                words[: width(place.tag)], place.tag.length, registers.string_order, StringEnd.LENGTH_WORD
            )
        case TagType.FLOAT32:
            raw = join32(words[0], words[1], registers.word_order)
            return float(struct.unpack(">f", struct.pack(">I", raw))[0])
        case TagType.UINT32:
            return join32(words[0], words[1], registers.word_order)
        case TagType.INT32:
            raw = join32(words[0], words[1], registers.word_order)
            return raw - (1 << 32) if raw >> 31 else raw
        case TagType.INT16:
            return words[0] - (1 << 16) if words[0] >> 15 else words[0]
        case _:
            return words[0]


@given(
    order=st.sampled_from(WordOrder),
    strings=st.sampled_from(StringOrder),
    end=st.sampled_from(StringEnd),
    bits=st.lists(st.booleans(), min_size=10, max_size=10),
    numbers=st.lists(st.integers(0, 65535), min_size=5, max_size=5),
    part=PRINTABLE.filter(lambda text: "\0" not in text),
)
@settings(max_examples=200, deadline=None)
def test_commands_come_back_from_every_form(
    order: WordOrder, strings: StringOrder, end: StringEnd, bits: list[bool], numbers: list[int], part: str
) -> None:
    codec = ControlCodec(form(order, strings, end))
    values = dict(zip([tag.name for tag in CONTROL_TAGS], [*bits, *numbers, part], strict=True))
    commands = Commands(**values)  # type: ignore[arg-type]  # names and types are those of CONTROL_TAGS
    assert codec.decode(codec.encode(commands)) == commands


def test_user_values_stand_behind_the_first_word_in_their_order() -> None:
    placed = {p.tag.name: p.register for p in load_map("standard", USER).places if p.tag.name.startswith("user.")}
    assert placed == {"user.a": 129, "user.b": 131, "user.c": 133, "user.d": 135, "user.e": 136, "user.f": 137}


@given(
    lengths=st.lists(st.integers(1, 12), max_size=6),
    given_at=st.dictionaries(st.integers(0, 5), st.integers(126, 195), max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_user_values_never_overlap(lengths: list[int], given_at: dict[int, int]) -> None:
    tags = [user_tag(f"v{i}", TagType.STRING, length=length) for i, length in enumerate(lengths)]
    at = {f"user.v{i}": register for i, register in given_at.items() if i < len(tags)}
    try:
        registers = load_map("standard", tags, at)
    except ConfigError:
        return
    assert not overlaps(registers)
    places: list[Place] = [p for p in registers.places if p.tag.name.startswith("user.v")]
    assert len(places) == len(tags)
    assert all(registers.user.holds(p.register, width(p.tag)) for p in places)
    assert all({p.tag.name: p.register for p in places}[name] == register for name, register in at.items())
    assert len({cell for p in registers.places for cell in cells(p)}) == sum(
        len(list(cells(p))) for p in registers.places
    )
