"""The figures of a whole gateway as Prometheus' own parser reads them, over real sockets."""

import asyncio
import gc
import logging
import socket
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from gateway import __version__
from gateway.app import Gateway
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core.errors import GatewayError
from gateway.metrics import server
from gateway.sim.plc import Play, Plc
from gateway.sim.plc_modbus import ModbusFace
from gateway.sinks.archive_writer import ArchiveBooks
from gateway.tagmap import load_map
from tests.cli.patient import Site, healthy

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(port: int) -> Figures:
    """Every sample by its name and labels."""
    reply = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
    assert reply.status_code == 200
    families = list(text_string_to_metric_families(reply.text))
    assert all(family.documentation for family in families)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def figure(figures: Figures, name: str, **labels: str) -> float:
    return figures[f"pekat_gateway_{name}", tuple(sorted(labels.items()))]


def with_metrics(site: Site, port: int, start: str = "retry") -> Gateway:
    table = f'[metrics]\nport = {port}\nstart = "{start}"\n'
    text = site.config.read_text().replace("[[stations]]", f"{table}[[stations]]")
    site.config.write_text(text)
    return Gateway(load_settings(site.config))


async def test_the_figures_agree_with_what_the_plc_saw(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        port = free_port()
        async with with_metrics(site, port) as gateway:
            async with ModbusFace("127.0.0.1", site.port, load_map("standard")) as face:
                outcome = await Plc(face, Play(count=7)).run()
                figures = await asyncio.to_thread(scraped, port)
            assert outcome.good
            await until_gone(gateway)
            later = await asyncio.to_thread(scraped, port)
    verdicts = {answer.verdict.name.lower() for answer in outcome.answers}
    told = {
        verdict: figure(figures, "results_total", station="station1", verdict=verdict, reason="none")
        for verdict in verdicts
    }
    assert sum(told.values()) == 7
    for stage in ("image", "hand-over", "pekat", "journal", "tags", "plc", "total"):
        assert figure(figures, "inspection_seconds_count", station="station1", stage=stage) == 7
        assert figure(figures, "inspection_seconds_bucket", station="station1", stage=stage, le="+Inf") == 7
    longest = sum(answer.latency_s for answer in outcome.answers)
    assert 0 < figure(figures, "inspection_seconds_sum", station="station1", stage="total") <= longest
    assert figure(figures, "station_online", station="station1") == 1
    assert figure(figures, "info", version=__version__) == 1
    assert figure(figures, "link_connections", link="modbus") == 1
    assert figure(later, "link_connections", link="modbus") == 0
    assert figure(figures, "store_lost_total", store="history") == 0
    assert figure(figures, "store_fault", store="history") == 0
    assert ("pekat_gateway_archive_images", ()) not in figures


async def test_the_archives_figures_are_of_what_it_wrote_and_lost(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        port, folder = free_port(), tmp_path / "pictures"
        archive = '[archive]\nfolder = "{}"\nkeep = ["ok", "nok"]\nmin_free_mb = {}\nqueue_images = 1\n'
        whole = site.config.read_text()
        for free_mb, kept, lost in ((0, 3, 0), (10**9, 0, 2)):  # never free, however many go: one waits
            site.config.write_text(f"{whole}\n{archive.format(folder, free_mb)}")
            async with with_metrics(site, port) as gateway:
                async with ModbusFace("127.0.0.1", site.port, load_map("standard")) as face:
                    assert (await Plc(face, Play(count=3, rate=5)).run()).good
                books = await settled(gateway, 3)
                figures = await asyncio.to_thread(scraped, port)
            assert figure(figures, "store_written_total", store="archive") == kept
            assert figure(figures, "store_lost_total", store="archive") == lost
            assert figure(figures, "images_lost_total", station="station1") == lost
            assert figure(figures, "store_fault", store="archive") == (lost > 0)
            assert figure(figures, "archive_images") == len([*folder.rglob("*.png")]) == kept
            assert figure(figures, "archive_bytes") == sum(one.stat().st_size for one in folder.rglob("2*_*"))
            assert bool(figure(figures, "archive_written_bytes_total")) == bool(books.kept)


async def settled(gateway: Gateway, images: int) -> ArchiveBooks:
    """Its books, once each image is written, lost, or waits for a disk that does not take it."""
    assert gateway.archive is not None
    async with asyncio.timeout(10):
        while True:
            books = gateway.archive.books
            if books.kept + books.lost + (books.waiting if books.fault else 0) == images:
                return books
            await asyncio.sleep(0.01)


async def until_gone(gateway: Gateway) -> None:
    async with asyncio.timeout(5):
        while gateway.links["modbus"].connections:
            await asyncio.sleep(0.01)


async def test_a_taken_port_costs_the_figures_and_not_the_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with healthy(tmp_path) as (site, _), socket.create_server(("127.0.0.1", 0)) as thief:
        with caplog.at_level(logging.ERROR):
            async with with_metrics(site, thief.getsockname()[1]) as gateway:
                assert gateway.stations["station1"].state.online
                async with ModbusFace("127.0.0.1", site.port, load_map("standard")) as face:
                    assert (await Plc(face, Play(count=1)).run()).good
        assert "no metrics" in caplog.text
        (line,) = site.defects()
    assert (line.check, line.subject) == ("ports", f"metrics 127.0.0.1:{thief_port(site)}")


def thief_port(site: Site) -> int:
    settings = load_settings(site.config)
    assert settings.metrics is not None
    return settings.metrics.port


async def test_a_port_that_is_taken_at_the_start_is_tried_again_and_a_dead_thread_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_S", 0.05)
    monkeypatch.setattr(server, "RETRY_S", 0.05)
    with healthy(tmp_path) as (site, _):
        thief = socket.create_server(("127.0.0.1", 0))
        port = thief.getsockname()[1]
        async with with_metrics(site, port):
            thief.close()
            assert figure(await patiently(port), "restarts_total", part="station1 source") == 0
            (thread,) = (one for one in gc.get_objects() if isinstance(one, server.MetricsServer) and one.port == port)
            assert thread._server is not None
            await asyncio.to_thread(thread._server.shutdown)  # its thread ends
            dead = thread._thread
            async with asyncio.timeout(10):
                while thread._thread in (None, dead):
                    await asyncio.sleep(0.01)
            assert figure(await patiently(port), "link_serving", link="modbus") == 1


async def patiently(port: int) -> Figures:
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.to_thread(scraped, port)
            except requests.ConnectionError:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("start", ["fail", "ignore"])
async def test_the_metrics_start_by_their_policy(tmp_path: Path, start: str) -> None:
    with healthy(tmp_path) as (site, _), socket.create_server(("127.0.0.1", 0)) as thief:
        gateway = with_metrics(site, thief.getsockname()[1], start)
        if start == "fail":
            with pytest.raises(GatewayError, match="cannot be listened on"):
                await gateway.__aenter__()
            return
        async with gateway:
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "metrics-care"]


async def test_without_the_table_nothing_is_counted_or_served(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        async with Gateway(load_settings(site.config)) as gateway:
            assert gateway.figures.server(gateway.links, gateway.history, gateway.archive) is None
            assert gateway.figures._tallies == {}
