"""Words and back, with `struct` as the oracle: word orders, strings, the control block, the status block."""

import struct
from collections.abc import Callable
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.commands import Commands
from gateway.core.image import Projection
from gateway.core.registers import (
    Block,
    ControlCodec,
    StatusCodec,
    StringEnd,
    StringOrder,
    WordOrder,
    join32,
    split32,
    string_text,
    string_words,
    width,
)
from gateway.core.result import Judgement, Verdict
from gateway.core.tags import STANDARD_TAGS, TagType, user_tag
from tests.core.driver import rig
from tests.core.layout import standard

WORD = st.integers(0, 0xFFFF)
DWORD = st.integers(0, 0xFFFF_FFFF)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
AS_ON_THE_WIRE: dict[WordOrder, Callable[[bytes], bytes]] = {
    WordOrder.ABCD: lambda abcd: abcd,
    WordOrder.CDAB: lambda abcd: abcd[2:] + abcd[:2],
    WordOrder.BADC: lambda abcd: bytes([abcd[1], abcd[0], abcd[3], abcd[2]]),
    WordOrder.DCBA: lambda abcd: abcd[::-1],
}


@given(value=DWORD, order=st.sampled_from(WordOrder))
def test_32_bits_lie_in_two_words_as_the_order_says(value: int, order: WordOrder) -> None:
    words = split32(value, order)
    assert struct.pack(">2H", *words) == AS_ON_THE_WIRE[order](struct.pack(">I", value))
    assert join32(*words, order) == value


@given(text=TEXT, length=st.integers(1, 40), order=st.sampled_from(StringOrder))
def test_a_string_comes_back_cut_at_a_whole_character(text: str, length: int, order: StringOrder) -> None:
    words = string_words(text, length, order)
    assert len(words) == 1 + (length + 1) // 2
    assert words[0] <= length
    back = string_text(words, length, order, StringEnd.LENGTH_WORD)
    assert text.startswith(back)
    assert len(text.encode()) > length or back == text
    assert len(back.encode()) == words[0]
    longer = text[: len(back) + 1].encode()
    assert back == text or len(longer) > length, "cut further than needed"
    assert string_text(words, length, order, StringEnd.NUL) == back


@given(text=TEXT)
def test_the_bytes_of_a_string_lie_as_struct_says(text: str) -> None:
    words = string_words(text, 40, StringOrder.HIGH_FIRST)
    size = words[0]
    assert struct.pack(">20H", *words[1:])[:size] == text.encode()[:size]
    low = string_words(text, 40, StringOrder.LOW_FIRST)
    assert struct.pack("<20H", *low[1:]) == struct.pack(">20H", *words[1:])


@given(text=st.text(max_size=40))
def test_no_text_at_all_breaks_a_string(text: str) -> None:
    """json.loads makes lone surrogates, which UTF-8 has no bytes for."""
    assert len(string_words(text, 32, StringOrder.HIGH_FIRST)) == 17


@given(words=st.lists(WORD, min_size=17, max_size=17), order=st.sampled_from(StringOrder))
def test_whatever_a_plc_writes_is_a_text_or_a_value_error(words: list[int], order: StringOrder) -> None:
    for end in StringEnd:
        try:
            text = string_text(words, 32, order, end)
        except ValueError:
            continue
        assert len(text.encode()) <= 32


def test_a_length_word_over_the_field_is_refused_by_name() -> None:
    registers = standard()
    part_id = next(place for place in registers.places if place.tag.name == "part_id")
    block = bytearray(registers.control.size * 2)
    struct.pack_into(">H", block, (part_id.register - registers.control.start) * 2, 33)
    with pytest.raises(ValueError, match=r"part_id: length word 33 is over the field's 32 bytes"):
        ControlCodec(registers).decode(bytes(block))


COMMANDS = st.builds(
    Commands,
    **{name: st.booleans() for name in ("enable", "trigger", "reset", "abort", "buffer_results", "change_recipe")},
    **dict.fromkeys(("trigger_seq", "result_ack_seq", "recipe_request", "plc_heartbeat"), WORD),
    part_id=TEXT.filter(lambda text: len(text.encode()) <= 32),
)


@given(commands=COMMANDS, order=st.sampled_from(StringOrder), end=st.sampled_from(StringEnd))
def test_commands_survive_the_control_block(commands: Commands, order: StringOrder, end: StringEnd) -> None:
    codec = ControlCodec(standard(string_order=order, string_end=end))
    assert codec.decode(codec.encode(commands)) == commands


