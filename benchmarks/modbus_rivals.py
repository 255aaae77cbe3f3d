"""Modbus servers to compare with: `python -m benchmarks.modbus_rivals pymodbus|bare PORT uvloop|asyncio`."""

import asyncio
import struct
import sys
from typing import cast

import uvloop
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 256


class BareModbus(asyncio.Protocol):
    """The least that answers FC3 and FC16: no checks, no units, no exceptions, a table of registers."""

    def __init__(self, registers: bytearray) -> None:
        self._registers = registers
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        pending = self._pending + data
        while len(pending) >= 6 and len(pending) >= (end := 6 + int.from_bytes(pending[4:6], "big")):
            self._answer(pending[:end])
            pending = pending[end:]
        self._pending = pending

    def _answer(self, frame: bytes) -> None:
        function, register, count = struct.unpack_from(">BHH", frame, 7)
        if function == 3:
            body = bytes([2 * count]) + self._registers[2 * register : 2 * (register + count)]
        else:
            self._registers[2 * register : 2 * (register + count)] = frame[13:]
            body = frame[8:12]
        self._transport.write(frame[:4] + struct.pack(">HBB", len(body) + 2, frame[6], function) + body)


async def serve_bare(port: int) -> None:
    """Serve until terminated."""
    registers = bytearray(2 * REGISTERS)
    server = await asyncio.get_running_loop().create_server(lambda: BareModbus(registers), "127.0.0.1", port)
    await server.serve_forever()


async def serve_pymodbus(port: int) -> None:
    """pymodbus's own server with its own store, as its documentation has it."""
    data = SimData(0, values=[0] * REGISTERS, datatype=DataType.REGISTERS)
    await ModbusTcpServer(SimDevice(id=1, simdata=data), address=("127.0.0.1", port)).serve_forever()


def main() -> None:
    """Serve until terminated."""
    which, port, loop = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    serve = {"bare": serve_bare, "pymodbus": serve_pymodbus}[which]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(serve(port))


if __name__ == "__main__":
    main()
