"""The pure pieces of the sources: names, the shelf, mounts, settings."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.images.limits import ImageLimits
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.file_system import mounted_type, remote_type
from gateway.sources.look import read
from gateway.sources.naming import natural_key, part_fault, part_filter, pattern_filter
from gateway.sources.shelf import SHELF_LIMIT, Arrival, FileKey, Shelf
from tests.sources.pictures import png

# ---- names ----


def test_patterns_do_not_look_at_case_and_never_take_hidden_files() -> None:
    matches = pattern_filter(["*.png", "img_?.bmp"])
    assert [
        name for name in ("a.png", "A.PNG", "img_1.bmp", "img_12.bmp", ".a.png", "a.png.tmp", "a.jpg") if matches(name)
    ] == [
        "a.png",
        "A.PNG",
        "img_1.bmp",
    ]


@pytest.mark.parametrize(
    "part_id",
    [
        "",
        " ",
        "../x",
        "..",
        ".",
        "..\\x",
        "a/b",
        "/etc/passwd",
        "C:x",
        "a\0b",
        "x\n",
        "a*",
        "a?",
        ".hidden",
        "a.",
        "con",
        "COM1.x",
    ],
)
def test_an_id_that_no_file_can_be_named_by_is_refused(part_id: str) -> None:
    assert part_fault(part_id)


@given(st.text(min_size=1, max_size=32))
def test_an_accepted_id_names_a_file_in_the_folder_itself(part_id: str) -> None:
    if not part_fault(part_id):
        assert (Path("/drop") / f"{part_id}.png").resolve().parent == Path("/drop")
        assert part_filter("{part_id}", part_id)(f"{part_id}.png")


@pytest.mark.parametrize(
    ("template", "part_id", "name", "its"),
    [
        ("{part_id}", "AB1", "AB1.png", True),
        ("{part_id}", "AB1", "ab1.png", False),
        ("{part_id}", "AB1", "AB12.png", False),
        ("{part_id}", "A[1]", "A[1].png", True),
        ("{part_id}", "A[1]", "A1.png", False),
        ("{part_id}", "A.1", "Ax1.png", False),
        ("cam1_{part_id}_*", "7", "cam1_7_20260101.jpg", True),
        ("cam1_{part_id}_*", "7", "cam1_77_20260101.jpg", False),
        ("{part_id}", "A.1", "A.1.png", True),
    ],
)
def test_the_name_of_a_part(template: str, part_id: str, name: str, its: bool) -> None:
    assert part_filter(template, part_id)(name) is its


def test_natural_order() -> None:
    assert sorted(["p10.png", "p2.png", "P1.png", "q.png", "3.png"], key=natural_key) == [
        "3.png",
        "P1.png",
        "p2.png",
        "p10.png",
        "q.png",
    ]


# ---- the shelf ----


def key(name: str, mtime: int = 1, inode: int = 5) -> FileKey:
    return FileKey(name, mtime, inode, 100)


def test_newest_and_oldest_and_the_window() -> None:
    shelf = Shelf()
    for at, name in ((10, "a"), (30, "c"), (20, "b")):
        shelf.put(Arrival(name, at))
    assert shelf.newest_before(20) == Arrival("a", 10)
    newest, oldest = shelf.take(20, "newest"), shelf.take(20, "oldest")
    assert newest is not None
    assert oldest is not None
    assert (newest.name, oldest.name, shelf.take(20, "newest")) == ("c", "b", None)
    assert shelf.expire(11) == ["a"]
    assert len(shelf) == 0


def test_a_scan_does_not_make_a_file_new_that_an_event_told_of() -> None:
    shelf = Shelf()
    shelf.put(Arrival("a", 10))
    shelf.put(Arrival("a", 25, key("a")))
    assert shelf.take(20, "newest") is None


def test_a_file_that_is_being_read_or_was_given_does_not_come_in_again() -> None:
    shelf = Shelf()
    shelf.put(Arrival("a", 10))
    taken = shelf.take(0, "newest")
    assert taken is not None
    shelf.put(Arrival("a", 25, key("a")))
    assert len(shelf) == 0
    assert shelf.give(key("a"))
    shelf.done(taken)
    shelf.put(Arrival("a", 25, key("a")))
    assert len(shelf) == 0
    assert not shelf.give(key("a"))
    assert not shelf.give(key("a", mtime=0)), "a copy that was dated back after it was closed"
    assert shelf.give(key("a", mtime=2)), "written again"
    shelf.forget(key("a", mtime=2))
    assert shelf.give(key("a", mtime=2)), "another file of that name and date, after the first was taken out"


def test_the_shelf_is_bounded() -> None:
    shelf = Shelf()
    left = [name for at in range(SHELF_LIMIT + 3) for name in shelf.put(Arrival(str(at), at))]
    assert (left, len(shelf)) == (["0", "1", "2"], SHELF_LIMIT)


# ---- reading ----


def test_a_file_that_is_written_to_while_it_is_read_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    whole = read(path, ImageLimits(1000), shared=False)
    assert whole is not None
    assert whole.data == png()
    fstat = os.fstat

    def append_first(descriptor: int) -> os.stat_result:
        with path.open("ab") as file:
            file.write(b"more")
        return fstat(descriptor)

    monkeypatch.setattr("gateway.sources.look.os.fstat", append_first)
    assert read(path, ImageLimits(1000), shared=False) is None


# ---- mounts ----

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:50 / /mnt/line\\0401 rw - cifs //nas/line rw
31 22 0:51 / /mnt/nfs rw shared:7 - nfs4 nas:/x rw
32 31 0:52 / /mnt/nfs/local rw shared:7 master:1 - tmpfs none rw
33 22 0:53 / /mnt/over rw - cifs //nas/a rw
34 22 0:54 / /mnt/over rw - fuse.bindfs back rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "remote"),
    [
        ("/home/x", "ext4", False),
        ("/mnt/line 1/drop", "cifs", True),
        ("/mnt/nfs", "nfs4", True),
        ("/mnt/nfsx", "ext4", False),
        ("/mnt/nfs/local/a", "tmpfs", False),
        ("/mnt/over/a", "fuse.bindfs", True),
        ("/", "ext4", False),
    ],
)
def test_the_deepest_and_topmost_mount_counts(path: str, kind: str, remote: bool) -> None:
    assert mounted_type(path, MOUNTS) == kind
    assert remote_type(kind) is remote


# ---- settings ----


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"patterns": ["../*.png"]}, "no pattern"),
        ({"patterns": []}, "at least 1"),
        ({"part_id_name": "x"}, "{part_id} once"),
        ({"part_id_name": "../{part_id}"}, "no folder"),
        ({"done_folder": "."}, "drop folder itself"),
        ({"rejected_folder": "x/.."}, "drop folder itself"),
        ({"window": 3}, "not permitted"),
        ({"scan_ms": "100"}, "integer"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        FileDropSettings.model_validate({"folder": "drop", **wrong})


def test_every_setting_is_described() -> None:
    assert all(field.description for field in FileDropSettings.model_fields.values())
