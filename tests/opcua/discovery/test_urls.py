"""Which URLs a client is told: rules, without any socket."""

import socket

import psutil
import pytest

from gateway.plc.opcua.network.endpoints import Addresses, HostPort

HOSTNAME = socket.gethostname()


def addresses(*advertised: str, hosts: tuple[str, ...] = ("0.0.0.0",)) -> Addresses:
    return Addresses(hosts, [HostPort.parse(one) for one in advertised], 4840, "/pekat")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Press-7.plant", "Press-7.plant", None),
        ("Press-7.plant:14840", "Press-7.plant", 14840),
        ("10.0.0.5:1", "10.0.0.5", 1),
        ("fe80::1", "fe80::1", None),
        ("[fe80::1]:14840", "fe80::1", 14840),
        ("[fe80::1]", "fe80::1", None),
    ],
)
def test_a_host_may_have_a_port(text: str, host: str, port: int | None) -> None:
    assert HostPort.parse(text) == HostPort(host, port)


@pytest.mark.parametrize(
    "text", ["", ":4840", "host:port", "host:70000", "user@host", "host/path", "opc.tcp://host", "[fe80::1", "a:b:c"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - urlsplit has texts of its own
        HostPort.parse(text)


@pytest.mark.parametrize(
    "asked",
    [
        "opc.tcp://10.0.0.5:4840/pekat",  # the address its connection came in by
        "opc.tcp://press-7:4840",  # advertised, in other letters and without the path
        "opc.tcp://press-7:14840/pekat",  # with the port that another advertised one has
        "opc.tcp://localhost:4840/pekat",
        f"opc.tcp://{HOSTNAME}:4840/pekat",
        "opc.tcp://[fe80::1]:4840/pekat",
    ],
)
def test_a_client_is_told_the_url_it_came_by(asked: str) -> None:
    where = addresses("Press-7", "gate.plant:14840", "fe80::1")
    (told,) = where.urls_for(asked, "10.0.0.5")
    assert told.removesuffix("/pekat") == asked.removesuffix("/pekat")
    assert told.endswith("/pekat")


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "",
        "opc.tcp://10.0.0.6:4840/pekat",
        "opc.tcp://press-7:9999/pekat",
        "opc.tcp://press-7/pekat",
        "http://press-7:4840/pekat",
        "opc.tcp://user@press-7:4840/pekat",
        "opc.tcp://[press-7:4840",
        "opc.tcp://press-7:notaport",
        "opc.tcp://" + "a" * 300 + ":4840/pekat",
    ],
)
def test_who_came_by_none_of_ours_is_told_the_configured_ones(asked: str | None) -> None:
    where = addresses("press-7", "gate.plant:14840")
    expected = ["opc.tcp://press-7:4840/pekat", "opc.tcp://gate.plant:14840/pekat"]
    assert where.urls_for(asked, "10.0.0.5") == expected == where.urls() == where.local_urls()


def test_without_configured_names_any_host_that_a_client_came_by_is_right() -> None:
    """A name in the plant's DNS, a forwarded port: nobody told the gateway of them, and they work."""
    where = addresses()
    assert where.urls_for("opc.tcp://Vision.Plant:14840", "10.0.0.5") == ["opc.tcp://Vision.Plant:14840/pekat"]
    assert where.urls_for("nonsense", "10.0.0.5") == ["opc.tcp://10.0.0.5:4840/pekat"]
    assert where.urls_for(None, None) == [f"opc.tcp://{HOSTNAME}:4840/pekat"]


def test_a_wildcard_is_never_told() -> None:
    assert addresses(hosts=("0.0.0.0", "::")).urls() == [f"opc.tcp://{HOSTNAME}:4840/pekat"]
    assert addresses(hosts=("0.0.0.0", "::")).local_urls() == ["opc.tcp://127.0.0.1:4840/pekat"]
    both = addresses(hosts=("10.0.0.5", "::1"))
    assert both.urls() == both.local_urls() == ["opc.tcp://10.0.0.5:4840/pekat", "opc.tcp://[::1]:4840/pekat"]


def test_the_certificate_names_every_way_to_the_server() -> None:
    where = addresses("press-7", hosts=("10.0.0.5", "::1"))
    assert where.told_hosts() == ["press-7"]
    assert where.reachable_hosts() == ["press-7", HOSTNAME, "localhost", "10.0.0.5", "::1"]
    everywhere = addresses(hosts=("0.0.0.0", "::")).reachable_hosts()
    cards = [one.address for card in psutil.net_if_addrs().values() for one in card]
    assert "127.0.0.1" in everywhere
    assert {"0.0.0.0", "::"}.isdisjoint(everywhere)
    assert set(everywhere) - {HOSTNAME, "localhost"} <= set(cards)
    assert len(everywhere) == len(set(everywhere))
