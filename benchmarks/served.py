"""The gateway under test: a real `python -m gateway run CONFIG`, on free ports, with its own folders."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Child, child
from gateway.cli.ports import free_port

_LINKS = """\
[gateway]
name = "benchmark"
data = '{data}'
log_level = "warning"

[links.modbus]
host = "127.0.0.1"
port = {modbus}

[links.opcua]
host = "127.0.0.1"
port = {opcua}
certificates = '{certificates}'
allow_unencrypted = true
anonymous = "operate"
"""

_STATION = """
[[stations]]
name = "{name}"
control = "{control}"
map = "standard"
modbus = {{ offset = {offset} }}

[stations.source]
{source}
folder = '{folder}'

[stations.inspector]
kind = "pekat"
{inspector}

[stations.handshake]
max_in_flight = {in_flight}

[[stations.recipes]]
number = 1
name = "part"
urls = [{urls}]
data = "{{part_id}}"
classes = {{ Scratch = 1, Spot = 2 }}
"""

FILE_DROP = 'kind = "file_drop"\nafterwards = "delete"'
PLAYLIST = 'kind = "playlist"'
FAST = '\n[history]\nmode = "fast"\n'
"""Unless it is the journal that is measured, the disk is not."""
STRIDE = 256
"""Registers from one station to the next."""


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that serves: its ports, its drop folders in the order of the stations, its process."""

    modbus: int
    opcua: int
    folders: tuple[Path, ...]
    process: Child


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve. `profile`: where its profiler writes, see profiled_gateway.py."""

    pekat: int
    stations: int = 1
    control: str = "modbus"
    source: str = FILE_DROP
    """What each station's source is, without its folder."""
    pictures: tuple[bytes, ...] = ()
    """PNG files that are in each folder from the start."""
    fill: Callable[[Path], None] | None = None
    """Puts what it likes into each folder before the gateway starts."""
    in_flight: tuple[int, ...] = ()
    """`max_in_flight` of each station; 1 where nothing is said."""
    pools: tuple[tuple[int, ...], ...] = ()
    """The ports of each station's PEKATs; `pekat` for all where nothing is said."""
    inspector: str = ""
    """Further keys of every station's inspector, one a line."""
    frames: tuple[int, int] | None = None
    """Width and height of grey frames: then each station's camera is in memory, whatever `source` says."""
    profile: Path | None = None
    more: str = ""
    """Further tables of the configuration."""
    opcua: str = ""
    """Further keys of the OPC UA link, one a line."""

    @property
    def flights(self) -> tuple[int, ...]:
        """`max_in_flight`, station by station."""
        return self.in_flight or (1,) * self.stations

    def pekats(self, station: int) -> tuple[int, ...]:
        """The ports of this station's PEKATs."""
        return self.pools[station] if self.pools else (self.pekat,)

    def command(self, config: Path) -> tuple[str, ...]:
        if self.frames is not None:
            return ("-m", "benchmarks.memory_gateway", str(config), *map(str, self.frames))
        if self.profile is None:
            return ("-m", "gateway", "run", str(config))
        return ("-m", "benchmarks.profiled_gateway", str(self.profile), str(config))


@contextmanager
def config_file(plan: Plan) -> Iterator[tuple[Path, int, int, tuple[Path, ...]]]:
    """A configuration in a folder of its own: the file, the Modbus and OPC UA ports, the drop folders."""
    with tempfile.TemporaryDirectory(prefix="pekat-bench-") as home:
        modbus, opcua = free_port(), free_port()
        folders = tuple(Path(home) / f"drop{index + 1}" for index in range(plan.stations))
        text = _LINKS.format(
            data=Path(home) / "data", certificates=Path(home) / "certificates", modbus=modbus, opcua=opcua
        )
        text += f"{plan.opcua}\n"
        for index, folder in enumerate(folders):
            folder.mkdir()
            for number, picture in enumerate(plan.pictures, start=1):
                (folder / f"picture{number}.png").write_bytes(picture)
            if plan.fill is not None:
                plan.fill(folder)
            name = f"station{index + 1}"
            text += _STATION.format(
                name=name,
                control=plan.control,
                offset=index * STRIDE,
                folder=folder,
                urls=", ".join(f'"http://127.0.0.1:{port}"' for port in plan.pekats(index)),
                inspector=plan.inspector,
                source=plan.source,
                in_flight=plan.flights[index],
            )
        text += plan.more if "[history]" in plan.more else FAST + plan.more
        file = Path(home) / "gateway.toml"
        file.write_text(text, encoding="utf-8")
        yield file, modbus, opcua, folders


@contextmanager
def gateway(plan: Plan) -> Iterator[Served]:
    """A gateway with both servers that listens inside, and is gone outside."""
    with ExitStack() as stack:
        file, modbus, opcua, folders = stack.enter_context(config_file(plan))
        process = stack.enter_context(child(*plan.command(file), ports=(modbus, opcua)))
        yield Served(modbus, opcua, folders, process)


@contextmanager
def reading_standin(delay_ms: float = 0) -> Iterator[int]:
    """A PEKAT stand-in that says whose frame it was given; its port."""
    port = free_port()
    with child("-m", "benchmarks.reading_standin", str(port), str(delay_ms), ports=(port,)):
        yield port


@contextmanager
def pekat_standin(delay_ms: float = 0, version: str = "3.18.0") -> Iterator[int]:
    """A PEKAT stand-in in a process of its own; its port."""
    port = free_port()
    with child("-m", "benchmarks.pekat_standin", str(port), str(delay_ms), version, ports=(port,)):
        yield port
