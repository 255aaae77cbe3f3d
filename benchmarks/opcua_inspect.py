"""The method `Inspect` over OPC UA, against the bare HTTP call."""

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.bare_http import StandardLibrary
from benchmarks.figures import Figure, Report, Spread
from benchmarks.opcua_client import OpcUaClient
from benchmarks.options import Options
from benchmarks.pictures import Camera, part_png
from benchmarks.plc import PlcError, wait_until
from benchmarks.progress import Progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved
from benchmarks.trigger_modbus import called

TITLE = "Inspect over OPC UA"
ROUNDS, QUICK_ROUNDS = 400, 60
STATION = "station1"
INSPECT, HTTP = "Inspect", "bare HTTP"


def inspected(client: OpcUaClient, camera: Camera) -> Callable[[], float]:
    """A side: drop the image, then measure the method's call."""

    def sample() -> float:
        camera.drop(camera.expose())
        took, verdict = client.inspect(STATION, "part")
        if verdict not in {1, 2}:
            raise PlcError(f"Inspect answered verdict {verdict}")
        return took

    return sample


def measure(options: Options, progress: Progress) -> Report:
    """The method and the bare call, interleaved."""
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        served = stack.enter_context(gateway(Plan(pekat, control="opcua")))
        client = stack.enter_context(OpcUaClient(served.opcua))
        client.write_bit(f"{STATION}.control.enable", True)
        wait_until(lambda: bool(client.read(f"{STATION}.status.ready")), "the station is not ready")
        file = served.folders[0].parent / "bare.png"
        file.write_bytes(part_png())
        sides = {
            INSPECT: inspected(client, Camera(served.folders[0])),
            HTTP: called(stack.enter_context(StandardLibrary(pekat)), file),
        }
        progress.step("Inspect and bare HTTP call, interleaved")
        samples = interleaved(sides, options.rounds(ROUNDS, QUICK_ROUNDS), progress)
    spreads = {name: Spread.of(side) for name, side in samples.items()}
    ours, http = spreads[INSPECT], spreads[HTTP]
    figures = [
        Figure("Inspect above the bare HTTP call, p50", ours.p50 - http.p50, "ms", 2.5),
        Figure("Inspect, call to answer, p50", ours.p50, "ms"),
        Figure("Inspect, call to answer, p99", ours.p99, "ms"),
        Figure("bare HTTP call, p50", http.p50, "ms"),
    ]
    note = f"{ours.count} calls by an asyncua client, no encryption, image dropped just before; difference of medians"
    return Report("opcua_inspect", TITLE, figures, spreads, notes=[note])
