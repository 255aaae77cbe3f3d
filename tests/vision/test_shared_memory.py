"""Blocks of shared memory: exact, reused only when nobody reads them, and removed whatever happens."""

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.vision import shared_memory, shared_memory_linux
from gateway.vision.shared_memory import Blocks, new_block, sweep
from tests.vision.sharing import SHM, mapped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the standard library keeps the blocks")

A, B = b"a" * 100_000, b"b" * 100_000
HOLDER = """
import sys, time
from pathlib import Path
from gateway.vision import shared_memory, shared_memory_linux
shared_memory_linux.FOLDER = Path(sys.argv[1])
block = shared_memory.Blocks(1).filled(b"x" * 5000)
print(block.name, flush=True)
time.sleep(60)
"""
PORTABLE = """
import os
from gateway.vision import shared_memory
shared_memory.new_block = shared_memory._PortableBlock
blocks = shared_memory.Blocks(1)
one, two = blocks.filled(b"1" * 5000), blocks.filled(b"2" * 5000)
blocks.retire(one)
lost = blocks.filled(b"3" * 5000)
os.unlink(f"/dev/shm/{lost.name}")
blocks.retire(lost)
blocks.close()
blocks.give_back(two)
print("through")
"""
READER = """
import sys
from multiprocessing.shared_memory import SharedMemory
memory = SharedMemory(sys.argv[1])
print(memory.size, bytes(memory.buf[:3]).decode())
memory.close()
"""


