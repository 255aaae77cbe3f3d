"""A PLC stand-in for several in flight: each cycle one read and at most one write, sequence style, buffered results."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.plc import (
    ANSWER_S,
    ENABLE,
    READY,
    REASON,
    RESULT_SEQ,
    RESULT_TRIGGER_SEQ,
    SEQ_ACCEPTED,
    STATUS_BITS,
    TRIGGER_REGISTER,
    VERDICT,
    ModbusClient,
    PlcError,
)

RESULT_VALID = 1 << 5
BUFFERED = 1 << 9
RESET = 1 << 4
STATUS_WORDS = 58
"""Up to the end of result_part_id."""
PART_ID = 41
"""result_part_id: its length, then its text, two bytes a register."""


@dataclass(slots=True)
class PipelinedStation:
    """Keeps a station as full as it lets. `milliseconds`: from each trigger's write to the read that has its result."""

    client: ModbusClient
    offset: int = 0
    milliseconds: list[float] = field(default_factory=list)
    most_open: int = 0
    _seq: int = 0
    _taken: int = 0
    _open: dict[int, tuple[str, float]] = field(default_factory=dict)
    """Part id and moment of each trigger without an answer, in the order of acceptance."""

    def begin(self) -> None:
        """Reset, enable, wait until it is ready. Raises PlcError."""
        self._write("", RESET)
        self._write("", 0)
        self._write("", ENABLE | BUFFERED)
        deadline = time.monotonic() + ANSWER_S
        while not (status := self._read())[STATUS_BITS] & READY:
            _check(deadline, f"station not ready, status bits {status[STATUS_BITS]:#06x}")
            time.sleep(0.01)
        self._seq, self._taken = status[SEQ_ACCEPTED], status[RESULT_SEQ]

    def play(self, count: int, pause: float) -> float:
        """`count` triggers as fast as the station is ready; how many seconds. Raises PlcError for what is not right."""
        began, deadline, written = time.perf_counter(), time.monotonic() + ANSWER_S, 0
        while written < count or self._open:
            status = self._read()
            part, moved = "", self._take(status)
            if written < count and status[STATUS_BITS] & READY:
                written += 1
                self._seq = self._seq % 65535 + 1
                part, moved = f"part{self._seq}", True
                self._open[self._seq] = (part, time.perf_counter())
                self.most_open = max(self.most_open, len(self._open))
            if moved:
                self._write(part, ENABLE | BUFFERED)
                deadline = time.monotonic() + ANSWER_S
            _check(deadline, f"nothing moves, {len(self._open)} triggers have no answer")
            if pause:
                time.sleep(pause)
        return time.perf_counter() - began

    def _take(self, status: tuple[int, ...]) -> bool:
        if not status[STATUS_BITS] & RESULT_VALID or status[RESULT_SEQ] == self._taken:
            return False
        seq = status[RESULT_TRIGGER_SEQ]
        if next(iter(self._open), 0) != seq:
            raise PlcError(f"the result of trigger {seq} came, that of {next(iter(self._open), 0)} was next")
        part, written_at = self._open.pop(seq)
        words = status[PART_ID + 1 : PART_ID + 17]
        told = b"".join(word.to_bytes(2, "big") for word in words)[: status[PART_ID]].decode()
        if told != part or status[VERDICT] not in {1, 2}:
            raise PlcError(f"{part}: got part {told!r}, verdict {status[VERDICT]}, reason {status[REASON]}")
        self.milliseconds.append((time.perf_counter() - written_at) * 1000)
        self._taken = status[RESULT_SEQ]
        return True

    def _read(self) -> tuple[int, ...]:
        return self.client.read(self.offset, STATUS_WORDS)

    def _write(self, part: str, bits: int) -> None:
        text = part.encode("ascii").ljust(32, b"\0")
        pairs = [int.from_bytes(text[at : at + 2], "big") for at in range(0, 32, 2)]
        words = [bits, self._seq, self._taken, 0, 0, 0, 0, 0, len(part), *pairs]
        self.client.write(self.offset + TRIGGER_REGISTER, words)


def _check(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise PlcError(otherwise)


@contextmanager
def pipelined_station(port: int, offset: int = 0) -> Iterator[PipelinedStation]:
    """One on a connection of its own, ready."""
    with ModbusClient(port) as client:
        station = PipelinedStation(client, offset)
        station.begin()
        yield station
