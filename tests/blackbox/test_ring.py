"""The ring of the last inspections: bounded, and what it gives back is what was put."""

import tracemalloc

from gateway.blackbox.ring import LONGEST_PART_ID, STAGES, Ring

TIMES = tuple(range(10, 10 + len(STAGES)))


def put(ring: Ring, number: int) -> None:
    assert ring.put(f"part {number}", 1, number + 1000, number % 65_536, 7, 2, 0, *TIMES) == number


def test_the_oldest_go_and_the_rest_is_as_it_was() -> None:
    ring = Ring(10)
    for number in range(25):
        put(ring, number)
    flights = list(ring.read(0, 1000))
    assert [flight.number for flight in flights] == list(range(15, 25)) == list(range(ring.oldest, ring.noted))
    for flight in flights:
        assert (flight.inspection_id, flight.part_id, flight.times) == (
            flight.number + 1000,
            f"part {flight.number}",
            TIMES,
        )
        assert (flight.station, flight.result_seq, flight.verdict, flight.reason) == (1, 7, 2, 0)


def test_pages() -> None:
    ring = Ring(10)
    for number in range(25):
        put(ring, number)
    assert [flight.number for flight in ring.read(20, 3)] == [20, 21, 22]
    assert [flight.number for flight in ring.read(24, 3)] == [24]
    assert list(ring.read(25, 3)) == []
    assert [flight.number for flight in ring.read(-1, 2)] == [15, 16]


def test_a_late_stage_goes_to_its_own_inspection_or_to_none() -> None:
    ring = Ring(10)
    for number in range(12):
        put(ring, number)
    ring.put_time(3, len(STAGES) - 1, 999)
    ring.put_time(1, 0, 777)  # gone: its place has another one now
    assert [flight.number for flight in ring.read(0, 99) if 999 in flight.times] == [3]
    assert not [flight for flight in ring.read(0, 99) if 777 in flight.times]


def test_it_takes_no_more_memory_however_many_come() -> None:
    ring = Ring(500)
    for number in range(1000):
        put(ring, number)
    tracemalloc.start()
    for number in range(1000, 6000):
        ring.put("part id", 1, number, 7, 7, 2, 0, *TIMES)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000


def test_a_part_id_of_any_length_takes_a_bounded_place() -> None:
    ring = Ring(2)
    ring.put("x" * 100_000, 0, 1, 1, 1, 1, 0, *TIMES)
    (flight,) = ring.read(0, 1)
    assert flight.part_id == "x" * LONGEST_PART_ID
