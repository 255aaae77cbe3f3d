"""Tag tables: the columns that PLC projects import, and that every form says the same."""

import csv
import io
import json
from dataclasses import replace

from rich.console import Console

from gateway.cli.tags import as_csv, as_json, as_markdown, as_text, tag_rows
from gateway.core.registers import ControlCodec, StatusCodec
from gateway.core.tags import STANDARD_TAGS, TagType, user_tag
from gateway.tagmap import load_map

HEADER = "name,direction,type,length,unit,register,bit,coil,modicon5,modicon6,node_id,description"


def records(offset: int = 0, station: str = "station1") -> dict[str, dict[str, str]]:
    text = as_csv(tag_rows(load_map("standard", several_views=True), station=station, offset=offset))
    return {record["name"]: record for record in csv.DictReader(io.StringIO(text))}


def test_the_columns_are_exactly_these() -> None:
    lines = as_csv(tag_rows(load_map("standard", several_views=True))).splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 1 + len(STANDARD_TAGS)


def test_a_word_of_the_status_block() -> None:
    assert records()["verdict"] == {
        "name": "verdict",
        "direction": "status",
        "type": "uint16",
        "length": "1",
        "unit": "",
        "register": "9",
        "bit": "",
        "coil": "",
        "modicon5": "40010",
        "modicon6": "400010",
        "node_id": "ns=2;s=station1.status.verdict",
        "description": "Verdict of the presented result",
    }


def test_a_command_bit_has_its_coil() -> None:
    row = records()["trigger"]
    assert (row["direction"], row["register"], row["bit"], row["coil"]) == ("control", "200", "1", "1")
    assert (row["modicon5"], row["modicon6"]) == ("40201", "400201")
    assert row["node_id"] == "ns=2;s=station1.control.trigger"


def test_a_status_bit_has_its_discrete_input() -> None:
    row = records()["result_valid"]
    assert (row["register"], row["bit"], row["coil"]) == ("2", "5", "5")


def test_a_string_has_its_length_and_a_time_its_unit() -> None:
    rows = records()
    assert (rows["part_id"]["type"], rows["part_id"]["length"]) == ("string", "32")
    assert rows["total_time_ms"]["unit"] == "ms"


def test_a_detections_node_id() -> None:
    assert records()["detections[1].class"]["node_id"] == "ns=2;s=station1.status.detections[1].class"


def test_a_views_register_and_node_id() -> None:
    row = records()["views[2].reason"]
    assert (row["register"], row["modicon5"], row["node_id"]) == (
        "265",
        "40266",
        "ns=2;s=station1.status.views[2].reason",
    )


def test_offset_and_station() -> None:
    row = records(offset=512, station="press")["ready"]
    assert (row["register"], row["coil"], row["modicon5"]) == ("514", str(1 + 32), "40515")
    assert row["node_id"] == "ns=2;s=press.status.ready"


def test_five_digits_end_at_49999() -> None:
    rows = records(offset=9984)
    assert rows["result_seq"]["modicon5"] == "49992"
    assert rows["count_triggers"]["modicon5"] == ""
    assert rows["count_triggers"]["modicon6"] == "410001"


def test_user_values_are_in_the_table() -> None:
    registers = load_map("standard", [user_tag("gap", TagType.UINT16, unit="um")])
    row = next(row for row in tag_rows(registers) if row.name == "user.gap")
    assert (row.register, row.unit, row.node_id) == (129, "um", "ns=2;s=station1.status.user.gap")


def test_json_says_the_same_and_names_the_numbers() -> None:
    rows = tag_rows(load_map("standard", several_views=True))
    items = {item["name"]: item for item in json.loads(as_json(rows))}
    assert set(items) == set(STANDARD_TAGS)
    assert items["verdict"]["texts"] == {"0": "none", "1": "ok", "2": "nok", "3": "no decision"}
    assert items["verdict"]["bit"] is None
    assert [*items["verdict"]][: len(HEADER.split(","))] == HEADER.split(",")


def test_markdown_has_every_tag_and_names_the_numbers() -> None:
    text = as_markdown(tag_rows(load_map("standard", several_views=True)))
    assert all(f"| `{name}` |" in text for name in STANDARD_TAGS)
    assert "- `verdict`: 0 = none, 1 = ok, 2 = nok, 3 = no decision" in text


def test_text_shows_every_tag() -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(as_text(tag_rows(load_map("standard", several_views=True))))
    text = console.export_text()
    assert all(name in text for name in STANDARD_TAGS)


def test_the_table_is_where_the_codecs_put_the_tags() -> None:
    """The table and the bytes come from one map; a row for every place of both codecs."""
    registers = load_map("standard", several_views=True)
    shown = {(row.name, row.register, row.bit) for row in tag_rows(registers)}
    assert shown == {(p.tag.name, p.register, p.bit) for p in registers.places}
    assert StatusCodec(registers).registers is ControlCodec(registers).registers


def test_coils_and_discrete_inputs_of_another_map() -> None:
    rows = {row.name: row for row in tag_rows(replace(load_map("standard"), coils=100, discretes=300))}
    assert (rows["trigger"].coil, rows["ready"].coil) == (101, 301)
