"""A camera's own count of its frames."""

NUMBERS = 1 << 16
"""Frame numbers are compared in their lowest 16 bits: all that a GigE Vision 1 camera has."""


def steps_after(last: int, number: int) -> int:
    """How many frames after `last` this one is: 1 is the next; 0 or less: it is older.

    A 16-bit counter goes from 65535 to 1, or to 0, whichever the camera holds right.
    """
    ahead = (number - last) % NUMBERS
    if last % NUMBERS == NUMBERS - 1 and ahead == 2:
        return 1
    return ahead if ahead < NUMBERS // 2 else ahead - NUMBERS


def same_number(one: int, other: int) -> bool:
    """Whether both are the same frame's; one of them may be cut to 16 bits."""
    return (one - other) % NUMBERS == 0
