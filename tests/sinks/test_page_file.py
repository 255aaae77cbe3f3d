"""The page: what was stored is there after a kill, whole, and what is damaged or another's is made anew."""

import logging
import multiprocessing
import random
from pathlib import Path

import pytest

from gateway.sinks.page_file import CAPACITY, SIZE, SLOT, PageFile
from gateway.sinks.page_place import unfit
from tests.sinks.crashing_page import content, store_until_killed

WAIT_S = 60.0


def newest(file: Path) -> bytes | None:
    page = PageFile.opened(file)
    page.close()
    return page.newest


def stored(file: Path, *contents: bytes) -> None:
    page = PageFile.opened(file)
    for one in contents:
        page.store(one)
    page.close()


def test_what_was_stored_last_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    file = tmp_path / "a.page"
    assert newest(file) is None
    for number in range(1, 6):
        stored(file, b"first", b"x" * number)
        assert newest(file) == b"x" * number
    stored(file, b"", bytes(CAPACITY))
    assert newest(file) == bytes(CAPACITY)
    assert sorted(tmp_path.iterdir()) == [file]


def test_all_of_its_blocks_are_taken_when_it_is_made(tmp_path: Path) -> None:
    """A store into a hole of a full disk ends the process."""
    stored(tmp_path / "a.page")
    assert (tmp_path / "a.page").stat().st_blocks * 512 >= SIZE


def test_what_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    page = PageFile.opened(tmp_path / "a.page")
    page.store(b"whole")
    with pytest.raises(ValueError, match=f"{CAPACITY + 1} bytes"):
        page.store(bytes(CAPACITY + 1))
    page.close()
    with pytest.raises(ValueError, match="closed"):
        page.store(b"late")
    assert newest(tmp_path / "a.page") == b"whole"


def test_torn_by_hand_anywhere_the_older_one_counts(tmp_path: Path) -> None:
    """The newer slot gets the first or the last bytes of another content, or one other byte, anywhere."""
    file, chance = tmp_path / "a.page", random.Random(5)
    stored(file, b"older" * 20, b"newer" * 20)
    whole = file.read_bytes()
    at = whole.index(b"newernewer") - 16
    slot = whole[at : at + 116]
    assert newest(file) == b"newer" * 20
    for number in range(150):
        cut, noise = chance.randrange(1, 116), chance.randbytes(116)
        torn = [
            noise[:cut] + slot[cut:],
            slot[:cut] + noise[cut:],
            slot[: cut - 1] + bytes([slot[cut - 1] ^ 1]) + slot[cut:],
        ]
        file.write_bytes(whole[:at] + torn[number % 3] + whole[at + 116 :])
        found = newest(file)
        assert found == b"older" * 20, f"{number}: {found!r}"
    stored(file, b"next")
    assert newest(file) == b"next"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda whole: b"", "no acceptance page of this version"),
        (lambda whole: whole[:SLOT], f"has {SLOT} bytes"),
        (lambda whole: whole + b"\0", f"has {SIZE + 1} bytes"),
        (lambda whole: b"SQLite format 3\0" + whole[16:], "no acceptance page of this version"),
        (lambda whole: b"PKPAGE00" + whole[8:], "no acceptance page of this version"),
        (lambda whole: whole[:4096] + b"\xff" * (SIZE - 4096), "is damaged"),
        (lambda whole: whole[:4096] + b"\x01" * (SIZE - 4096), "is damaged"),
    ],
)
def test_what_is_damaged_or_anothers_is_told_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object, told: str
) -> None:
    file = tmp_path / "a.page"
    stored(file, b"one", b"two")
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert newest(file) is None
    assert told in caplog.text
    assert str(file) in caplog.text
    caplog.clear()
    stored(file, b"three")
    assert newest(file) == b"three"
    assert not caplog.records


def test_killed_at_every_step_of_a_store_it_is_this_one_or_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "a.page"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.sinks.crashing_page"])
    first, both = 1, set[int]()
    for at in range(1, 45):
        told, child_end = context.Pipe(duplex=False)
        child = context.Process(target=store_until_killed, args=(file, first, at, child_end))
        child.start()
        child_end.close()
        done = first - 1
        try:
            while told.poll(WAIT_S):
                done = told.recv()
        except EOFError:
            pass
        child.join(WAIT_S)
        told.close()
        assert child.exitcode == -9
        found = newest(file)
        assert found in (content(done), content(done + 1)), f"killed at {at}, after {done}"
        both.add(found == content(done + 1))
        first = done + 1
    assert both == {0, 1}, "it was never killed before the end of a store, or never after it"


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /var/lib rw,relatime shared:7 master:1 - btrfs /dev/sdb rw,space_cache=v2
31 30 0:27 / /var/lib/the\\040line rw - xfs /dev/sdc rw
32 22 0:28 / /mnt rw - ext4 /dev/sdd rw
33 22 0:29 / /mnt rw - nfs4 server:/export rw
34 22 0:30 / /media rw - fuse.sshfs a:/b rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/data", ""),
        ("/var/lib", "btrfs"),
        ("/var/lib/gateway", "btrfs"),
        ("/var/library", ""),
        ("/var/lib/the line/data", ""),
        ("/mnt/data", "nfs4"),
        ("/media/data", "fuse.sshfs"),
    ],
)
def test_it_lies_where_a_store_can_neither_fail_nor_wait(folder: str, kind: str) -> None:
    wrong = unfit(Path(folder), MOUNTS)
    assert (f"is on {kind}" in wrong) if kind else not wrong


def test_this_folder_is_looked_at(tmp_path: Path) -> None:
    assert unfit(tmp_path) == ""
