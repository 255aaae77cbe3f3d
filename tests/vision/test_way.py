"""Which way frames take: by configuration, machine and version, and what the endpoint has shown."""

import socket

import psutil
import pytest

from gateway.vision.way import Route, Ways, WaySetting, choose, expected, has_shared_memory, same_machine

URL = "http://pekat:8000"


@pytest.mark.parametrize(
    ("version", "new"),
    [
        ("3.18.0", True),
        ("3.18", True),
        ("v3.18.0", True),
        ("3.19.3", True),
        ("4.0.3", True),
        ("4.1.0-rc1", True),
        ("10.0", True),
        ("3.17.9", False),
        ("3.2.18", False),
        ("2.99", False),
        ("", False),
        ("Not Found 4.0", False),
        ("<!doctype html>", False),
        ("4", False),
    ],
)
def test_which_versions_share_memory(version: str, new: bool) -> None:
    assert has_shared_memory(version) is new


@pytest.mark.parametrize(
    ("setting", "here", "version", "text"),
    [
        ("auto", True, "4.0.3", "shared memory: same machine, PEKAT 4.0.3"),
        ("auto", False, "4.0.3", "raw HTTP: PEKAT is on another machine"),
        ("auto", True, "3.17.1", "raw HTTP: PEKAT is older than 3.18"),
        ("auto", True, "", "raw HTTP: PEKAT is older than 3.18"),
        ("http", True, "4.0.3", "raw HTTP: configured"),
        ("png", True, "4.0.3", "PNG over HTTP: configured"),
        ("shared_memory", False, "", "shared memory: configured"),
    ],
)
def test_the_way_and_its_reason(setting: WaySetting, here: bool, version: str, text: str) -> None:
    assert str(choose(setting, here, version)) == text


def _own_addresses() -> list[str]:
    found = [address for addresses in psutil.net_if_addrs().values() for address in addresses]
    return [address.address for address in found if address.family == socket.AF_INET]


def test_this_machine_by_any_of_its_addresses() -> None:
    for host in (*_own_addresses(), "localhost", "127.0.0.1", "127.0.0.7"):
        assert same_machine(f"http://{host}:8000"), host


def test_another_machine() -> None:
    assert not same_machine("http://192.0.2.1:8000"), "an address that nobody has, by RFC 5737"


def test_an_endpoint_that_was_not_asked_gets_what_every_pekat_understands() -> None:
    ways = Ways()
    assert ways.to(URL).route is Route.HTTP
    assert ways.wants_version(URL)
    assert Ways("png").to(URL).route is Route.PNG
    assert not Ways("shared_memory").wants_version(URL)


def test_what_was_found_out_holds_until_the_endpoint_is_lost_or_another_version() -> None:
    ways = Ways()
    ways.learn(URL, True, "4.0.3")
    assert ways.to(URL).route is Route.SHARED_MEMORY
    ways.refused(URL, "in a container", certain=True)
    ways.learn(URL, True, "4.0.3")
    assert str(ways.to(URL)) == "raw HTTP: in a container"
    ways.learn(URL, True, "4.0.4")
    assert ways.to(URL).route is Route.SHARED_MEMORY
    ways.refused(URL, "in a container", certain=True)
    ways.forget(URL)
    assert ways.to(URL).route is Route.HTTP
    ways.learn(URL, True, "4.0.4")
    assert ways.to(URL).route is Route.SHARED_MEMORY


def test_a_doubtful_refusal_counts_only_as_long_as_it_never_worked() -> None:
    ways = Ways()
    ways.learn(URL, True, "4.0.3")
    ways.proved(URL)
    ways.refused(URL, "HTTP 500", certain=False)
    assert ways.to(URL).route is Route.SHARED_MEMORY
    ways.refused(URL, "not attached", certain=True)
    assert ways.to(URL).route is Route.HTTP


def test_no_answer_twice_is_the_end_for_this_version() -> None:
    ways = Ways()
    for _ in range(2):
        ways.learn(URL, True, "4.0.3")
        ways.unanswered(URL)
        ways.forget(URL)
    ways.learn(URL, True, "4.0.3")
    assert ways.to(URL).route is Route.HTTP
    ways.learn(URL, True, "4.0.4")
    assert ways.to(URL).route is Route.SHARED_MEMORY


def test_no_answer_now_and_then_is_no_sign() -> None:
    ways = Ways()
    ways.learn(URL, True, "4.0.3")
    for _ in range(5):
        ways.unanswered(URL)
        ways.proved(URL)
        ways.unanswered(URL)
    assert ways.to(URL).route is Route.SHARED_MEMORY


def test_endpoints_are_told_apart() -> None:
    ways = Ways()
    ways.learn(URL, True, "4.0.3")
    ways.learn("http://other:8000", False, "4.0.3")
    assert ways.to(URL).route is Route.SHARED_MEMORY
    assert str(ways.to("http://other:8000")) == "raw HTTP: PEKAT is on another machine"


@pytest.mark.parametrize(
    ("setting", "host", "text"),
    [
        ("auto", "127.0.0.1", "shared memory if PEKAT is 3.18 or newer: same machine"),
        ("auto", "192.0.2.1", "raw HTTP: PEKAT is on another machine"),
        ("http", "127.0.0.1", "raw HTTP: configured"),
        ("png", "192.0.2.1", "PNG over HTTP: configured"),
        ("shared_memory", "192.0.2.1", "shared memory: configured"),
    ],
)
def test_what_is_said_of_a_pekat_that_is_down(setting: WaySetting, host: str, text: str) -> None:
    assert expected(setting, f"http://{host}:8000") == text
