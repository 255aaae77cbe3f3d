"""Hosts, discovery and redundancy in the configuration: what `check` says of them, and what is refused."""

from typing import Any

import pytest

from gateway.cli.check import check_lines
from tests.config.writing import only_error, settings_of, spoilt

HOSTS = ("links", "opcua", "host")
ADVERTISED = ("links", "opcua", "advertised_hosts")
DISCOVERY = ("links", "opcua", "discovery")
REDUNDANCY = ("links", "opcua", "redundancy")
PEER = {"uri": "urn:plant:b", "urls": ["opc.tcp://b.plant:4840/pekat"]}


def test_check_says_how_the_server_is_reached_and_found() -> None:
    discovery = {"servers": ["opc.tcp://lds.plant:4840"], "mdns": True, "mdns_interfaces": ["10.0.0.5"]}
    table = spoilt(
        (HOSTS, ["10.0.0.5", "fd00::5"]),
        (ADVERTISED, ["gate.plant:14840", "fd00::5"]),
        (DISCOVERY, discovery),
        (REDUNDANCY, {"peers": [PEER]}),
    )
    lines = [line.strip() for line in check_lines(settings_of(table))]
    for line in (
        "opcua: 10.0.0.5:4841, [fd00::5]:4841, at most 50 sessions",
        "endpoints: opc.tcp://gate.plant:14840/pekat, opc.tcp://[fd00::5]:4841/pekat",
        "mdns: announced on 10.0.0.5",
        "lds: registered every 60 s with opc.tcp://lds.plant:4840",
        "redundancy: warm, with urn:plant:b",
    ):
        assert line in lines, line


def test_check_says_that_nobody_is_told() -> None:
    lines = [line.strip() for line in check_lines(settings_of(spoilt((("links", "opcua", "port"), 0))))]
    assert {"endpoints: known once it runs", "mdns: not announced", "lds: none"} <= set(lines)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (HOSTS, []),
        (ADVERTISED, ["opc.tcp://gate:4840"]),
        (ADVERTISED, ["gate:port"]),
        (DISCOVERY, {"servers": ["lds.plant:4840"]}),
        (DISCOVERY, {"servers": ["opc.tcp://lds.plant"]}),
        (DISCOVERY, {"period_s": 601}),
        (REDUNDANCY, {"peers": []}),
        (REDUNDANCY, {"peers": [{"uri": "urn:b", "urls": []}]}),
        (REDUNDANCY, {"peers": [{"uri": "urn:b", "urls": ["http://b:4840"]}]}),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(path: tuple[str, ...], value: Any) -> None:
    assert only_error((path, value)).key.startswith(".".join(path))


def test_both_links_on_one_port_of_one_of_several_addresses() -> None:
    error = only_error((("links", "modbus"), {"host": "fd00::5", "port": 4841}), (HOSTS, ["10.0.0.5", "fd00::5"]))
    assert error.key == "links.opcua.port"
    apart = spoilt((("links", "modbus"), {"host": "10.0.0.6", "port": 4841}), (HOSTS, ["10.0.0.5", "fd00::5"]))
    assert settings_of(apart).links.opcua is not None