@pytest.fixture(params=["linux", "portable"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Linux's own blocks, and those of the standard library, which other systems get."""
    if request.param == "portable":
        monkeypatch.setattr(shared_memory, "new_block", shared_memory._PortableBlock)
    return str(request.param)


@pytest.fixture
def blocks(kind: str) -> Iterator[Blocks]:
    """A ring that all blocks come back to."""
    ring = Blocks(2)
    yield ring
    ring.close()
    for block in list(ring._used):
        ring.retire(block)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of one's own instead of /dev/shm, so that no other test's sweep interferes."""
    monkeypatch.setattr(shared_memory_linux, "FOLDER", tmp_path)
    return tmp_path


@contextmanager
def holder(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process with a block, and the block's name."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_block_is_exact_private_and_holds_the_pixels(blocks: Blocks, kind: str) -> None:
    block = blocks.filled(memoryview(A))
    facts = (SHM / block.name).stat()
    assert (facts.st_size, stat.S_IMODE(facts.st_mode)) == (len(A), 0o600)
    assert (SHM / block.name).read_bytes() == A
    assert block.name.startswith(f"pekatgw_{os.getpid()}_" if kind == "linux" else "psm_")


def test_an_answered_block_is_used_again_for_its_size_only(blocks: Blocks) -> None:
    first = blocks.filled(A)
    blocks.give_back(first)
    other = blocks.filled(A[:-1])
    again = blocks.filled(B)
    assert again is first
    assert other.name != first.name
    assert (SHM / first.name).read_bytes() == B


def test_a_retired_block_never_gets_another_frame(blocks: Blocks) -> None:
    first = blocks.filled(A)
    with mapped(first.name) as reader:
        blocks.retire(first)
        assert not (SHM / first.name).exists(), "who comes late finds nothing"
        second = blocks.filled(B)
        assert second.name != first.name
        assert reader[:] == A, "who was there before reads on undisturbed"


def test_at_once_each_has_its_own(blocks: Blocks) -> None:
    assert len({blocks.filled(A).name for _ in range(5)}) == 5


def test_the_ring_keeps_the_newest_only(blocks: Blocks) -> None:
    taken = [blocks.filled(b"x" * size) for size in (10_000, 20_000, 30_000)]
    for block in taken:
        blocks.give_back(block)
    assert [(SHM / block.name).exists() for block in taken] == [False, True, True]


@pytest.mark.usefixtures("kind")
def test_closing_removes_all_also_what_is_in_use() -> None:
    open_before = _open_blocks()
    blocks = Blocks(2)
    free, given, retired = (blocks.filled(A) for _ in range(3))
    blocks.give_back(free)
    blocks.close()
    assert not any((SHM / block.name).exists() for block in (free, given, retired))
    blocks.give_back(given)  # by a thread that comes back late
    blocks.retire(retired)
    with pytest.raises(OSError, match="ended"):
        blocks.filled(A)
    assert _open_blocks() == open_before


def _open_blocks() -> list[str]:
    """What this process holds open in shared memory, removed or not."""
    folder = Path("/proc/self/fd")
    held = [os.readlink(folder / fd) for fd in os.listdir(folder) if (folder / fd).is_symlink()]
    return sorted(path for path in held if path.startswith("/dev/shm/"))


def test_a_reader_attaches_as_the_vendors_python_does_and_may_take_the_name_along(blocks: Blocks, kind: str) -> None:
    """A Python reader's resource tracker removes at its exit what it had attached: PEKAT may, when it is restarted."""
    block = blocks.filled(b"abc" + A)
    said = subprocess.run(
        [sys.executable, "-c", READER, block.name], capture_output=True, text=True, check=True, timeout=30
    )
    assert said.stdout.split() == [str(len(A) + 3), "abc"]
    blocks.give_back(block)
    if (SHM / block.name).exists():
        pytest.skip("this Python's tracker leaves attached blocks alone")
    if kind == "portable":
        return  # there is no telling; it must only end without complaint
    fresh = blocks.filled(b"def" + A)
    assert fresh.name != block.name
    assert (SHM / fresh.name).exists()


def test_the_standard_librarys_blocks_end_without_a_word_of_its_tracker() -> None:
    """It would complain of what it watches and nobody removed, and of what is removed twice."""
    said = subprocess.run([sys.executable, "-c", PORTABLE], check=False, capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout.strip(), said.stderr) == (0, "through", "")


def test_too_little_room_is_an_error_and_leaves_nothing(folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            new_block(2 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(folder.iterdir()) == []


def test_what_a_killed_gateway_left_is_removed_and_nothing_else(folder: Path) -> None:
    (folder / "psm_12345678").write_bytes(b"another program's")
    (folder / "pekatgw_notes").write_bytes(b"a person's")
    (folder / "elsewhere").write_bytes(b"a person's")
    (folder / f"pekatgw_1_{'0' * 16}").symlink_to(folder / "elsewhere")
    others = {path.name for path in folder.iterdir()}
    mine = new_block(5000)
    with holder(folder) as (living, kept), holder(folder) as (dead, left):
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert (folder / left).exists()
        assert sweep() == 1
        assert {path.name for path in folder.iterdir()} == others | {mine.name, kept}
        assert living.poll() is None
    assert sweep() == 1
    mine.remove()
    mine.close()
    assert sweep() == 0
    assert {path.name for path in folder.iterdir()} == others


def test_nothing_to_sweep_where_there_is_no_such_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory_linux, "FOLDER", folder / "none")
    assert sweep() == 0


def test_a_sweep_in_the_moment_of_making_takes_no_block_away(folder: Path) -> None:
    """Between its making and its locking a block looks like a dead gateway's."""
    over = threading.Event()

    def clean() -> None:
        while not over.is_set():
            sweep()

    sweepers = [threading.Thread(target=clean) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        for _ in range(500):
            block = new_block(4096)
            assert (folder / block.name).exists()
            block.remove()
            block.close()
    finally:
        over.set()
        for sweeper in sweepers:
            sweeper.join()
    assert list(folder.iterdir()) == []


def test_other_threads_run_while_a_frame_is_copied() -> None:
    """The event loop is one of them, and a frame of 15 MB takes as long as a PLC's request may."""
    blocks, frame = Blocks(1), bytes(48 << 20)
    blocks.give_back(blocks.filled(frame))
    ticks: list[float] = []
    over = threading.Event()

    def tick() -> None:
        while not over.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    inside = 0
    try:
        for _ in range(20):
            began = time.perf_counter()
            blocks.give_back(blocks.filled(frame))
            took = time.perf_counter() - began
            inside += sum(began + took / 4 < at < began + 3 * took / 4 for at in ticks)
    finally:
        over.set()
        ticker.join()
        blocks.close()
    assert inside > 20
