"""How a PLC reaches the station and how it plays the handshake: the three faces of the matrix."""

from dataclasses import dataclass
from typing import Literal

from gateway.core.commands import Commands

ANSWER_S = 0.5
"""How long a PLC waits for both answers of a cycle before it connects anew; the clients themselves wait for seconds."""

Link = Literal["modbus", "opcua"]


@dataclass(frozen=True, slots=True)
class Program:
    """By numbers: `trigger_seq` instead of `trigger`. Not buffered: results replace each other, and none is taken."""

    by_number: bool = False
    buffered: bool = True

    @property
    def first(self) -> Commands:
        """The command tags of a PLC that has just begun."""
        return Commands(buffer_results=self.buffered)


BITS, NUMBERS = Program(), Program(by_number=True, buffered=False)


@dataclass(frozen=True, slots=True)
class Face:
    """One way in which the whole matrix is played."""

    key: str
    name: str
    link: Link
    program: Program


FACES = (
    Face("modbus_bits", "Modbus TCP, bits, buffered", "modbus", BITS),
    Face("opcua_bits", "OPC UA, bits, buffered", "opcua", BITS),
    Face("modbus_numbers", "Modbus TCP, numbers, free running", "modbus", NUMBERS),
)
"""The first is played in full with each change, some cells of the others too, all of them at night."""
