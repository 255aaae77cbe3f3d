"""What is noted and counted of a running gateway, for `pekat-gateway trace` and Prometheus."""

from collections.abc import Mapping
from functools import partial

from gateway import __version__
from gateway.blackbox import BlackBox
from gateway.blackbox.recorder import TOTAL
from gateway.blackbox.spans import SPANS
from gateway.kept_link import KeptLink
from gateway.metrics.families import Images, Store, Watched
from gateway.metrics.server import MetricsServer
from gateway.metrics.settings import MetricsSettings
from gateway.metrics.tally import Tally
from gateway.sinks.archive import Archive
from gateway.sinks.history import History
from gateway.station.station import Station


class Figures:
    """The black box always; the counts only where `settings` say that somebody may ask for them."""

    def __init__(self, settings: MetricsSettings | None) -> None:
        self._settings = settings
        self.black_box = BlackBox()
        self._stations: dict[str, Station] = {}
        self._tallies: dict[str, Tally] = {}

    def follow(self, station: Station, history: History | None = None) -> None:
        """Note the station's inspections from now on; `history` is told of what comes after an answer."""
        tally = None
        if self._settings is not None:
            tally = self._tallies[station.name] = Tally((*SPANS, TOTAL))
            station.observe(tally.note)
        self._stations[station.name] = station
        measured = tally.measured if tally is not None else None
        passed = partial(history.passed, station.name) if history is not None else None
        self.black_box.follow(station.name, station.observe, station.pictures.add, measured, passed)

    def server(
        self, links: Mapping[str, KeptLink], history: History | None, archive: Archive | None
    ) -> MetricsServer | None:
        """What serves the counts, once entered; None where nobody may ask for them."""
        if self._settings is None:
            return None

        def connections() -> dict[str, int]:
            return {name: link.connections for name, link in links.items()}

        def serving() -> dict[str, bool]:
            return {name: link.serving for name, link in links.items()}

        def restarts() -> dict[str, int]:
            counts = {f"{name} {part}": n for name, one in self._stations.items() for part, n in one.restarts.items()}
            counts |= {name: link.mended for name, link in links.items()}
            return counts | {store.name: store.restarts for store in stores()}

        def stores() -> list[Store]:
            return _stores(history, archive)

        def images() -> Images | None:
            return _images(archive) if archive is not None else None

        watched = Watched(__version__, self._stations, self._tallies, connections, stores, images, restarts, serving)
        return MetricsServer(self._settings, watched)


def _stores(history: History | None, archive: Archive | None) -> list[Store]:
    """What is kept where. Called in the thread that serves the counts."""
    stores = []
    if history is not None:
        written = history.books
        stores.append(
            Store("history", written.waiting, written.stored, written.lost, bool(written.fault), history.restarts)
        )
    if archive is not None:
        kept = archive.books
        stores.append(Store("archive", kept.waiting, kept.kept, kept.lost, bool(kept.fault), archive.restarts))
    return stores


def _images(archive: Archive) -> Images:
    books = archive.books
    return Images(books.kept_bytes, books.images, books.bytes, books.lost_of)
