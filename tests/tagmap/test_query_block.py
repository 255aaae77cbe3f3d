"""The block of the result that is read again: where a map has it, and which maps do without."""

from pathlib import Path

import pytest

from gateway.core.errors import ConfigError
from gateway.core.registers import Block
from gateway.core.tags import QUERY_TAGS
from gateway.tagmap import load_map

NAMES = {tag.name for tag in QUERY_TAGS}
HEAD = 'name = "own"\nversion = 1\nextends = "standard"\nwhy = "a test"\n'


def own(folder: Path, text: str) -> str:
    file = folder / "own.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return str(file)


def placed(name: str) -> dict[str, int]:
    return {place.tag.name: place.register for place in load_map(name).places}


@pytest.mark.parametrize(
    "text",
    [
        "[registers]\npart_id = 230\n",
        "[registers]\nplc_heartbeat = 205\n",
        "[blocks]\nuser = { start = 128, size = 120 }\ncontrol = { start = 300, size = 30 }\n"
        "[registers]\npart_id = 308\n" + "".join(f"{n} = {300 + at}\n" for at, n in enumerate(
            ["trigger_seq", "result_ack_seq", "recipe_request", "plc_heartbeat"], 1
        )) + "".join(f"{n} = {{ word = 300, bit = {bit} }}\n" for bit, n in enumerate([
            "enable", "trigger", "result_ack", "error_ack", "reset", "set_offline", "abort", "flush_results",
            "change_recipe", "buffer_results",
        ])),
    ],
    ids=["a tag in the block", "a tag at result_query", "another block over it"],
)  # fmt: skip
def test_an_older_map_that_needs_these_registers_itself_is_served_as_before(tmp_path: Path, text: str) -> None:
    registers = load_map(own(tmp_path, text))
    assert registers.query is None
    assert not {place.tag.name for place in registers.places} & (NAMES | {"result_query"})


def test_a_map_may_leave_it_out(tmp_path: Path) -> None:
    registers = load_map(own(tmp_path, "[registers]\nquery = false\nresult_query = false\n"))
    assert registers.query is None
    assert registers.control == Block(200, 56)


def test_a_map_may_move_it(tmp_path: Path) -> None:
    text = "[blocks]\nquery = { start = 320, size = 40 }\n[registers]\nquery = 322\nresult_query = 207\n"
    registers = load_map(own(tmp_path, text))
    assert registers.query == Block(320, 40)
    where = placed(own(tmp_path, text))
    assert (where["result_query"], where["query_result_seq"], where["query_answered_s"]) == (207, 322, 333)
    assert (where["query_answered_ms"], where["query_part_id"]) == (335, 336)


@pytest.mark.parametrize(
    ("text", "key", "wrong"),
    [
        ("[registers]\nquery = 224\n", "registers.query_result_seq", "outside block query"),
        ("[blocks]\nquery = { start = 195 }\n[registers]\nquery = 195\n", "blocks.control", "inside block query"),
        ("[registers]\nquery_status = 225\n", "registers.query_status", "overlaps query_result_seq"),
    ],
)
def test_a_map_that_places_it_wrongly_itself_is_refused(tmp_path: Path, text: str, key: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as told:
        load_map(own(tmp_path, text))
    assert key in str(told.value)
    assert wrong in str(told.value)
