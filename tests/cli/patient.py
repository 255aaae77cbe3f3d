"""A gateway.toml with which everything is well, so that a test can plant one defect, and what doctor says of it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.doctor.finding import Clock, Finding, Grade, Look, Patient, Running
from gateway.cli.main import app
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator

CONFIG = """
[gateway]
data = "data"

[links.modbus]
host = "127.0.0.1"
port = {port}

{links}

[[stations]]
name = "station1"

[stations.source]
{source}

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
{recipe}
"""
PLAYLIST = 'kind = "playlist"\nfolder = "parts"'


@dataclass(frozen=True)
class Line:
    """One finding, as `doctor --json` prints it."""

    check: str
    grade: str
    subject: str
    text: str
    cure: str


@dataclass(frozen=True)
class Site:
    """A folder with a gateway.toml in it."""

    folder: Path
    port: int

    @property
    def config(self) -> Path:
        return self.folder / "gateway.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def defects(self, *, code: int = 1) -> list[Line]:
        """What the command calls a defect."""
        return [line for line in self.told(code=code) if line.grade == "defect"]

    def told(self, *, code: int) -> list[Line]:
        """Everything that it says."""
        result = CliRunner().invoke(app, ["doctor", str(self.config), "--json"])
        assert result.exit_code == code, result.output
        return [Line(**line) for line in json.loads(result.stdout)["findings"]]

    def patient(self, clock: Clock | None = None, running: Running | None = None) -> Patient:
        return Patient(load_settings(self.config), self.config, running, clock or Clock())

    def looked(self, look: Look, clock: Clock | None = None, running: Running | None = None) -> list[Finding]:
        """What one check finds; `clock` is the planted one."""
        return list(look(self.patient(clock, running)))

    def one_defect(self) -> Line:
        (line,) = self.defects()
        assert line.cure
        return line


def write(folder: Path, pekat: str, *, source: str = PLAYLIST, links: str = "", recipe: str = "") -> Site:
    """A site where all is well, if `pekat` is."""
    (folder / "parts").mkdir()
    (folder / "data").mkdir()
    (folder / "parts" / "1.png").write_bytes(part_image(1))
    site = Site(folder, free_port())
    text = CONFIG.format(port=site.port, pekat=pekat, source=source, links=links, recipe=recipe)
    site.config.write_text(text, encoding="utf-8")
    return site


@contextmanager
def healthy(folder: Path, *, source: str = PLAYLIST, links: str = "") -> Iterator[tuple[Site, PekatSimulator]]:
    with PekatSimulator() as pekat:
        yield write(folder, pekat.url, source=source, links=links), pekat


def hours_off(hours: float) -> Clock:
    """A clock that somebody set wrong."""
    return Clock(wall=lambda: time.time() + hours * 3600)


def grades(findings: list[Finding]) -> dict[str, Grade]:
    return {finding.subject: finding.grade for finding in findings}
