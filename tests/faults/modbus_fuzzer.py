"""Throws mutated Modbus frames at a gateway, from many short connections: a process of its own.

    python -m tests.faults.modbus_fuzzer PORT SEED COUNT

prints, as JSON, how many frames went out, over how many connections, and what came back. A frame whose header is whole
must get exactly one response with its own transaction and unit, whatever else is wrong with it; the first one that does
not ends the run.
"""

import asyncio
import contextlib
import json
import random
import struct
import sys
from collections import Counter
from collections.abc import Iterator

AT_ONCE = 4
"""Connections."""
LONGEST = 60
"""Frames of one connection, the last of which has a broken header."""
ANSWER_S = 10.0
LEFT_S = 0.02
"""How long one waits for what comes of a broken header: a connection that is closed, mostly."""

HEADER = struct.Struct(">HHHB")
MOST_PDU = 253
UNTOUCHED = 0.33
EXCEPTIONS = frozenset({1, 2, 3, 4, 6, 0x0B})
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0x7FFF, 0x8000, 0xFF00, 0xFFFE, 0xFFFF)


def legal(source: random.Random) -> bytes:
    """A request PDU that a PLC might send, of any function code that there is."""
    at = source.choice((0, 2, 9, 100, 199, 200, 201, 208, 224, 256, source.randrange(65536)))
    count = source.choice((1, 2, 16, 25, 100, 125, source.randrange(1, 128)))
    words = source.randbytes(2 * min(count, 100))
    bits = source.randbytes((count + 7) // 8)
    return source.choice(
        (
            struct.pack(">BHH", source.choice((1, 2, 3, 4)), at, count),
            struct.pack(">BHH", 5, at, source.choice((0, 0xFF00))),
            struct.pack(">BHH", 6, at, source.randrange(65536)),
            struct.pack(">BHHB", 15, at, count, len(bits)) + bits,
            struct.pack(">BHHB", 16, at, len(words) // 2, len(words)) + words,
            struct.pack(">BHHH", 22, at, source.randrange(65536), source.randrange(65536)),
            struct.pack(">BHHHHB", 23, at, count, 200, len(words) // 2, len(words)) + words,
            struct.pack(">BBBB", 43, 14, source.choice((1, 2, 3, 4)), source.randrange(256)),
            struct.pack(">BHH", 8, source.randrange(20), source.randrange(65536)),
        )
    )


def mutated(data: bytes, source: random.Random) -> bytes:
    """The same with one to four changes: bits, bytes, extreme words, pieces cut out, doubled or put in."""
    out = bytearray(data)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(out) + 1)
        match source.randrange(6):
            case 0 if out:
                out[at % len(out)] ^= 1 << source.randrange(8)
            case 1 if out:
                out[at % len(out)] = source.randrange(256)
            case 2:
                out[at : at + 2] = struct.pack(">H", source.choice(EXTREMES))
            case 3:
                del out[at : at + source.randint(1, 8)]
            case 4:
                out[at:at] = out[at : at + source.randint(1, 16)]
            case _:
                out[at:at] = source.randbytes(source.randint(1, 8))
    return bytes(out)


def request(source: random.Random) -> bytes:
    """A PDU that fits a frame; two in three are mutated, the others write and read what a PLC might."""
    pdu = legal(source)
    if source.random() < UNTOUCHED:
        return pdu[:MOST_PDU]
    return (mutated(pdu, source) or b"\0")[:MOST_PDU]


class Fuzzer:
    """One run. The same seed sends the same frames; how they fall together in time is up to the machine."""

    def __init__(self, port: int, seed: int, count: int) -> None:
        self._port, self._left, self._seeds = port, count, random.Random(seed)
        self.sent = self.connections = 0
        self.seen: Counter[str] = Counter()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work(random.Random(self._seeds.random())))

    async def _work(self, source: random.Random) -> None:
        while self._left > 0:
            number = min(source.randint(2, LONGEST), max(self._left, 2))
            self._left -= number
            self.connections += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await self._converse(reader, writer, source, number)
            finally:
                writer.transport.abort()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: random.Random, number: int
    ) -> None:
        asked = [(source.randrange(65536), source.randrange(256), request(source)) for _ in range(number - 1)]
        frames = [HEADER.pack(tid, 0, len(pdu) + 1, unit) + pdu for tid, unit, pdu in asked]
        for part in _pieces(b"".join(frames), source):
            writer.write(part)
        self.sent += len(frames)
        async with asyncio.timeout(ANSWER_S):
            for tid, unit, pdu in asked:
                self.seen[await _answer(reader, tid, unit, pdu)] += 1
        writer.write(mutated(frames[-1][:7], source) + frames[-1][7:])
        self.sent += 1
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LEFT_S):
                rest = await reader.read(1)
                self.seen["broken header: answered" if rest else "broken header: closed"] += 1


async def _answer(reader: asyncio.StreamReader, tid: int, unit: int, pdu: bytes) -> str:
    """What the next response is, in a word. Raises ValueError where it is none to this request."""
    head = await reader.readexactly(HEADER.size)
    transaction, protocol, length, answered_unit = HEADER.unpack(head)
    answer = await reader.readexactly(length - 1)
    function = answer[0]
    if (transaction, protocol, answered_unit, function & 0x7F) != (tid, 0, unit, pdu[0] & 0x7F):
        raise ValueError(f"{head.hex()} {answer.hex()} does not answer {pdu.hex()} of {tid:#x}, {unit:#x}")
    if not function & 0x80 or (function == pdu[0] and len(answer) > 2):
        return "answered"
    if len(answer) != 2 or answer[1] not in EXCEPTIONS:
        raise ValueError(f"{answer.hex()} is no exception response")
    return f"exception {answer[1]}"


def _pieces(data: bytes, source: random.Random) -> Iterator[bytes]:
    """Now and then cut anywhere, as a network may."""
    cut = source.randrange(len(data) + 1) if source.random() < 0.3 else len(data)
    yield data[:cut]
    yield data[cut:]


def main() -> None:
    port, seed, count = map(int, sys.argv[1:])
    fuzzer = Fuzzer(port, seed, count)
    asyncio.run(fuzzer.run())
    print(json.dumps({"sent": fuzzer.sent, "connections": fuzzer.connections, "seen": fuzzer.seen}))


if __name__ == "__main__":
    main()
