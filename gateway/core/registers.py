"""Tags to Modbus registers and back: pure. A register is 16 bits, high byte first on the wire.

Word orders of a 32-bit value 0x0A0B0C0D in two consecutive registers, bytes as they stand on the wire:
    ABCD  0A 0B | 0C 0D      big endian, the high word first (Siemens, most manuals)
    CDAB  0C 0D | 0A 0B      the low word first (Beckhoff, CODESYS, Mitsubishi, Rockwell after COP)
    BADC  0B 0A | 0D 0C      ABCD with the bytes of each word swapped
    DCBA  0D 0C | 0B 0A      little endian throughout
Strings stand behind a word with their length in bytes (UTF-8); the rest of the field is zero.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum

from gateway.core.commands import Commands
from gateway.core.image import TagImage
from gateway.core.tags import QUERY_TAGS, Direction, Tag, TagType, TagValue


class WordOrder(Enum):
    """How a 32-bit value lies in two registers."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class StringOrder(Enum):
    """Which byte of a register holds the first of two characters."""

    HIGH_FIRST = "high_first"
    LOW_FIRST = "low_first"


class StringEnd(Enum):
    """How long a string is that the PLC writes: by its length word, or up to the first NUL."""

    LENGTH_WORD = "length_word"
    NUL = "nul"


@dataclass(frozen=True, slots=True)
class Block:
    """`size` registers from `start` on; all of them can be read, also those without a tag (they are 0)."""

    start: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size

    def holds(self, address: int, count: int) -> bool:
        """Do `count` registers from `address` lie wholly inside?"""
        return self.start <= address and address + count <= self.end


@dataclass(frozen=True, slots=True)
class Place:
    """Where one tag stands: its first register (0-based PDU address) and, for a bit, which bit of it."""

    tag: Tag
    register: int
    bit: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """One station's tags in registers, before a station's address offset is added.

    `coils` is the coil address of bit 0 of the command word, `discretes` the discrete input address of bit 0
    of the status word. `places` lie inside the blocks and do not overlap: tagmap.py has checked that. `views` is None
    where the station has one view, or the map leaves the tags of views out; `query` where it leaves out those of the
    result that is read again. That one may lie in the unused end of the control block: what is written there is lost.
    """

    name: str
    word_order: WordOrder
    string_order: StringOrder
    string_end: StringEnd
    status: Block
    user: Block
    control: Block
    coils: int
    discretes: int
    places: tuple[Place, ...]
    views: Block | None = None
    query: Block | None = None

    @property
    def status_blocks(self) -> tuple[Block, ...]:
        """What the gateway writes: the status and the user block, those of views and query where there are any."""
        return (self.status, self.user, *(block for block in (self.views, self.query) if block is not None))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All of them, in no order."""
        return (*self.status_blocks, self.control)


def width(tag: Tag) -> int:
    """How many registers a tag takes. Bits share one."""
    match tag.type:
        case TagType.UINT32 | TagType.INT32 | TagType.FLOAT32:
            return 2
        case TagType.STRING:
            return 1 + (tag.length + 1) // 2
        case _:
            return 1


def _swap(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


def split32(value: int, order: WordOrder) -> tuple[int, int]:
    """The two registers of an unsigned 32-bit value."""
    high, low = value >> 16, value & 0xFFFF
    match order:
        case WordOrder.ABCD:
            return high, low
        case WordOrder.CDAB:
            return low, high
        case WordOrder.BADC:
            return _swap(high), _swap(low)
        case WordOrder.DCBA:
            return _swap(low), _swap(high)


def join32(first: int, second: int, order: WordOrder) -> int:
    """The unsigned 32-bit value of two registers."""
    match order:
        case WordOrder.ABCD:
            return first << 16 | second
        case WordOrder.CDAB:
            return second << 16 | first
        case WordOrder.BADC:
            return _swap(first) << 16 | _swap(second)
        case WordOrder.DCBA:
            return _swap(second) << 16 | _swap(first)


def string_words(text: str, length: int, order: StringOrder) -> list[int]:
    """Length word and characters, padded with zeros; cut at a whole character where it does not fit."""
    data = text.encode(errors="replace")[:length].decode(errors="ignore").encode()
    padded = data.ljust((length + 1) // 2 * 2, b"\0")
    words = list(struct.unpack(f">{len(padded) // 2}H", padded))
    return [len(data), *(words if order is StringOrder.HIGH_FIRST else map(_swap, words))]


def string_text(words: list[int], length: int, order: StringOrder, end: StringEnd) -> str:
    """The text of a string field. Raises ValueError where its length word or its UTF-8 makes no sense."""
    characters = words[1:] if order is StringOrder.HIGH_FIRST else [_swap(word) for word in words[1:]]
    data = struct.pack(f">{len(characters)}H", *characters)[:length]
    if end is StringEnd.NUL:
        return data.split(b"\0", 1)[0].decode()
    if words[0] > length:
        raise ValueError(f"length word {words[0]} is over the field's {length} bytes")
    return data[: words[0]].decode()


_Encode = Callable[[TagValue], list[int]]


def _encoder(tag: Tag, registers: RegisterMap) -> _Encode:
    """How a value of this tag becomes words. The value is in the tag's range: image.py has seen to that."""
    order = registers.word_order
    match tag.type:
        case TagType.STRING:
            return lambda value: string_words(str(value), tag.length, registers.string_order)
        case TagType.FLOAT32:
            return lambda value: [*split32(struct.unpack(">I", struct.pack(">f", value))[0], order)]
        case TagType.UINT32 | TagType.INT32:
            return lambda value: [*split32(int(value) & 0xFFFF_FFFF, order)]
        case _:
            return lambda value: [int(value) & 0xFFFF]


