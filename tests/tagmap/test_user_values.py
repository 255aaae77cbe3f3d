"""User values in the user block: where they go, and what is refused."""

from pathlib import Path

import pytest

from gateway.config_errors import flat
from gateway.core.errors import ConfigError
from gateway.core.tags import Tag, TagType, user_tag
from gateway.tagmap import load_map

GAP = user_tag("gap", TagType.UINT32)
LOT = user_tag("lot", TagType.STRING, length=8)


def errors_of(tags: list[Tag], at: dict[str, int]) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        load_map("standard", tags, at)
    return list(flat(caught.value))


def test_a_given_register_is_kept_and_the_others_go_round_it() -> None:
    registers = load_map("standard", [GAP, LOT], {"user.lot": 130})
    assert {p.tag.name: p.register for p in registers.places if p.tag.name.startswith("user.")} == {
        "user.lot": 130,
        "user.gap": 135,
    }


@pytest.mark.parametrize("register", [127, 191, 200])
def test_a_register_outside_the_user_block(register: int) -> None:
    (error,) = errors_of([GAP], {"user.gap": register})
    assert error.key == "user_values.gap.register"
    assert "is outside block user (128..191)" in error.wrong
    assert "from 129 to 190" in error.hint


def test_a_register_on_the_blocks_own_word() -> None:
    (error,) = errors_of([GAP], {"user.gap": 128})
    assert "user.gap at registers 128..129 overlaps user_result_seq" in error.wrong


def test_two_values_on_each_other() -> None:
    (error,) = errors_of([GAP, LOT], {"user.gap": 140, "user.lot": 141})
    assert error.key == "user_values.lot.register"
    assert "overlaps user.gap" in error.wrong


def test_more_values_than_the_block_holds() -> None:
    tags = [user_tag(f"text{i}", TagType.STRING, length=40) for i in range(4)]
    (error,) = errors_of(tags, {})
    assert error.key == "user_values.text3"
    assert "no 21 registers are free for it in block user (128..191)" in error.wrong
    assert 'extends = "standard", larger blocks.user' in error.hint


def test_exactly_as_many_as_the_block_holds() -> None:
    tags = [user_tag(f"v{i}", TagType.UINT16) for i in range(63)]
    assert max(p.register for p in load_map("standard", tags).places if p.tag.name.startswith("user.")) == 191
    assert len(errors_of([*tags, user_tag("one_more", TagType.UINT16)], {})) == 1


def test_a_map_with_places_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nversion = 1\nwhy = "short reads"\nextends = "standard"\n'
        "[blocks]\nuser = { start = 300, size = 20 }\n[registers]\nuser_result_seq = 300\ndetections = false\n",
        encoding="utf-8",
    )
    registers = load_map(file, [GAP])
    placed = {p.tag.name: p.register for p in registers.places}
    assert placed["user.gap"] == 301
    assert "detections[1].class" not in placed
    assert registers.name == "mine"
    assert placed["verdict"] == 9
