"""What the client asks, and what it makes of servers that lie, trickle, hang and break off."""

import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from gateway.vision.pekat import Ask, ClientOptions, PekatClient
from gateway.vision.wire import Call
from tests.vision.asking import IMAGE, analyze, reason_of
from tests.vision.servers import OK_BODY, ScriptedServer, answering, http, resetting, silent

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
        again = seen.is_set()
        seen.set()
        connection.sendall(http() if again else answer)
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
