"""The stand-ins and rivals answer as the benchmarks take for granted."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.bare_http import RawSocket, StandardLibrary
from benchmarks.children import ChildError, child
from benchmarks.pictures import HEIGHT, WIDTH, Camera, part_png
from benchmarks.plc import RESULT_TRIGGER_SEQ, VERDICT, ModbusClient, PlcStation
from benchmarks.served import pekat_standin
from gateway.cli.ports import free_port


def test_image_is_what_the_readme_says() -> None:
    picture = part_png()
    assert 0.85e6 < len(picture) < 0.95e6
    assert picture.startswith(b"\x89PNG")
    assert (int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")) == (WIDTH, HEIGHT)


def test_both_bare_calls_read_the_same_context(tmp_path: Path) -> None:
    file = tmp_path / "part.png"
    file.write_bytes(part_png())
    with pekat_standin() as port, StandardLibrary(port) as library, RawSocket(port) as raw:
        for _ in range(3):
            context = library.analyze(file)
            assert context == raw.analyze(file)
    assert json.loads(context)["result"] is False


@pytest.mark.parametrize("which", ["bare", "pymodbus"])
def test_rival_servers_keep_what_is_written(which: str) -> None:
    port = free_port()
    with child("-m", "benchmarks.modbus_rivals", which, str(port), "uvloop", ports=(port,)), ModbusClient(port) as plc:
        plc.write(200, list(range(25)))
        assert plc.read(200, 25) == tuple(range(25))
        assert plc.read(0, 100) == (0,) * 100


def test_plain_script_judges_the_dropped_image(tmp_path: Path) -> None:
    port, camera = free_port(), Camera(tmp_path / "drop")
    arguments = ("-m", "benchmarks.plain_script", str(port))
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        stack.enter_context(child(*arguments, str(pekat), str(camera.folder), ports=(port,)))
        plc = stack.enter_context(PlcStation(port))
        plc.wait_ready()
        for expected in (1, 2):
            file = camera.drop(camera.expose())
            status = plc.inspect("part")
            assert (status[RESULT_TRIGGER_SEQ], status[VERDICT]) == (expected, 2)
            assert not file.exists()


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(ChildError, match="no_such_module"), child("-m", "benchmarks.no_such_module", ports=(1,)):
        pass
