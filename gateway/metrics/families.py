"""The figures by their Prometheus names. Made when they are asked for, in the thread that serves them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.core.errors import Fault
from gateway.metrics.tally import Tally
from gateway.ports import StationPort

PREFIX = "pekat_gateway"


@dataclass(frozen=True, slots=True)
class Store:
    """A store of results or images: what waits for the disk, what is on it, and what was lost."""

    name: str
    waiting: int
    stored: int
    lost: int
    fault: bool
    """Nothing can be written now."""
    restarts: int
    """Of the thread that writes it, after a crash."""


@dataclass(frozen=True, slots=True)
class Images:
    """The image archive: bytes written since the start, what lies on the disk, and the images lost by station."""

    written_bytes: int
    images: int
    bytes: int
    lost_of: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Watched:
    """What the figures are of. The calls are made in the serving thread, and read what is there."""

    version: str
    stations: Mapping[str, StationPort]
    tallies: Mapping[str, Tally]
    connections: Callable[[], Mapping[str, int]]
    """Clients connected now, by link."""
    stores: Callable[[], Sequence[Store]]
    images: Callable[[], Images | None]
    """None where there is no archive."""
    restarts: Callable[[], Mapping[str, int]]
    """How often each part was restarted, or mended, after a crash; by a name that says which."""
    serving: Callable[[], Mapping[str, bool]]
    """Whether each link takes new clients."""


def _error(fault: Fault | None) -> int:
    return int(fault.code) if fault is not None else 0


class Families(Collector):
    """What a scrape gets."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(PREFIX, "Which gateway this is", {"version": self._watched.version})
        yield self._times()
        yield from self._answers()
        yield from self._stations()
        yield from self._stores()
        if (images := self._watched.images()) is not None:
            yield from self._archive(images)
        links = GaugeMetricFamily(f"{PREFIX}_link_connections", "Clients connected now", labels=["link"])
        for link, count in self._watched.connections().items():
            links.add_metric([link], count)
        yield links
        serving = GaugeMetricFamily(f"{PREFIX}_link_serving", "1: new clients can connect", labels=["link"])
        for link, serves in self._watched.serving().items():
            serving.add_metric([link], int(serves))
        yield serving
        text = "Restarts after a crash, by part"
        restarts = CounterMetricFamily(f"{PREFIX}_restarts", text, labels=["part"])
        for part, count in self._watched.restarts().items():
            restarts.add_metric([part], count)
        yield restarts

    def _times(self) -> Metric:
        text = "Times of inspections by stage; total is from the trigger to the answer in the tags"
        family = HistogramMetricFamily(f"{PREFIX}_inspection_seconds", text, labels=["station", "stage"])
        for station, tally in self._watched.tallies.items():
            for stage, spread in tally.spreads.items():
                buckets, total = spread.buckets()
                family.add_metric([station, stage], buckets, total)
        return family

    def _answers(self) -> Iterator[Metric]:
        labels = ["station", "verdict", "reason"]
        results = CounterMetricFamily(f"{PREFIX}_results", "Answers since the start of the gateway", labels=labels)
        text = "Triggers that were not accepted, since the start of the gateway"
        rejected = CounterMetricFamily(f"{PREFIX}_triggers_rejected", text, labels=["station", "reason"])
        for station, tally in self._watched.tallies.items():
            for (verdict, reason), count in dict(tally.answers).items():
                results.add_metric([station, verdict, reason], count)
            for reason, count in dict(tally.rejected).items():
                rejected.add_metric([station, reason], count)
        yield results
        yield rejected

    def _stations(self) -> Iterator[Metric]:
        states = {name: station.state for name, station in self._watched.stations.items()}  # a state never changes
        figures: dict[str, tuple[str, dict[str, int]]] = {
            "station_online": ("1: nothing keeps the station offline", {n: int(s.online) for n, s in states.items()}),
            "inspections_in_flight": ("Inspections without an answer", {n: s.in_flight for n, s in states.items()}),
            "results_waiting": ("Results that wait to be shown", {n: len(s.waiting) for n, s in states.items()}),
            "error_code": ("The latched error, 0: none", {n: _error(s.error) for n, s in states.items()}),
        }
        for name, (text, values) in figures.items():
            family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["station"])
            for station, value in values.items():
                family.add_metric([station], value)
            yield family

    def _stores(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(f"{PREFIX}_store_waiting", "What waits to be written", labels=["store"])
        stored = CounterMetricFamily(f"{PREFIX}_store_written", "What was written", labels=["store"])
        lost = CounterMetricFamily(f"{PREFIX}_store_lost", "What could not be written", labels=["store"])
        fault = GaugeMetricFamily(f"{PREFIX}_store_fault", "1: nothing can be written now", labels=["store"])
        for store in self._watched.stores():
            fault.add_metric([store.name], int(store.fault))
            waiting.add_metric([store.name], store.waiting)
            stored.add_metric([store.name], store.stored)
            lost.add_metric([store.name], store.lost)
        yield waiting
        yield stored
        yield lost
        yield fault

    def _archive(self, images: Images) -> Iterator[Metric]:
        text = "Images written by the archive since the start, in bytes"
        yield CounterMetricFamily(f"{PREFIX}_archive_written_bytes", text, images.written_bytes)
        yield GaugeMetricFamily(f"{PREFIX}_archive_images", "Images that the archive holds", images.images)
        yield GaugeMetricFamily(f"{PREFIX}_archive_bytes", "The same in bytes, with their results", images.bytes)
        lost = CounterMetricFamily(
            f"{PREFIX}_images_lost", "Images that were to be kept and are not", labels=["station"]
        )
        for station in self._watched.stations:
            lost.add_metric([station], images.lost_of.get(station, 0))
        yield lost
