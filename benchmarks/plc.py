"""The PLC stand-in: a raw blocking socket that writes a trigger and reads until the result is there."""

import socket
import struct
import time
from collections.abc import Callable
from typing import Self

TRIGGER_REGISTER = 200
STATUS_WORDS, CONTROL_WORDS = 100, 25
ENABLE = 1
RESULT_SEQ, RESULT_TRIGGER_SEQ, VERDICT, REASON = 7, 8, 9, 10
STATUS_BITS, SEQ_ACCEPTED, COUNT_MISSED = 2, 6, 24
READY = 1 << 1
ANSWER_S = 10.0
"""Longer than any time-out of the gateway: a benchmark that hangs ends with an error, not never."""


class PlcError(RuntimeError):
    """The gateway did not do what the PLC was promised."""


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    """Look every 10 ms. Raises PlcError(otherwise) after ANSWER_S."""
    deadline = time.monotonic() + ANSWER_S
    while not condition():
        if time.monotonic() > deadline:
            raise PlcError(otherwise)
        time.sleep(0.01)


class ModbusClient:
    """One connection, one request at a time, no library. Raises PlcError on an exception response."""

    def __init__(self, port: int, unit: int = 1) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unit = unit
        self._transaction = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def read(self, register: int, count: int) -> tuple[int, ...]:
        """FC3."""
        return struct.unpack(f">{count}H", self.ask(struct.pack(">BHH", 3, register, count))[2:])

    def write(self, register: int, words: list[int]) -> None:
        """FC16."""
        head = struct.pack(">BHHB", 16, register, len(words), 2 * len(words))
        self.ask(head + struct.pack(f">{len(words)}H", *words))

    def ask(self, pdu: bytes) -> bytes:
        """The response's PDU."""
        self._transaction = self._transaction % 65535 + 1
        self._socket.sendall(struct.pack(">HHHB", self._transaction, 0, len(pdu) + 1, self._unit) + pdu)
        reply = self._receive()
        if reply[7] != pdu[0]:
            raise PlcError(f"Modbus exception {reply[8]} to function {pdu[0]}")
        return reply[7:]

    def _receive(self) -> bytes:
        reply = self._socket.recv(4096)
        while len(reply) < 6 or len(reply) < 6 + int.from_bytes(reply[4:6], "big"):
            more = self._socket.recv(4096)
            if not more:
                raise PlcError("the connection was closed")
            reply += more
        return reply


class PlcStation:
    """The handshake of one station, sequence style, free-running results."""

    def __init__(self, port: int, unit: int = 1, offset: int = 0) -> None:
        self.client = ModbusClient(port, unit)
        self._offset = offset
        self.seq = 0
        self._result_seq = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.__exit__(*exc)

    def status(self, count: int = 16) -> tuple[int, ...]:
        """The first words of the status block."""
        return self.client.read(self._offset, count)

    def wait_ready(self, seconds: float = ANSWER_S) -> None:
        """Enable the station and wait until it takes triggers. Raises PlcError."""
        deadline = time.monotonic() + seconds
        self._command("", enable=0)  # what trigger_seq holds while disabled is its baseline
        self._command("")
        while True:
            status = self.status()
            if status[STATUS_BITS] & READY:
                self._result_seq = status[RESULT_SEQ]
                return
            if time.monotonic() > deadline:
                raise PlcError(f"station not ready, state {status[3]}, status bits {status[STATUS_BITS]:#06x}")
            time.sleep(0.01)

    def trigger(self, part: str) -> None:
        """Write the next trigger number and the part id in one request."""
        self.seq = self.seq % 65535 + 1
        self._command(part)

    def wait_result(self, pause: float = 0.0) -> tuple[int, ...]:
        """Read until the result is there; its first sixteen status words. Raises PlcError, also for a wrong trigger."""
        deadline = time.monotonic() + ANSWER_S
        while (status := self.status())[RESULT_SEQ] == self._result_seq:
            if time.monotonic() > deadline:
                raise PlcError(f"trigger {self.seq}: no answer within {ANSWER_S:.0f} s")
            if pause:
                time.sleep(pause)
        self._result_seq = status[RESULT_SEQ]
        if status[RESULT_TRIGGER_SEQ] != self.seq:
            raise PlcError(f"trigger {self.seq} was answered with the result of trigger {status[RESULT_TRIGGER_SEQ]}")
        if status[VERDICT] not in {1, 2}:
            raise PlcError(f"trigger {self.seq}: verdict {status[VERDICT]}, reason {status[REASON]}")
        return status

    def inspect(self, part: str, exposure: Callable[[], object] | None = None, pause: float = 0.0) -> tuple[int, ...]:
        """The whole of it: trigger, take the picture where it is not there yet, read until the result is there."""
        self.trigger(part)
        if exposure is not None:
            exposure()
        return self.wait_result(pause)

    def _command(self, part: str, enable: int = ENABLE) -> None:
        text = part.encode("ascii").ljust(32, b"\0")
        words = [enable, self.seq, 0, 0, 0, 0, 0, 0, len(part), *struct.unpack(">16H", text)]
        self.client.write(self._offset + TRIGGER_REGISTER, words)
