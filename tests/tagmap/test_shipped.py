"""The maps that come with the gateway: all load, all place every standard tag once, and the standard one is fixed."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.core.registers import Block, RegisterMap, StringEnd, StringOrder, WordOrder, width
from gateway.core.tags import CONTROL_BITS, STANDARD_TAGS, STATUS_BITS, VIEW_TAGS
from gateway.tagmap import is_path, load_map, read_map, shipped_maps
from gateway.tagmap_checks import block_of, cells

MAPPINGS = Path(__file__).parents[2] / "mappings"

BRANDS = {
    "standard",
    "siemens_s7",
    "schneider",
    "beckhoff_twincat",
    "codesys",
    "rockwell_logix",
    "mitsubishi",
    "omron",
}

GOLDEN = {
    "map_signature": 0,
    "map_version": 1,
    "state": 3,
    "boot_id": 4,
    "heartbeat": 5,
    "trigger_seq_accepted": 6,
    "result_seq": 7,
    "result_trigger_seq": 8,
    "verdict": 9,
    "reason": 10,
    "result_recipe": 11,
    "recipe": 12,
    "results_pending": 13,
    "error_code": 14,
    "error_cause": 15,
    "count_triggers": 16,
    "count_ok": 18,
    "count_nok": 20,
    "count_no_decision": 22,
    "count_missed": 24,
    "error_count": 26,
    "offline_reason": 27,
    "reject_reason": 28,
    "detection_count": 29,
    "detections_truncated": 30,
    "defect_class": 31,
    "score_milli": 32,
    "inspection_time_ms": 33,
    "total_time_ms": 34,
    "test_uint32": 35,
    "test_float32": 37,
    "test_string": 39,
    "result_part_id": 41,
    "detections[1].class": 58,
    "detections[1].height": 63,
    "detections[2].class": 64,
    "detections[8].height": 105,
    "values_saturated": 106,
    "stop_line": 107,
    "review_waiting": 107,
    "images_lost": 108,
    "result_seq_end": 119,
    "user_result_seq": 128,
    "views_result_seq": 256,
    "view_count": 257,
    "views[1].verdict": 258,
    "views[1].inspection_time_ms": 263,
    "views[2].verdict": 264,
    "views[8].inspection_time_ms": 305,
    "trigger_seq": 201,
    "result_ack_seq": 202,
    "recipe_request": 203,
    "plc_heartbeat": 204,
    "result_query": 205,
    "part_id": 208,
    "query_result_seq": 225,
    "query_status": 226,
    "query_trigger_seq": 227,
    "query_verdict": 228,
    "query_reason": 229,
    "query_recipe": 230,
    "query_detection_count": 231,
    "query_defect_class": 232,
    "query_score_milli": 233,
    "query_inspection_time_ms": 234,
    "query_total_time_ms": 235,
    "query_answered_s": 236,
    "query_answered_ms": 238,
    "query_part_id": 239,
}


def registers_of(registers: RegisterMap) -> Mapping[str, int]:
    return {place.tag.name: place.register for place in registers.places}


def test_the_shipped_maps_are_those_of_the_brands() -> None:
    assert set(shipped_maps()) == BRANDS
    assert {path.stem for path in MAPPINGS.glob("*.toml")} == BRANDS


@pytest.mark.parametrize("name", sorted(BRANDS))
def test_every_shipped_map_places_every_tag_exactly_once(name: str) -> None:
    registers = load_map(name, several_views=True)
    names = [place.tag.name for place in registers.places]
    assert sorted(names) == sorted(STANDARD_TAGS)
    taken = [cell for place in registers.places for cell in cells(place)]
    assert len(set(taken)) == len(taken)
    for place in registers.places:
        assert block_of(place.tag, registers)[1].holds(place.register, width(place.tag))


@pytest.mark.parametrize("name", sorted(BRANDS))
def test_a_station_with_one_view_has_what_it_had_before_there_were_several(name: str) -> None:
    """No register, no block and no address of an existing configuration moves."""
    registers, with_views = load_map(name), load_map(name, several_views=True)
    assert registers.views is None
    assert with_views.views is not None
    assert max(block.end for block in registers.blocks) <= min(256, with_views.views.start)
    assert {p.tag for p in with_views.places} - {p.tag for p in registers.places} == set(VIEW_TAGS)
    assert set(registers.places) <= set(with_views.places)


@pytest.mark.parametrize("name", sorted(BRANDS))
def test_every_shipped_map_says_why_in_sentences(name: str) -> None:
    tag_map = read_map(name)
    assert tag_map.name == name
    assert len(tag_map.why) > 200
    if name != "standard":
        assert tag_map.chain == ("standard",)
        assert "Inferred" in tag_map.why, "what is not documented has to be said"


def test_the_standard_maps_addresses_are_fixed() -> None:
    registers = load_map("standard", several_views=True)
    placed = registers_of(registers)
    assert registers.views == Block(256, 64)
    assert registers.query == Block(225, 31), "in the unused end of the control block"
    assert {name: placed[name] for name in GOLDEN} == GOLDEN
    assert (registers.status, registers.user, registers.control) == (Block(0, 128), Block(128, 64), Block(200, 56))
    assert (registers.coils, registers.discretes) == (0, 0)
    assert registers.word_order is WordOrder.ABCD
    assert registers.string_order is StringOrder.HIGH_FIRST
    assert registers.string_end is StringEnd.LENGTH_WORD


def test_the_bits_stand_in_the_order_of_the_tags() -> None:
    places = {place.tag.name: (place.register, place.bit) for place in load_map("standard").places}
    assert [places[tag.name] for tag in CONTROL_BITS] == [(200, bit) for bit in range(len(CONTROL_BITS))]
    assert [places[tag.name] for tag in STATUS_BITS] == [(2, bit) for bit in range(16)]


def test_the_status_block_ends_with_the_sequence_number_again() -> None:
    """H24: the last word of a status read shows a torn one, in every map."""
    for name in BRANDS:
        registers = load_map(name)
        placed = registers_of(registers)
        status = [p.register for p in registers.places if block_of(p.tag, registers)[0] == "status"]
        assert placed["result_seq_end"] == max(status)


@pytest.mark.parametrize(
    ("name", "order", "strings", "end"),
    [
        ("siemens_s7", "ABCD", "high_first", "length_word"),
        ("schneider", "CDAB", "low_first", "length_word"),
        ("beckhoff_twincat", "CDAB", "low_first", "nul"),
        ("codesys", "CDAB", "low_first", "nul"),
        ("rockwell_logix", "CDAB", "low_first", "length_word"),
        ("mitsubishi", "CDAB", "low_first", "nul"),
        ("omron", "CDAB", "high_first", "length_word"),
    ],
)
def test_each_brands_forms(name: str, order: str, strings: str, end: str) -> None:
    registers = load_map(name)
    assert registers.word_order.value == order
    assert registers.string_order.value == strings
    assert registers.string_end.value == end
    assert registers_of(registers) == registers_of(load_map("standard"))


def test_a_map_is_found_wherever_the_gateway_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_map("standard").name == "standard"


def test_the_wheel_carries_the_maps() -> None:
    project = tomllib.loads((MAPPINGS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["mappings"] == "gateway/mappings"


@pytest.mark.parametrize(
    ("text", "expected"), [("standard", False), ("./a.toml", True), ("a.toml", True), ("maps\\a.toml", True)]
)
def test_a_map_is_a_file_where_it_has_a_dot_or_a_separator(text: str, expected: bool) -> None:
    assert is_path(text) is expected
