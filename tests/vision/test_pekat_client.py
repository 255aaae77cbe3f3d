"""The client against servers that answer, lie, trickle, hang, break off, restart and die."""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3.connectionpool import HTTPConnectionPool

from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from gateway.vision import wire
from gateway.vision.pekat import Ask, ClientOptions, HttpReply, PekatClient
from gateway.vision.wire import Call, WireSocket
from tests.vision.servers import OK_BODY, ScriptedServer, answering, free_port, http, read_request, resetting, silent

IMAGE = b"image" * 1000


def analyze(client: PekatClient, seconds: float = 5.0, ask: Ask | None = None) -> HttpReply:
    return client.analyze_image(IMAGE, ask or Ask(), Call.within(seconds))


def reason_of(act: Callable[[], object]) -> Reason:
    with pytest.raises(InspectorError) as caught:
        act()
    return caught.value.reason


# ---- what is asked ----------------------------------------------------------------------------------------------


def query(server: ScriptedServer) -> dict[str, list[str]]:
    return parse_qs(urlsplit(server.head().split(" ")[1]).query, keep_blank_values=True, strict_parsing=True)


def test_an_image_goes_out_as_the_api_wants_it() -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        reply = analyze(client, ask=Ask(data="a b&c=1#x/ž"))
        assert (reply.status, reply.body) == (200, OK_BODY)
        assert server.head().startswith(
            "POST /analyze_image?response_type=context&data=a%20b%26c%3D1%23x%2F%C5%BE HTTP/1.1"
        )
        assert query(server) == {"response_type": ["context"], "data": ["a b&c=1#x/ž"]}
        head = server.head().lower()
        assert "content-type: application/octet-stream" in head
        assert f"content-length: {len(IMAGE)}" in head
        assert "accept-encoding: identity" in head
        assert reply.elapsed_us > 0


def test_no_data_is_left_out_and_the_flag_has_no_value() -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        analyze(client, ask=Ask("heatmap"))
        assert server.head().split(" ")[1] == "/analyze_image?response_type=heatmap&context_in_body"
        analyze(client, ask=Ask("image", context_in_body=False))
        assert server.head().split(" ")[1] == "/analyze_image?response_type=image"


def test_an_api_key_is_sent_and_never_told() -> None:
    options = ClientOptions(api_key="s3cret&key")
    with answering(http(), times=1) as server, PekatClient(server.url, options) as client:
        analyze(client)
        assert query(server)["api_key"] == ["s3cret&key"]
    with PekatClient(f"http://127.0.0.1:{free_port()}", options) as client:
        with pytest.raises(InspectorError) as caught:
            analyze(client)
        assert "s3cret" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("raw", "length", "wanted"),
    [
        (RawFormat(7, 5), 35, "height=5&width=7&response_type=context"),
        (RawFormat(7, 5, 3), 105, "height=5&width=7&response_type=context"),
        (RawFormat(7, 5, 1, bayer=True), 35, "height=5&width=7&bayer&response_type=context"),
    ],
)
def test_raw_pixels_carry_their_size(raw: RawFormat, length: int, wanted: str) -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        client.analyze_raw_image(memoryview(bytes(length)), raw, Ask(), Call.within(5))
        assert server.head().split(" ")[1] == f"/analyze_raw_image?{wanted}"
        assert f"content-length: {length}\r\n" in server.head().lower() + "\r\n"
        with pytest.raises(ValueError, match="are no image"):
            client.analyze_raw_image(bytes(length + 1), raw, Ask(), Call.within(5))


def test_the_small_requests() -> None:
    with answering(http(b"4.0.3\n")) as server, PekatClient(server.url) as client:
        client.ping(Call.within(5))
        assert server.head().startswith("GET /ping HTTP")
        assert client.version(Call.within(5)) == "4.0.3"
        client.stop("k y", Call.within(5))
        assert server.head().startswith("GET /stop?key=k%20y HTTP")
        client.last_image(Ask("image"), Call.within(5))
        assert server.head().startswith("GET /last_image?response_type=image&context_in_body HTTP")
        assert server.accepted == 1
    with answering(http(b"gone", "404 Not Found")) as server, PekatClient(server.url) as client:
        assert client.version(Call.within(5)) == ""
        assert reason_of(lambda: client.ping(Call.within(5))) is Reason.SERVER_ERROR


# ---- what goes wrong --------------------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    with PekatClient(f"http://127.0.0.1:{free_port()}") as client:
        assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE


def test_a_host_that_does_not_exist() -> None:
    with PekatClient("http://no-such-host.invalid:8000") as client:
        assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE


def test_a_connection_that_is_never_accepted_is_offline_after_the_connect_timeout() -> None:
    """A full backlog drops the SYN, as a host that is switched off does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for sock in waiting:
                sock.setblocking(False)
                sock.connect_ex(listener.getsockname())
            with PekatClient(f"http://127.0.0.1:{listener.getsockname()[1]}", ClientOptions(0.2)) as client:
                began = time.monotonic()
                assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE
                assert 0.15 < time.monotonic() - began < 3
        finally:
            for sock in waiting:
                sock.close()


def test_silence_ends_at_the_deadline() -> None:
    with silent() as server, PekatClient(server.url) as client:
        began = time.monotonic()
        assert reason_of(lambda: analyze(client, 0.3)) is Reason.TIMEOUT
        assert 0.25 < time.monotonic() - began < 2


def test_a_deadline_that_is_over_asks_nobody() -> None:
    with answering(http()) as server, PekatClient(server.url) as client:
        assert reason_of(lambda: analyze(client, -1)) is Reason.TIMEOUT
        assert server.accepted == 0


def test_a_trickle_cannot_stretch_the_deadline() -> None:
    """Each byte would start an ordinary read time-out anew."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        connection.recv(1 << 16)
        for byte in http():
            connection.sendall(bytes((byte,)))
            server.left.wait(0.05)

    with ScriptedServer(script) as server, PekatClient(server.url) as client:
        began = time.monotonic()
        assert reason_of(lambda: analyze(client, 0.4)) is Reason.TIMEOUT
        assert time.monotonic() - began < 2


def test_a_server_that_does_not_take_the_image_ends_at_the_deadline() -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.left.wait(30)

    with ScriptedServer(script) as server, PekatClient(server.url, ClientOptions(0.1)) as client:
        big = bytes(40 << 20)
        assert reason_of(lambda: client.analyze_image(big, Ask(), Call.within(0.5))) is Reason.TIMEOUT


def test_a_reset_is_offline() -> None:
    with resetting() as server, PekatClient(server.url) as client:
        assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE


def test_closing_without_an_answer_is_offline() -> None:
    with answering(b"", times=1) as server, PekatClient(server.url) as client:
        assert reason_of(lambda: analyze(client)) is Reason.INSPECTOR_OFFLINE


@pytest.mark.parametrize(
    "answer",
    [
        http(length=len(OK_BODY) + 10),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nabcdef",
    ],
    ids=["broken off", "no http", "nothing", "long header", "many headers", "bad chunk", "two lengths"],
)
def test_what_is_no_reply_is_a_bad_reply_and_the_next_call_works(answer: bytes) -> None:
    seen = threading.Event()

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(http() if seen.is_set() else answer)
        seen.set()
        connection.shutdown(socket.SHUT_WR)

    with ScriptedServer(script) as server, PekatClient(server.url) as client:
        assert reason_of(lambda: analyze(client)) is Reason.BAD_REPLY
        assert analyze(client).body == OK_BODY


@pytest.mark.parametrize(
    "answer",
    [
        http(bytes(5000)),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(5000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3e8\r\n" + bytes(1000) + b"\r\n" + b"3e8\r\n" + bytes(1000),
        http(b"", length=1 << 60),
    ],
    ids=["length", "until close", "chunked", "absurd length"],
)
def test_a_reply_over_the_limit_is_not_read(answer: bytes) -> None:
    options = ClientOptions(max_reply_bytes=1500)
    with answering(answer, times=1) as server, PekatClient(server.url, options) as client:
        assert reason_of(lambda: analyze(client)) is Reason.BAD_REPLY


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + OK_BODY,
        b"HTTP/1.0 200 OK\r\n\r\n" + OK_BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n34\r\n" + OK_BODY + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + http(),
    ],
    ids=["until close", "http 1.0", "chunked", "continue"],
)
def test_every_framing_of_a_reply_is_read(answer: bytes) -> None:
    with answering(answer, times=1) as server, PekatClient(server.url) as client:
        assert analyze(client).body == OK_BODY


def test_a_redirect_is_not_followed() -> None:
    with (
        answering(http(b"", "302 Found", "Location: http://127.0.0.1:1/")) as server,
        PekatClient(server.url) as client,
    ):
        assert analyze(client).status == 302


def test_proxies_from_the_environment_are_not_for_the_machine_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with answering(http()) as server, PekatClient(server.url) as client:
        assert analyze(client).status == 200


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


def readable(client: PekatClient) -> bool:
    """Whether something (data or the end) waits on the client's idle connection."""
    pool = client._adapter.get_connection_with_tls_context(client._post, verify=False)
    assert isinstance(pool, HTTPConnectionPool)
    assert pool.pool is not None
    connection = pool.pool.queue[-1]
    return connection is not None and not connection.is_connected


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)


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