@dataclass(slots=True)
class StatusCodec:
    """Images to the bytes of `RegisterMap.status_blocks`; a read is then served from one bytes object."""

    registers: RegisterMap
    _bits: list[tuple[str, int, int]] = field(init=False)
    _words: list[tuple[str, int]] = field(init=False)
    _wide: list[tuple[str, int, int, _Encode]] = field(init=False)
    _asked: list[tuple[str, int, int, _Encode]] = field(init=False)
    """The tags of the result that is read again: all 0 unless the PLC has asked for one."""
    _size: int = field(init=False)
    _cuts: list[tuple[int, int]] = field(init=False)
    """The blocks, in bytes from register 0."""

    def __post_init__(self) -> None:
        self._size = max(block.end for block in self.registers.status_blocks)
        self._cuts = [(block.start * 2, block.end * 2) for block in self.registers.status_blocks]
        places = [place for place in self.registers.places if place.tag.direction is Direction.STATUS]
        self._bits = [(p.tag.name, p.register, 1 << p.bit) for p in places if p.bit is not None]
        plain = [p for p in places if p.bit is None and p.tag not in QUERY_TAGS]
        unsigned = (TagType.UINT16, TagType.BIT)
        self._words = [(p.tag.name, p.register) for p in plain if p.tag.type in unsigned]
        self._wide = [self._any(p) for p in plain if p.tag.type not in unsigned]
        self._asked = [self._any(p) for p in places if p.tag in QUERY_TAGS]

    def _any(self, place: Place) -> tuple[str, int, int, _Encode]:
        return place.tag.name, place.register, width(place.tag), _encoder(place.tag, self.registers)

    def encode(self, image: TagImage) -> tuple[bytes, ...]:
        """The `status_blocks` of an image, two bytes a register."""
        values = image.values
        words = [0] * self._size
        for name, register in self._words:
            words[register] = int(values[name])
        for name, register, mask in self._bits:
            if values[name]:
                words[register] |= mask
        for name, register, size, encode in self._wide + self._asked if values["query_status"] else self._wide:
            words[register : register + size] = encode(values[name])
        raw = struct.pack(f">{len(words)}H", *words)
        return tuple([raw[first:end] for first, end in self._cuts])


@dataclass(slots=True)
class ControlCodec:
    """The words of the control block to commands and back."""

    registers: RegisterMap
    _places: tuple[Place, ...] = field(init=False)
    _bits: list[tuple[str, int, int]] = field(init=False)
    _words: list[tuple[str, int]] = field(init=False)
    _strings: list[tuple[Place, int, int]] = field(init=False)
    _texts: dict[str, tuple[list[int], str]] = field(init=False, default_factory=dict)
    """The last words and text of each string: most writes leave them as they are, and the decoding costs a third."""
    _beat: slice = field(init=False)
    """The bytes of the PLC's heartbeat; none where the map has no place for it."""
    _last: tuple[bytes, Commands] | None = field(init=False, default=None)
    """What was decoded last, with the heartbeat cut out of the block: many writes change nothing else."""

    def __post_init__(self) -> None:
        places = self._places = tuple(p for p in self.registers.places if p.tag.direction is Direction.CONTROL)
        start = self.registers.control.start
        self._bits = [(p.tag.name, p.register - start, 1 << p.bit) for p in places if p.bit is not None]
        plain = [p for p in places if p.bit is None]
        self._words = [(p.tag.name, p.register - start) for p in plain if p.tag.type is not TagType.STRING]
        strings = [(p, p.register - start) for p in plain if p.tag.type is TagType.STRING]
        self._strings = [(place, at, at + width(place.tag)) for place, at in strings]
        beats = [slice(2 * at, 2 * at + 2) for name, at in self._words if name == "plc_heartbeat"]
        self._beat = beats[0] if beats else slice(0, 0)

    def decode(self, block: bytes) -> Commands:
        """The commands in a whole control block. Raises ValueError that names the tag and what is wrong."""
        rest = block[: self._beat.start] + block[self._beat.stop :]
        if self._last is not None and self._last[0] == rest:
            commands = self._last[1].beating(int.from_bytes(block[self._beat], "big"))
        else:
            commands = self._decode(block)
        self._last = rest, commands
        return commands

    def _decode(self, block: bytes) -> Commands:
        words = struct.unpack(f">{len(block) // 2}H", block)
        values: dict[str, TagValue] = {name: bool(words[at] & mask) for name, at, mask in self._bits}
        for name, at in self._words:
            values[name] = words[at]
        for place, first, end in self._strings:
            values[place.tag.name] = self._text(place, list(words[first:end]))
        return Commands(**values)  # type: ignore[arg-type]  # names and types are those of CONTROL_TAGS

    def _text(self, place: Place, words: list[int]) -> str:
        known = self._texts.get(place.tag.name)
        if known is not None and known[0] == words:
            return known[1]
        try:
            text = string_text(words, place.tag.length, self.registers.string_order, self.registers.string_end)
        except ValueError as error:
            raise ValueError(f"{place.tag.name}: {error}") from error
        self._texts[place.tag.name] = (words, text)
        return text

    def encode(self, commands: Commands) -> bytes:
        """The control block that holds these commands."""
        values: Mapping[str, TagValue] = {f.name: getattr(commands, f.name) for f in fields(commands)}
        control = self.registers.control
        words = [0] * control.size
        for place in self._places:
            at, value = place.register - control.start, values[place.tag.name]
            if place.bit is not None:
                words[at] |= int(bool(value)) << place.bit
            else:
                words[at : at + width(place.tag)] = _encoder(place.tag, self.registers)(value)
        return struct.pack(f">{len(words)}H", *words)
