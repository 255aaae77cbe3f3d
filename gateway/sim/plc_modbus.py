"""The simulated PLC's Modbus TCP face: pymodbus as the client, one FC16 a write, one FC3 a read."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from gateway.core.commands import Commands
from gateway.core.registers import ControlCodec, Place, RegisterMap, StringEnd, join32, string_text, width
from gateway.core.tags import Direction, TagType, TagValue

REQUEST_TIMEOUT_S = 3.0
"""As long as most PLC Modbus blocks wait by default."""

REGISTERS_A_READ = 120
"""Every PLC can read that many at once; the status block is no longer."""


def decode(place: Place, words: list[int], registers: RegisterMap) -> TagValue:
    """The value of a tag from its registers, as a PLC programmer would take it apart."""
    if place.bit is not None:
        return bool(words[0] >> place.bit & 1)
    match place.tag.type:
        case TagType.STRING:
            return string_text(words, place.tag.length, registers.string_order, StringEnd.LENGTH_WORD)
        case TagType.UINT32 | TagType.INT32 | TagType.FLOAT32:
            raw = struct.pack(">I", join32(words[0], words[1], registers.word_order))
            code = {TagType.UINT32: ">I", TagType.INT32: ">i"}.get(place.tag.type, ">f")
            value: int | float = struct.unpack(code, raw)[0]
            return value
        case TagType.INT16:
            return words[0] - 0x10000 if words[0] & 0x8000 else words[0]
        case _:
            return words[0]


@dataclass(slots=True)
class ModbusFace:
    """Reaches one station by host, port, unit id and address offset. `registers` is the station's tag map."""

    host: str
    port: int
    registers: RegisterMap
    unit: int = 1
    offset: int = 0
    _client: AsyncModbusTcpClient = field(init=False)
    _control: ControlCodec = field(init=False)
    _status: list[Place] = field(init=False)

    async def __aenter__(self) -> Self:
        self._client = AsyncModbusTcpClient(
            self.host, port=self.port, timeout=REQUEST_TIMEOUT_S, retries=0, reconnect_delay=0
        )
        self._control = ControlCodec(self.registers)
        status = self.registers.status
        last = min(status.end, status.start + REGISTERS_A_READ)
        self._status = [
            place
            for place in self.registers.places
            if place.tag.direction is Direction.STATUS
            and status.start <= place.register
            and place.register + width(place.tag) <= last
        ]
        if not await self._client.connect():
            raise ConnectionError(f"no Modbus TCP server answers at {self.host}:{self.port}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._client.close()

    async def write(self, commands: Commands) -> None:
        block = self._control.encode(commands)
        # Only up to the last tag: the padding of the block is no PLC's business.
        end = max(p.register + width(p.tag) for p in self.registers.places if p.tag.direction is Direction.CONTROL)
        words = list(struct.unpack(f">{len(block) // 2}H", block))[: end - self.registers.control.start]
        address = self.registers.control.start + self.offset
        await self._request(lambda: self._client.write_registers(address, words, device_id=self.unit))

    async def read(self) -> Mapping[str, TagValue]:
        start = self.registers.status.start
        size = min(self.registers.status.size, REGISTERS_A_READ)
        words = await self._request(
            lambda: self._client.read_holding_registers(start + self.offset, count=size, device_id=self.unit)
        )
        return {
            place.tag.name: decode(
                place, words[place.register - start : place.register - start + width(place.tag)], self.registers
            )
            for place in self._status
        }

    async def _request(self, request: Callable[[], object]) -> list[int]:
        """pymodbus raises while the request is made where the connection was lost before, else while it is awaited."""
        try:
            response = await request()  # type: ignore[misc]  # pymodbus types its requests as Awaitable | PDU
        except (ModbusException, OSError) as error:
            raise ConnectionError(str(error)) from error
        if response.isError():
            raise ConnectionError(f"Modbus exception {response.exception_code} from {self.host}:{self.port}")
        return list(response.registers)
