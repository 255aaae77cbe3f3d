"""A value as it stands in the address space, with the bytes it is sent as.

Twenty clients that read a tag, and ten that subscribed to it, all get the same bytes: they are made once, when the
first one asks, by asyncua's own encoder.
"""

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary


class Shown(ua.DataValue):
    """Never changed once it is made, so its bytes can be kept and a subscription's copy may be the same object."""

    __slots__ = ("_encoded",)
    _encoded: bytes

    def __deepcopy__(self, memo: dict[int, object]) -> "Shown":
        return self

    @property
    def encoded(self) -> bytes:
        """The DataValue as OPC UA Binary (Part 6, 5.2.2.17)."""
        if not hasattr(self, "_encoded"):
            self._encoded = struct_to_binary(self)
        return self._encoded


def at_hand(value: ua.DataValue) -> bool:
    """Whether its bytes are made already."""
    return hasattr(value, "_encoded")


def encoded(value: ua.DataValue) -> bytes:
    """Any DataValue as OPC UA Binary."""
    return value.encoded if isinstance(value, Shown) else struct_to_binary(value)
