"""Processes of a benchmark: started with this interpreter, waited for until they listen, ended by their id."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_S = 60.0
"""The gateway is allowed three seconds; the rest is for a machine that is busy with something else."""
END_S = 5.0
LOOK_S = 0.01
ROOT = Path(__file__).resolve().parent.parent


class ChildError(RuntimeError):
    """A process did not come up, or ended too soon; the text holds what it said."""


class Child:
    """`python ARGUMENTS` with its output kept for error texts."""

    def __init__(self, arguments: Sequence[str], output: Path) -> None:
        self._output = output
        self.started_at = time.monotonic()
        with output.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait_listening(self, *ports: int) -> None:
        """Until every port takes a connection. Raises ChildError."""
        deadline = time.monotonic() + START_S
        for port in ports:
            while not listens(port):
                self.check(port, deadline)
                time.sleep(LOOK_S)

    def check(self, port: int, deadline: float) -> None:
        """Raises ChildError where the process is gone or the time is over."""
        if self.process.poll() is not None:
            raise ChildError(f"a process ended with exit code {self.process.returncode}:\n{self.said[-2000:]}")
        if time.monotonic() > deadline:
            raise ChildError(f"nobody listens on port {port} after {START_S:.0f} s:\n{self.said[-2000:]}")

    def wait(self, seconds: float) -> str:
        """What it said, when it has ended by itself with exit code 0. Raises ChildError."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ChildError(f"a process still runs after {seconds:.0f} s") from error
        if code:
            raise ChildError(f"a process ended with exit code {code}:\n{self.said[-2000:]}")
        return self.said

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(END_S)


def listens(port: int) -> bool:
    """Whether 127.0.0.1:`port` takes a connection."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@contextmanager
def child(*arguments: str, ports: Sequence[int] = ()) -> Iterator[Child]:
    """A process that listens on its ports inside, and is gone outside."""
    with tempfile.TemporaryDirectory(prefix="pekat-bench-") as folder:
        started = Child(arguments, Path(folder) / "output.txt")
        try:
            started.wait_listening(*ports)
            yield started
        finally:
            started.end()
