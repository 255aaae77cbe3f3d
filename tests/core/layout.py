"""A register map made from the tag table alone, so that the codecs are tested without any mapping file."""

from gateway.core.registers import Block, Place, RegisterMap, StringEnd, StringOrder, WordOrder, width
from gateway.core.tags import CONTROL_BITS, CONTROL_VALUES, DETECTION_TAGS, STATUS_BITS, STATUS_VALUES, Tag


def _in_a_row(tags: tuple[Tag, ...], start: int) -> list[Place]:
    places = []
    for tag in tags:
        places.append(Place(tag, start))
        start += width(tag)
    return places


def standard(
    *,
    word_order: WordOrder = WordOrder.ABCD,
    string_order: StringOrder = StringOrder.HIGH_FIRST,
    string_end: StringEnd = StringEnd.LENGTH_WORD,
    user_tags: tuple[Tag, ...] = (),
) -> RegisterMap:
    """All tags: status words from 0 on, the user block at 192, the control block at 400."""
    user_seq = next(tag for tag in STATUS_VALUES if tag.name == "user_result_seq")
    places = [Place(tag, 400, bit) for bit, tag in enumerate(CONTROL_BITS)]
    places += [Place(tag, 0, bit) for bit, tag in enumerate(STATUS_BITS)]
    places += _in_a_row(CONTROL_VALUES, 401)
    places += _in_a_row(tuple(tag for tag in STATUS_VALUES + DETECTION_TAGS if tag is not user_seq), 1)
    places += _in_a_row((user_seq, *user_tags), 192)
    return RegisterMap(
        "test",
        word_order,
        string_order,
        string_end,
        Block(0, 192),
        Block(192, 208),
        Block(400, 64),
        0,
        0,
        tuple(places),
    )
