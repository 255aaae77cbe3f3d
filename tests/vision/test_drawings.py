"""What is kept of the images that PEKAT drew."""

from gateway.vision.drawings import Drawings


def test_the_last_few_are_kept() -> None:
    drawings = Drawings(2)
    for number in (1, 2, 3):
        drawings.put(number, bytes([number]))
    assert [drawings.find(number) for number in (1, 2, 3, 4)] == [None, b"\x02", b"\x03", None]