@given(
    st.lists(st.tuples(st.integers(0, 65535), st.sampled_from([None, 0, 1, 8, 9, 12])), min_size=2, max_size=12),
)
def test_a_codec_that_has_decoded_before_decodes_as_a_new_one(writes: list[tuple[int, int | None]]) -> None:
    """Most writes move the heartbeat alone, which has a way of its own."""
    used, block = ControlCodec(standard()), bytearray(ControlCodec(standard()).encode(Commands()))
    for number, register in writes:
        block[8:10] = number.to_bytes(2, "big")
        if register is not None:
            block[2 * register] = 0
            block[2 * register + 1] = number % 16
        try:
            expected = ControlCodec(standard()).decode(bytes(block))
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error).split(":")[0]):
                used.decode(bytes(block))
        else:
            assert used.decode(bytes(block)) == expected


@given(block=st.binary(min_size=128, max_size=128))
def test_a_control_block_is_commands_or_a_value_error(block: bytes) -> None:
    codec = ControlCodec(standard())
    try:
        commands = codec.decode(block)
    except ValueError as error:
        told = str(error)
        assert told.startswith("part_id: ")
        return
    assert codec.decode(codec.encode(commands)) == commands


@given(
    order=st.sampled_from(WordOrder), big=DWORD, small=st.integers(-0x8000_0000, 0x7FFF_FFFF), real=st.floats(width=32)
)
def test_wide_values_stand_in_the_user_block_as_struct_writes_them(
    order: WordOrder, big: int, small: int, real: float
) -> None:
    tags = (user_tag("big", TagType.UINT32), user_tag("small", TagType.INT32), user_tag("real", TagType.FLOAT32))
    bench = rig().write(trigger=True)
    given_values = (("big", big), ("small", small), ("real", real))
    bench.answer(1, Judgement(Verdict.OK, user_values=given_values))
    _, user = StatusCodec(standard(word_order=order, user_tags=tags)).encode(Projection(tags).image(bench.state))
    wire = AS_ON_THE_WIRE[order]
    assert user[:2] == struct.pack(">H", 1)
    assert user[2:6] == wire(struct.pack(">I", big))
    assert user[6:10] == wire(struct.pack(">i", small))
    limit = 3.4028234663852886e38
    fits = real if isnan(real) else max(-limit, min(limit, real))
    assert user[10:14] == wire(struct.pack(">f", fits))


def test_the_status_block_holds_every_tag_where_the_map_says() -> None:
    registers = standard()
    bench = rig(buffered=True).write(trigger=True, part_id="Zähler 7").answer(1)
    image = Projection().image(bench.state)
    status, user = StatusCodec(registers).encode(image)
    words = struct.unpack(f">{registers.status.size}H", status)
    assert (len(status), len(user)) == (registers.status.size * 2, registers.user.size * 2)
    for place in registers.places:
        if place.register < registers.user.start and place.tag.type is TagType.UINT16:
            assert words[place.register] == image.values[place.tag.name], place.tag.name
        if place.bit is not None and place.register == 0:
            assert bool(words[0] >> place.bit & 1) == image.values[place.tag.name], place.tag.name
    place = next(place for place in registers.places if place.tag.name == "result_part_id")
    field = list(words[place.register : place.register + width(place.tag)])
    assert string_text(field, 32, StringOrder.HIGH_FIRST, StringEnd.LENGTH_WORD) == "Zähler 7"
    assert words[registers.status.size - 1] == 0


def test_the_test_pattern_tells_the_orders_apart() -> None:
    """Each of the orders puts other words there, so a PLC programmer sees at once which one is set."""
    image, seen = Projection().image(rig().state), set()
    place = next(place for place in standard().places if place.tag.name == "test_uint32")
    for order in WordOrder:
        status, _ = StatusCodec(standard(word_order=order)).encode(image)
        seen.add(status[place.register * 2 : place.register * 2 + 4])
    assert len(seen) == 4


@given(start=WORD, size=st.integers(1, 300), address=WORD, count=st.integers(1, 125))
def test_a_block_holds_what_lies_wholly_inside(start: int, size: int, address: int, count: int) -> None:
    inside = set(range(address, address + count)) <= set(range(start, start + size))
    assert Block(start, size).holds(address, count) == inside


def test_every_standard_tag_has_a_width_and_a_default() -> None:
    for tag in STANDARD_TAGS.values():
        assert width(tag) == {TagType.STRING: 1 + (tag.length + 1) // 2}.get(
            tag.type, 2 if tag.type in (TagType.UINT32, TagType.INT32, TagType.FLOAT32) else 1
        )
        assert tag.default == type(tag.default)()


def test_image_commands_are_those_last_written() -> None:
    bench = rig().write(part_id="X", trigger_seq=9)
    assert Projection().image(bench.state).commands == Commands(enable=True, part_id="X", trigger_seq=9)
