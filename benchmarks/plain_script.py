"""The rival: what one writes in an afternoon. `python -m benchmarks.plain_script MODBUS_PORT PEKAT_PORT FOLDER`.

pymodbus's server, looked at every 10 ms for a new trigger number; then the vendor's SDK analyzes the newest file of
the folder and the result goes into the registers. Same registers as the gateway's map, nothing of its handshake.
"""

import asyncio
import sys
from pathlib import Path

from PekatVisionSDK import Instance
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from benchmarks.plc import READY, RESULT_SEQ, STATUS_BITS, TRIGGER_REGISTER

POLL_S = 0.01
HOLDING = 3
TRIGGER_SEQ = TRIGGER_REGISTER + 1


async def _registers(server: ModbusTcpServer, address: int, count: int = 1) -> list[int]:
    values = await server.async_getValues(1, HOLDING, address, count)
    return [int(value) for value in values] if isinstance(values, list) else []


def _judge(pekat: Instance, folder: Path) -> int:
    """The verdict for the newest file, which is deleted."""
    newest = max(folder.glob("*.png"), key=lambda file: file.stat().st_mtime_ns)
    context = pekat.analyze(newest).context or {}
    newest.unlink()
    return 1 if context.get("result") else 2


async def _poll(server: ModbusTcpServer, pekat: Instance, folder: Path) -> None:
    seen = result_seq = 0
    await server.async_setValues(1, 16, STATUS_BITS, [READY])
    while True:
        await asyncio.sleep(POLL_S)
        (wanted,) = await _registers(server, TRIGGER_SEQ) or [seen]
        if wanted == seen:
            continue
        seen = wanted
        verdict = _judge(pekat, folder)
        result_seq = result_seq % 65535 + 1
        await server.async_setValues(1, 16, RESULT_SEQ, [result_seq, seen, verdict])


async def serve(modbus: int, pekat: int, folder: Path) -> None:
    """Serve until terminated."""
    data = SimData(0, values=[0] * 256, datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=1, simdata=data), address=("127.0.0.1", modbus))
    await server.serve_forever(background=True)
    await _poll(server, Instance(port=pekat, already_running=True), folder)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
