"""A real PostgreSQL server of the test's own: in a folder of its own, on loopback, stopped by its own process id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from gateway.sinks.history_place import Server

PASSWORD = "s3cret: ö/@"
"""With what a URL has to escape."""
_QUOTED = "s3cret%3A%20%C3%B6%2F%40"
START_S = 30.0
_AS_ROOT = os.geteuid() == 0
"""The server refuses to run as root; Debian makes a user for it."""


def programs() -> Path | None:
    """Where initdb and postgres are; None where there are none."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((one for one in reversed(places) if (one / "postgres").exists()), None)


@dataclass
class Postgres:
    """`made` it, then `start`, `stop`, `kill` as often as a test likes."""

    bin: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def made(cls) -> "Postgres":
        """Users come with a password over TCP, as on a plant."""
        where = programs()
        if where is None:
            raise FileNotFoundError("no PostgreSQL server here: apt install postgresql")
        folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if _AS_ROOT:
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(secret, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            made = cls(where, folder, free.getsockname()[1])
        made._run(
            "initdb", "-D", folder / "data", "-U", "line", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"
        )
        return made

    def start(self) -> None:
        """Returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 40,
            "shared_buffers": "16MB",
            "fsync": "off",  # no test takes the power away, and the disk is everybody's
        }
        words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", *words],
                stdout=log,
                stderr=log,
                user="postgres" if _AS_ROOT else None,
                group="postgres" if _AS_ROOT else None,
                cwd=self.folder,
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.run("SELECT 1", database="postgres")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once and cleanly; SIGQUIT: as a crash of it."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_S)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def new(self) -> Server:
        """An empty database."""
        name = f"history{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}", database="postgres")
        return Server(self.url(name))

    def url(self, database: str, password: str = _QUOTED) -> str:
        return f"postgresql://line:{password}@127.0.0.1:{self.port}/{database}"

    def run(self, words: str, database: str) -> list[tuple[object, ...]]:
        """As another program does it."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(words.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *words: object) -> None:
        subprocess.run(
            [self.bin / program, *map(str, words)],
            check=True,
            capture_output=True,
            timeout=60,
            user="postgres" if _AS_ROOT else None,
            group="postgres" if _AS_ROOT else None,
            cwd=self.folder,
        )


def of(server: Server) -> str:
    """The name of its database."""
    return server.url.rsplit("/", 1)[1]
