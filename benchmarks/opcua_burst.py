"""What twenty OPC UA clients that read 100 nodes each, all at once, cost a trigger over Modbus."""

import random
from contextlib import ExitStack

from benchmarks.children import child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import PlcStation
from benchmarks.progress import Progress
from benchmarks.remote import Remote
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved, milliseconds
from benchmarks.trigger_modbus import triggered
from gateway.cli.ports import free_port

TITLE = "Trigger to result over Modbus in a burst of OPC UA reads"
ROUNDS, QUICK_ROUNDS = 500, 60
CLIENTS = 20
LAG_MS = 3.0
"""The burst begins this long after the trigger at most, so that it meets every part of an inspection."""
CALM, BURST, READ = "no reads", "burst of reads", "a client's Read in the burst"


class Bursts:
    """A side: an inspection, and a burst of reads that begins with it or shortly after."""

    def __init__(self, plc: PlcStation, camera: Camera, readers: Remote) -> None:
        self._plc, self._camera, self._readers = plc, camera, readers
        self._lags = random.Random(3)
        self.reads: list[float] = []

    def sample(self) -> float:
        """The inspection's time. The next sample begins after the burst has come to its end."""
        self._camera.drop(self._camera.expose())
        self._readers.tell(f"{self._lags.uniform(0, LAG_MS):.3f}")
        took = milliseconds(lambda: self._plc.inspect("part"))
        self.reads.extend(self._readers.answer())
        return took


def measure(options: Options, progress: Progress) -> Report:
    """With and without, interleaved."""
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        served = stack.enter_context(gateway(Plan(pekat)))
        plc = stack.enter_context(PlcStation(served.modbus))
        plc.wait_ready()
        port = free_port()
        given = (str(served.opcua), str(port), str(CLIENTS))
        stack.enter_context(child("-m", "benchmarks.opcua_readers", *given, ports=(port,)))
        camera = Camera(served.folders[0])
        bursts = Bursts(plc, camera, stack.enter_context(Remote(port)))
        progress.step(f"with and without {CLIENTS} clients that read 100 nodes each, interleaved")
        sides = {CALM: triggered(plc, camera), BURST: bursts.sample}
        samples = interleaved(sides, options.rounds(ROUNDS, QUICK_ROUNDS), progress)
    return _report(Spread.of(samples[CALM]), Spread.of(samples[BURST]), Spread.of(bursts.reads))


def _report(calm: Spread, burst: Spread, reads: Spread) -> Report:
    figures = [
        Figure("trigger to result, added by the burst, p99", burst.p99 - calm.p99, "ms", 2.0),
        Figure("trigger to result, added by the burst, p50", burst.p50 - calm.p50, "ms"),
        Figure("trigger to result in the burst, p50", burst.p50, "ms"),
        Figure("trigger to result in the burst, p99", burst.p99, "ms"),
        Figure("trigger to result without, p50", calm.p50, "ms"),
        Figure("trigger to result without, p99", calm.p99, "ms"),
        Figure("a client's Read of 100 nodes in the burst, p50", reads.p50, "ms"),
        Figure("a client's Read of 100 nodes in the burst, p99", reads.p99, "ms"),
    ]
    note = (
        f"{calm.count} samples a side, interleaved; {CLIENTS} sessions in a process of their own send one Read of 100 "
        f"nodes each at once, 0 to {LAG_MS:.0f} ms after the trigger, no encryption; difference of the p99s"
    )
    return Report("opcua_burst", TITLE, figures, {CALM: calm, BURST: burst, READ: reads}, notes=[note])
