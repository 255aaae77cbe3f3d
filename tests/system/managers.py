"""`pekat-gateway sim pekat --manager-port` in a process of its own, that can be killed and started again."""

import subprocess
import sys
from typing import Self

from gateway.cli.ports import free_port

CAP, LABEL = "C:\\projects\\cap", "/projects/label"


class ManagerAt:
    """Entered, it listens at `port`; its projects CAP and LABEL have one address, `url`."""

    def __init__(self, *, start_ms: int = 200, running: tuple[str, ...] = ()) -> None:
        self.port, project_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{project_port}"
        named = [part for path in (CAP, LABEL) for part in ("--project", f"{path}={project_port}")]
        named += [part for path in running for part in ("--running", path)]
        self._more = [*named, "--manager-port", str(self.port), "--start-ms", str(start_ms), "--exit-with-parent"]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; returns when it listens."""
        command = [sys.executable, "-m", "gateway", "sim", "pekat", *self._more]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()  # its end, should it not come up
        if "Projects Manager simulator on" not in said:
            self.kill()
            raise AssertionError(f"the simulator does not come up: {said!r}")

    def kill(self) -> None:
        """kill -9, and wait for its end."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
