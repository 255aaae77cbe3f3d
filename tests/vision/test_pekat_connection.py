"""The client's connection: kept, reopened, never reused after a fault, cut from outside, and acknowledged at once."""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.vision import wire
from gateway.vision.pekat import Ask, ClientOptions, PekatClient
from gateway.vision.wire import Call, WireSocket
from tests.vision.asking import IMAGE, analyze, reason_of, wait_for
from tests.vision.servers import OK_BODY, ScriptedServer, answering, http, read_request, silent


def readable(client: PekatClient) -> bool:
    """Whether something (data or the end) waits on the client's idle connection."""
    connection = client._adapter._connection
    return connection is not None and not connection.is_connected


# ---- the connection ---------------------------------------------------------------------------------------------


def test_one_connection_serves_many_calls() -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        for _ in range(20):
            analyze(client)
        assert server.accepted == 1


def test_a_connection_that_the_server_closed_meanwhile_is_reopened_before_sending() -> None:
    """PEKAT was restarted an hour ago: the next inspection must not pay for it."""
    with answering(http(), times=1) as server, PekatClient(server.url, ClientOptions(keep_alive_s=3600)) as client:
        for number in range(1, 6):
            assert analyze(client).status == 200
            assert server.accepted == number
            wait_for(lambda: readable(client))


def test_a_connection_that_was_idle_too_long_is_opened_anew() -> None:
    with answering(http()) as server, PekatClient(server.url, ClientOptions(keep_alive_s=0)) as client:
        analyze(client)
        analyze(client)
        assert server.accepted == 2


def test_a_connection_on_which_something_came_unasked_is_opened_anew() -> None:
    """The rest of an answer must never become the answer for the next part."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(http())
            server.left.wait(0.02)
            connection.sendall(http(b'{"result": false}'))

    with ScriptedServer(script) as server, PekatClient(server.url, ClientOptions(keep_alive_s=3600)) as client:
        for number in range(1, 4):
            assert analyze(client).body == OK_BODY
            assert server.accepted == number
            wait_for(lambda: readable(client))


def test_what_came_unasked_in_the_same_packet_is_dropped() -> None:
    with answering(http() + http(b'{"result": false}')) as server, PekatClient(server.url) as client:
        for _ in range(3):
            assert analyze(client).body == OK_BODY


def test_after_a_timeout_the_late_answer_is_not_taken_for_the_next_one() -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while connection.recv(1 << 16):
            late = server.accepted == 1
            server.left.wait(0.4 if late else 0)
            connection.sendall(http(b'{"result": false}' if late else OK_BODY))

    with ScriptedServer(script) as server, PekatClient(server.url) as client:
        small = b"x"
        with pytest.raises(InspectorError):
            client.analyze_image(small, Ask(), Call.within(0.2))
        time.sleep(0.4)  # the late answer is on its way now
        assert client.analyze_image(small, Ask(), Call.within(5)).body == OK_BODY


def test_an_analyze_is_sent_once_however_often_it_may_try() -> None:
    with answering(b"", times=1) as server, PekatClient(server.url, ClientOptions(retries=3)) as client:
        assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE
        assert server.accepted == 1


def test_connecting_is_tried_again_as_configured() -> None:
    """The project comes up between the first attempt and the second."""
    port = free_port()
    with PekatClient(f"http://127.0.0.1:{port}", ClientOptions(retries=0)) as client:
        assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE
    tried: list[float] = []

    class _Counting(Call):
        def pause(self, seconds: float) -> None:
            tried.append(seconds)

    with PekatClient(f"http://127.0.0.1:{port}", ClientOptions(retries=2)) as client:
        call = _Counting(time.monotonic() + 5)
        assert reason_of(lambda: client.analyze_image(IMAGE, Ask(), call)) is Reason.INSPECTOR_OFFLINE
    assert len(tried) == 2


# ---- aborting ---------------------------------------------------------------------------------------------------


@pytest.fixture
def aborting() -> Iterator[Callable[[Call, Callable[[], bool]], None]]:
    threads: list[threading.Thread] = []

    def start(call: Call, when: Callable[[], bool]) -> None:
        def run() -> None:
            wait_for(when)
            call.abort()

        threads.append(threading.Thread(target=run, name="aborter"))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(5)


def test_a_call_that_hangs_is_ended_from_another_thread(aborting: Callable[[Call, Callable[[], bool]], None]) -> None:
    with silent() as server, PekatClient(server.url) as client:
        call = Call.within(30)
        aborting(call, lambda: bool(server.heads))
        began = time.monotonic()
        assert reason_of(lambda: client.analyze_image(IMAGE, Ask(), call)) is Reason.CANCELLED
        assert time.monotonic() - began < 5


def test_an_aborted_call_does_not_begin() -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        call = Call.within(5)
        call.abort()
        assert reason_of(lambda: client.analyze_image(IMAGE, Ask(), call)) is Reason.CANCELLED
        assert server.heads == []


def test_a_late_abort_does_not_touch_the_next_call() -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        first = Call.within(5)
        client.analyze_image(IMAGE, Ask(), first)
        first.abort()
        assert analyze(client).status == 200
        assert server.accepted == 1


# ---- delayed acknowledgement --------------------------------------------------------------------------------------

needs_quick_ack = pytest.mark.skipif(wire.QUICK_ACK is None, reason="the platform has no TCP_QUICKACK")


@needs_quick_ack
def test_quick_ack_is_set_before_each_receive(monkeypatch: pytest.MonkeyPatch) -> None:
    acts: list[str] = []
    acknowledge, receive = WireSocket.acknowledge_at_once, WireSocket.recv_into

    def acknowledged(sock: WireSocket) -> None:
        acknowledge(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
        acts.append("acknowledge")

    def received(sock: WireSocket, buffer: bytearray, nbytes: int = 0, flags: int = 0) -> int:
        before = len(acts)
        count = receive(sock, buffer, nbytes, flags)
        assert acts[before:] == ["acknowledge"]
        acts.append("receive")
        return count

    monkeypatch.setattr(WireSocket, "acknowledge_at_once", acknowledged)
    monkeypatch.setattr(WireSocket, "recv_into", received)
    head, body = http(bytes(200_000))[:-200_000], bytes(200_000)
    with answering(head, body, nagle=True) as server, PekatClient(server.url) as client:
        for _ in range(3):
            analyze(client)
    assert acts.count("receive") == acts.count("acknowledge") >= 6


@needs_quick_ack
def test_quick_ack_cures_a_server_that_answers_in_two_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Header and body in two writes with Nagle on: the second one waits for our delayed acknowledgement, 40 ms."""

    def median_ms() -> float:
        head = http()[: -len(OK_BODY)]
        with answering(head, OK_BODY, nagle=True) as server, PekatClient(server.url) as client:
            for _ in range(5):  # the kernel begins a connection in quick-ack mode
                analyze(client)
            return statistics.median(analyze(client).elapsed_us for _ in range(11)) / 1000

    cured = median_ms()
    monkeypatch.setattr(wire, "QUICK_ACK", None)
    stalled = median_ms()
    assert stalled > 4 * cured
