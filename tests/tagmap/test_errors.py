"""Every way in which a map file can be wrong: the error names file, key, what is wrong, and what to write instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config_errors import ConfigErrors, flat
from gateway.core.errors import ConfigError
from gateway.tagmap import load_map, read_map, shipped_maps

HEAD = 'name = "mine"\nversion = 1\nwhy = "a test"\n'
EXTENDS = HEAD + 'extends = "standard"\n'
STANDARD = Path(__file__).parents[2] / "mappings" / "standard.toml"

Wrong = Callable[[str], list[ConfigError]]


@pytest.fixture
def wrong(tmp_path: Path) -> Wrong:
    """The errors of a map file with this text."""

    def errors(text: str) -> list[ConfigError]:
        file = tmp_path / "mine.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_map(file)
        found = list(flat(caught.value))
        assert all(error.file == str(file) for error in found), "each error names the file that has to change"
        assert all(error.hint and error.wrong for error in found)
        return found

    return errors


def only(errors: list[ConfigError]) -> tuple[str, str, str]:
    (error,) = errors
    return error.key, error.wrong, error.hint


@pytest.mark.parametrize(
    ("lines", "key", "what", "instead"),
    [
        ("verdct = 9", "registers.verdct", "there is no such tag", "did you mean verdict?"),
        ("xyz = 9", "registers.xyz", "there is no such tag", "`pekat-gateway tags standard` lists all tags"),
        ('"user.gap" = 130', "registers.user.gap", "there is no such tag", "[[stations.user_values]]"),
        ("verdict = 8", "registers.verdict", "verdict at register 8 overlaps result_trigger_seq", "free register"),
        ("count_ok = 15", "registers.count_ok", "count_ok at registers 15..16 overlaps", "move count_ok or"),
        ("recipe = 59", "registers.recipe", "overlaps detections[1].confidence_milli", "move recipe or"),
        ("recipe = 2", "registers.recipe", "recipe at register 2 overlaps online", "free register"),
        (
            "ready = { word = 2, bit = 0 }",
            "registers.ready",
            "ready at register 2 bit 0 overlaps online",
            "move ready or online",
        ),
        ("verdict = 200", "registers.verdict", "register 200 is outside block status (0..127)", "from 0 to 127"),
        ("trigger_seq = 7", "registers.trigger_seq", "outside block control (200..255)", "from 200 to 255"),
        ("user_result_seq = 127", "registers.user_result_seq", "outside block user (128..191)", "from 128 to 191"),
        ("count_ok = 127", "registers.count_ok", "registers 127..128 is outside block status", "from 0 to 126"),
        ("part_id = 240", "registers.part_id", "registers 240..256 is outside block control", "from 200 to 239"),
        ("ready = { word = 2, bit = 16 }", "registers.ready.bit", "16 is outside 0..15", "from 0 to 15"),
        ("ready = { word = 2, bit = -1 }", "registers.ready.bit", "-1 is outside 0..15", "from 0 to 15"),
        ("ready = { word = 2 }", "registers.ready", "has the keys word", "{ word = 200, bit = 0 }"),
        ("ready = 3", "registers.ready", "is a bit, and bits stand in a word", "{ word = 200, bit = 0 }"),
        ("verdict = { word = 9, bit = 0 }", "registers.verdict", "is no bit", "verdict = 100"),
        ('verdict = "9"', "registers.verdict", "'9' is no whole number", "verdict = 100"),
        ("verdict = true", "registers.verdict", "True is no whole number", "verdict = 100"),
        ("verdict = 9.0", "registers.verdict", "9.0 is no whole number", "verdict = 100"),
        ("verdict = 65536", "registers.verdict", "65536 is outside 0..65535", "from 0 to 65535"),
        ("verdict = false", "registers.verdict", "is missing, and the handshake needs it", "write verdict = "),
        ("trigger = false", "registers.trigger", "is missing", "trigger = { word = ..., bit = ... } in"),
        (
            "watchdog_tripped = { word = 109, bit = 0 }",
            "registers.watchdog_tripped",
            "stands in word 109, online in word 2",
            "write word = 2",
        ),
        (
            "result_seq_end = 109\nheartbeat = 110",
            "registers.result_seq_end",
            "heartbeat stands behind it",
            "result_seq_end = 111 or more",
        ),
        (
            "result_seq_end = 121",
            "registers.result_seq_end",
            "span 122 registers, more than can be read at once",
            "closer",
        ),
    ],
)
def test_a_wrong_place(wrong: Wrong, lines: str, key: str, what: str, instead: str) -> None:
    found = only(wrong(f"{EXTENDS}[registers]\n{lines}\n"))
    assert found[0] == key
    assert what in found[1]
    assert instead in found[2]


@pytest.mark.parametrize(
    ("lines", "key", "what", "instead"),
    [
        ('word_order = "abcd"', "word_order", '"abcd" is none of the possible values', 'did you mean "ABCD"?'),
        ('string_order = "high"', "string_order", "none of the possible values", '"high_first", "low_first"'),
        ('string_end = "zero"', "string_end", "none of the possible values", '"length_word", "nul"'),
        ("coils = -1", "coils", "-1 is less than 0", "from 0 to 65520"),
        ("coils = 65530", "coils", "65530 is more than 65520", "from 0 to 65520"),
        ('discretes = "0"', "discretes", '"0" is text, not a whole number', "discretes = "),
        ('wordorder = "ABCD"', "wordorder", "unknown key", "did you mean word_order?"),
        ("registers = 3", "registers", "3 is a whole number, not a table", "registers = "),
        ("blocks = { status = { start = 0, length = 9 } }", "blocks.status.length", "unknown key", "start, size"),
        ("blocks = { status = { size = 0 } }", "blocks.status.size", "0 is less than 1", "from 1 to 65536"),
        ("blocks = { inputs = { size = 1 } }", "blocks.inputs", "unknown key", "status, user, control"),
        (
            "blocks = { control = { size = 124 } }",
            "blocks.control.size",
            "124 registers are more than one FC16 can write (123)",
            "size = 123 or less",
        ),
        ("blocks = { user = { size = 80 } }", "blocks.control", "starts at 200, inside block user (128..207)", "208"),
        ("blocks = { user = { size = 73 } }", "blocks.control", "starts at 200, inside block user (128..200)", "201"),
        ("blocks = { user = { start = 100 } }", "blocks.user", "starts at 100, inside block status", "start = 128"),
        ("blocks = { control = { start = 65500 } }", "blocks.control", "ends at 65555, past", "at most 65536"),
    ],
)
def test_a_wrong_key(wrong: Wrong, lines: str, key: str, what: str, instead: str) -> None:
    found = only(wrong(f"{EXTENDS}{lines}\n"))
    assert found[0] == key
    assert what in found[1]
    assert instead in found[2]


def test_blocks_may_touch(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"{EXTENDS}blocks = {{ user = {{ size = 72 }} }}\n", encoding="utf-8")
    assert load_map(file).user.end == load_map(file).control.start == 200


def test_a_standalone_map_has_to_say_everything(wrong: Wrong) -> None:
    keys = {error.key for error in wrong(HEAD)}
    assert keys == {
        "word_order",
        "string_order",
        "string_end",
        "coils",
        "discretes",
        *(f"blocks.{name}.{part}" for name in ("status", "user", "control") for part in ("start", "size")),
    }


def test_the_handshakes_tags_cannot_be_left_out(wrong: Wrong) -> None:
    text = STANDARD.read_text(encoding="utf-8").replace("\nresult_trigger_seq = 8", "").replace("\nverdict = 9", "")
    assert {error.key for error in wrong(text)} == {"registers.result_trigger_seq", "registers.verdict"}


def test_the_head_is_required(wrong: Wrong) -> None:
    assert {error.key for error in wrong('extends = "standard"\n')} == {"name", "version", "why"}


def test_another_version_of_the_tags_is_refused(wrong: Wrong) -> None:
    key, what, instead = only(wrong(EXTENDS.replace("version = 1", "version = 2")))
    assert key == "version"
    assert "2 is not the tags' version" in what
    assert "version = 1" in instead


def test_no_toml_names_line_and_column(wrong: Wrong) -> None:
    key, what, instead = only(wrong(f"{HEAD}word_order = ABCD\n"))
    assert key == "line 4, column 14"
    assert "not valid TOML" in what
    assert 'text in quotes ("text")' in instead


def test_a_tag_placed_twice_is_no_toml(wrong: Wrong) -> None:
    key, what, instead = only(wrong(f"{EXTENDS}[registers]\nverdict = 9\nverdict = 10\n"))
    assert key.startswith("line 7")
    assert "Cannot overwrite a value" in what
    assert "only once" in instead


def test_all_errors_show_at_once(wrong: Wrong) -> None:
    text = f'{EXTENDS}coils = -1\nword_order = "X"\n[registers]\nverdct = 9\nready = 7\n'
    keys = [error.key for error in wrong(text)]
    assert sorted(keys) == ["coils", "registers.ready", "registers.verdct", "word_order"]


def test_an_unknown_map_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load_map("siemens_s77")
    assert "did you mean siemens_s7?" in caught.value.hint
    assert all(name in caught.value.hint for name in shipped_maps())


def test_an_unknown_extended_map_is_the_extending_files_error(wrong: Wrong) -> None:
    key, what, instead = only(wrong(EXTENDS.replace("standard", "standrad")))
    assert (key, what) == ("extends", "there is no map 'standrad'")
    assert "did you mean standard?" in instead


def test_a_missing_extended_file_is_the_extending_files_error(wrong: Wrong) -> None:
    key, what, _ = only(wrong(EXTENDS.replace('"standard"', '"./other.toml"')))
    assert key == "extends"
    assert "other.toml" in what


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_map("./no_such_map.toml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_map(file)


def test_maps_that_extend_each_other_in_a_circle(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        text = HEAD.replace("mine", name) + f'extends = "./{other}.toml"\n'
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_map(tmp_path / "a.toml")
    assert caught.value.file == str(tmp_path / "c.toml")
    assert caught.value.key == "extends"
    assert "a -> b -> c -> a" in caught.value.wrong


def test_too_deep_a_chain(tmp_path: Path) -> None:
    for at in range(10):
        text = HEAD + f'extends = "./m{at + 1}.toml"\n'
        (tmp_path / f"m{at}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="more than 8 maps deep"):
        load_map(tmp_path / "m0.toml")


def test_an_error_in_an_extended_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "inner.toml").write_text(f"{EXTENDS}[registers]\nverdict = 8\n", encoding="utf-8")
    (tmp_path / "outer.toml").write_text(HEAD + 'extends = "inner.toml"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_map(tmp_path / "outer.toml")
    assert caught.value.file == str(tmp_path / "inner.toml")
    assert caught.value.key == "registers.verdict"


def test_several_errors_are_one_exception_with_all_of_them() -> None:
    errors = [ConfigError("a.toml", "x", "wrong", "write y"), ConfigError("b.toml", "z", "bad", "write w")]
    both = ConfigErrors(errors)
    assert isinstance(both, ConfigError)
    assert both.errors == tuple(errors)
    assert str(both).splitlines() == [
        "2 errors in the configuration",
        "  a.toml: x: wrong",
        "    -> write y",
        "  b.toml: z: bad",
        "    -> write w",
    ]
