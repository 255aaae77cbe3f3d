"""From the PLC's trigger to the result in its registers, against the bare HTTP call and against a plain script."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.bare_http import RawSocket, StandardLibrary
from benchmarks.children import child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.pictures import Camera, part_png
from benchmarks.plc import PlcStation
from benchmarks.progress import Progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved, milliseconds
from gateway.cli.ports import free_port

TITLE = "Trigger to result over Modbus"
ROUNDS, QUICK_ROUNDS = 600, 60
GATEWAY, LATE, HTTP, RAW, SCRIPT = "gateway", "gateway, image after trigger", "bare HTTP", "raw socket", "plain script"


def triggered(plc: PlcStation, camera: Camera, pause: float = 0.0) -> Callable[[], float]:
    """A side: drop the image, then measure from the trigger's write to the read that has the result."""

    def sample() -> float:
        camera.drop(camera.expose())
        return milliseconds(lambda: plc.inspect("part", pause=pause))

    return sample


def triggered_first(plc: PlcStation, camera: Camera) -> Callable[[], float]:
    """A side: the image is renamed in right after the trigger's write."""

    def sample() -> float:
        staged = camera.expose()
        return milliseconds(lambda: plc.inspect("part", lambda: camera.drop(staged)))

    return sample


def called(client: StandardLibrary | RawSocket, file: Path) -> Callable[[], float]:
    """A side: the HTTP call alone, reading the file included."""
    return lambda: milliseconds(lambda: client.analyze(file))


def measure(options: Options, progress: Progress) -> Report:
    """Every side in one run."""
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        served = stack.enter_context(gateway(Plan(pekat)))
        plc = stack.enter_context(PlcStation(served.modbus))
        plc.wait_ready()
        script, script_camera = _plain_script(stack, pekat, served.folders[0].parent / "script")
        camera = Camera(served.folders[0])
        file = served.folders[0].parent / "bare.png"
        file.write_bytes(part_png())
        sides = {
            GATEWAY: triggered(plc, camera),
            LATE: triggered_first(plc, camera),
            HTTP: called(stack.enter_context(StandardLibrary(pekat)), file),
            RAW: called(stack.enter_context(RawSocket(pekat)), file),
            SCRIPT: triggered(script, script_camera),
        }
        progress.step("gateway, bare HTTP call and plain script, interleaved")
        samples = interleaved(sides, options.rounds(ROUNDS, QUICK_ROUNDS), progress)
    return _report({name: Spread.of(side) for name, side in samples.items()})


def _plain_script(stack: ExitStack, pekat: int, folder: Path) -> tuple[PlcStation, Camera]:
    camera, port = Camera(folder), free_port()
    stack.enter_context(child("-m", "benchmarks.plain_script", str(port), str(pekat), str(folder), ports=(port,)))
    plc = stack.enter_context(PlcStation(port))
    plc.wait_ready()
    return plc, camera


def _report(sides: dict[str, Spread]) -> Report:
    ours, http, script, late = sides[GATEWAY], sides[HTTP], sides[SCRIPT], sides[LATE]
    figures = [
        Figure("gateway above the bare HTTP call, p50", ours.p50 - http.p50, "ms", 1.0),
        Figure("gateway above the bare HTTP call, p99", ours.p99 - http.p50, "ms", 4.0),
        Figure("gateway, trigger to result, p50", ours.p50, "ms"),
        Figure("gateway, trigger to result, p99", ours.p99, "ms"),
        Figure("image dropped after the trigger, above the bare HTTP call, p50", late.p50 - http.p50, "ms"),
        Figure("bare HTTP call (http.client, keep-alive, file read included), p50", http.p50, "ms"),
        Figure("the same on a raw socket, p50", sides[RAW].p50, "ms"),
        Figure("plain script (pymodbus polled every 10 ms, vendor's SDK), p50", script.p50, "ms"),
        Figure("plain script above the bare HTTP call, p50", script.p50 - http.p50, "ms"),
        Figure(
            "overhead of the plain script, times the gateway's", (script.p50 - http.p50) / (ours.p50 - http.p50), "x"
        ),
    ]
    size = len(part_png()) / 1e6
    note = (
        f"{ours.count} samples a side, image 1920x1200 mono PNG of {size:.2f} MB, PEKAT stand-in answers at once; "
        "p50: difference of the medians, p99: the gateway's p99 less the median of the bare call"
    )
    return Report("trigger_modbus", TITLE, figures, sides, notes=[note])
