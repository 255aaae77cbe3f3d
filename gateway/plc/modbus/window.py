"""One station's registers as Modbus sees them: one bytes object that every read is served from.

The object is replaced as a whole with each new tag image, so no request can read half of one. It is made at the first
read after a change: a write, and images that nobody reads, do not pay for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.image import TagImage
from gateway.core.registers import Block, ControlCodec, RegisterMap, StatusCodec
from gateway.core.tags import CONTROL_BITS, STATUS_BITS
from gateway.ports import StationView

BITS_A_WORD = 16


class IllegalAddressError(Exception):
    """Exception 02: no such register or bit, or one that this request may not write."""


class IllegalValueError(Exception):
    """Exception 03: a value that its tag cannot take."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Registers `start` to `end` (excluded), with the station's offset already added."""

    start: int
    end: int


@dataclass(slots=True)
class Asking:
    """Whose request is being answered: one after the other, all on the event loop."""

    host: str = ""


class Window:
    """A station's registers and bits. Reads raise IllegalAddressError outside of it."""

    def __init__(self, view: StationView, asking: Asking) -> None:
        registers, offset = view.registers, view.offset
        self.view, self._asking = view, asking
        self._status = StatusCodec(registers)
        self._codec = ControlCodec(registers)
        self._span = _whole(registers, offset)
        self._control_span = _moved(registers.control, offset)
        self._coils = registers.coils + offset // BITS_A_WORD
        self._discretes = registers.discretes + offset // BITS_A_WORD
        self._command_word = _word_of(registers, CONTROL_BITS[0].name) + offset
        self._status_word = _word_of(registers, STATUS_BITS[0].name) + offset
        self._tags = view.station.image
        self._commands = self._tags.commands
        self._control = self._codec.encode(self._commands)
        self._image: bytes | None = None
        self._end = view.station.watch(self._show)

    def close(self) -> None:
        """No longer follow the station."""
        self._end()

    def clashes(self, other: "Window") -> bool:
        """Would some address of a device mean both stations?"""
        pairs = zip(self.places, other.places, strict=True)
        return any(ours.start < theirs.end and theirs.start < ours.end for ours, theirs in pairs)

    @property
    def places(self) -> tuple[_Span, _Span, _Span]:
        """Where its registers, coils and discrete inputs lie."""
        coils = _Span(self._coils, self._coils + BITS_A_WORD)
        return self._span, coils, _Span(self._discretes, self._discretes + BITS_A_WORD)

    # ---- reading -------------------------------------------------------------------------------------------

    def holds(self, address: int, count: int) -> bool:
        """Are all these registers here?"""
        return self._span.start <= address and address + count <= self._span.end

    def read(self, address: int, count: int) -> bytes:
        """`count` registers, two bytes each."""
        if not self.holds(address, count):
            raise IllegalAddressError
        image = self._image if self._image is not None else self._encode()
        first = address - self._span.start
        return image[first * 2 : (first + count) * 2]

    def read_coils(self, address: int, count: int) -> list[bool]:
        """Command bits."""
        return self._bits(self._command_word, address - self._coils, count)

    def read_discretes(self, address: int, count: int) -> list[bool]:
        """Status bits."""
        return self._bits(self._status_word, address - self._discretes, count)

    def _bits(self, register: int, first: int, count: int) -> list[bool]:
        if first < 0 or first + count > BITS_A_WORD:
            raise IllegalAddressError
        word = int.from_bytes(self.read(register, 1), "big")
        return [bool(word >> bit & 1) for bit in range(first, first + count)]

    # ---- writing: one request, one event -------------------------------------------------------------------

    def write(self, address: int, data: bytes) -> None:
        """Registers of the control block. The station has taken the event when this returns.

        Raises IllegalAddressError outside the block or where another link owns it, IllegalValueError for a value
        that its tag cannot take; then nothing is stored.
        """
        self.check_writable(address, len(data) // 2)
        first = (address - self._control_span.start) * 2
        self._store(self._control[:first] + data + self._control[first + len(data) :])

    def check_writable(self, address: int, count: int) -> None:
        """Raise IllegalAddressError where these registers may not be written."""
        span = self._control_span
        if not self.view.controls or address < span.start or address + count > span.end:
            raise IllegalAddressError

    def write_coils(self, address: int, bits: Sequence[bool]) -> None:
        """Command bits; otherwise as `write`."""
        first = address - self._coils
        if first < 0 or first + len(bits) > BITS_A_WORD:
            raise IllegalAddressError
        word = int.from_bytes(self.read(self._command_word, 1), "big")
        for bit, value in enumerate(bits, start=first):
            word = word | 1 << bit if value else word & ~(1 << bit)
        self.write(self._command_word, word.to_bytes(2, "big"))

    def _store(self, control: bytes) -> None:
        if control != self._control:
            try:
                self._commands = self._codec.decode(control)
            except ValueError as error:
                raise IllegalValueError(str(error)) from error
            self._control = control
            self._image = None  # also where only a register without a tag changed: that makes no new tag image
        self.view.station.write(self._commands, f"modbus {self._asking.host}")

    # ---- following the station -----------------------------------------------------------------------------

    def _show(self, image: TagImage) -> None:
        self._tags, self._image = image, None

    def _encode(self) -> bytes:
        if not self.view.controls and self._tags.commands != self._commands:
            self._commands = self._tags.commands
            self._control = self._codec.encode(self._commands)
        registers = self.view.registers
        parts = [
            (registers.control, self._control),  # first: the query block may cover its end
            *zip(registers.status_blocks, self._status.encode(self._tags), strict=True),
        ]
        start = self._span.start - self.view.offset
        image = bytearray((self._span.end - self._span.start) * 2)
        for block, data in parts:
            image[(block.start - start) * 2 : (block.end - start) * 2] = data
        self._image = bytes(image)
        return self._image


def _word_of(registers: RegisterMap, tag: str) -> int:
    return next(place.register for place in registers.places if place.tag.name == tag)


def _moved(block: Block, offset: int) -> _Span:
    return _Span(block.start + offset, block.end + offset)


def _whole(registers: RegisterMap, offset: int) -> _Span:
    """From the first block's first register to the last one's last; gaps between blocks read as 0."""
    blocks = registers.blocks
    return _Span(min(block.start for block in blocks) + offset, max(block.end for block in blocks) + offset)
