"""Mutated replies of PEKAT, read by the ten thousand, and by the real client over a socket: never a false OK."""

import base64
import contextlib
import gc
import json
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from gateway.core.errors import InspectorError
from gateway.core.result import Reason, Verdict
from gateway.vision.pekat import PekatClient
from gateway.vision.pekat_reply import Reply, read_reply
from tests.faults.replies import Recording, context_of, may_be_ok, mutated, recordings
from tests.faults.report import report
from tests.vision.asking import analyze
from tests.vision.rules import rules
from tests.vision.servers import http, read_request

SOME, MANY = 20_000, 100_000
SOME_SENT, MANY_SENT = 1_000, 20_000
WARM_UP = 500
GROWTH = 24 * 1024 * 1024
"""Bytes that this process may have grown by; a reply that is kept would be as large after some thousand."""


def seeded() -> random.Random:
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
    print(f"FUZZ_SEED={seed}")
    return random.Random(seed)


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def assert_honest(reply: Reply, case: Recording, status: int, body: bytes, headers: dict[str, str]) -> None:
    """An OK has to stand in the reply. What the context is, is found here in another way than in the gateway."""
    if reply.judgement.verdict is not Verdict.OK:
        return
    assert status == 200, f"OK from HTTP {status}"
    encoded = headers.get("ContextBase64utf", "")
    context = json.loads(base64.b64decode(encoded)) if encoded else context_of(body)
    assert may_be_ok(context, case.result_path), f"OK from {body[:400]!r}, {headers}"


def damaged(case: Recording, source: random.Random) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; the body nearly always, the others now and then."""
    status = source.choice((case.status,) * 6 + (200, 500))
    headers = dict(case.headers)
    for name, value in case.headers.items():
        if source.random() < 0.2:
            headers[name] = mutated(value.encode(), source).decode("latin-1")
    return status, headers, mutated(case.body, source) if source.random() < 0.95 else case.body


def _read_many(count: int) -> None:
    source, cases, seen = seeded(), recordings(), Counter[str]()
    before = 0
    for number in range(count):
        case = source.choice(cases)
        status, headers, body = damaged(case, source)
        reply = read_reply(status, headers, body, rules(case.response_type, case.result_path))
        assert_honest(reply, case, status, body, headers)
        seen[reply.judgement.verdict.name] += 1
        if number == WARM_UP:
            before = _resident()
    grown = _resident() - before
    print(dict(seen), f"grown by {grown / 2**20:.1f} MiB")
    report.note("replies", read=count, ok=seen["OK"], nok=seen["NOK"], grown_kib=grown // 1024)
    assert min(seen["OK"], seen["NOK"], seen["NO_DECISION"]) > count / 1000, (
        "the mutations leave nothing, or all, whole"
    )
    assert grown < GROWTH


def test_twenty_thousand_mutated_replies() -> None:
    _read_many(SOME)


@pytest.mark.soak
def test_a_hundred_thousand_mutated_replies() -> None:
    _read_many(MANY)


# ---- over a socket ----------------------------------------------------------------------------------------------


class Lines:
    """What goes over the wire for each request: the recorded reply as HTTP, mutated as a whole, head and all."""

    def __init__(self, source: random.Random, cases: list[Recording]) -> None:
        self._source, self._cases = source, cases
        self.sent = b""

    def next(self) -> bytes:
        case = self._source.choice(self._cases)
        headers = [f"{name}: {value}" for name, value in case.headers.items()]
        whole = http(case.body, f"{case.status} it", *headers)
        if self._source.random() < 0.5:  # the head stays, so that what is read is the body
            _, _, body = whole.partition(b"\r\n\r\n")
            whole = http(mutated(body, self._source), f"{case.status} it", *headers)
        else:
            whole = mutated(whole, self._source)
        self.sent = whole
        return whole

    @contextmanager
    def served(self) -> Iterator[str]:
        """The URL where they come from, one a connection: what is left of a broken one belongs to nobody."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=self._serve, args=(listener,), name="mutated-replies", daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(5)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            with connection, contextlib.suppress(ConnectionError):  # the client was first
                if read_request(connection):
                    connection.sendall(self.next())
                    connection.shutdown(socket.SHUT_WR)


EXPECTED = {"OK", "NOK", "NO_DECISION", Reason.BAD_REPLY.name, Reason.INSPECTOR_OFFLINE.name}


def _asked(client: PekatClient, lines: Lines) -> str:
    """What came of one request: a verdict, or why there was no reply."""
    try:
        got = analyze(client, seconds=2.0)
    except InspectorError as error:
        return error.reason.name
    verdict = read_reply(got.status, got.headers, got.body, rules()).judgement.verdict
    if verdict is Verdict.OK:  # a Content-Length may end it early: what counts is what it says then
        assert got.body in lines.sent
        assert may_be_ok(context_of(got.body), ""), lines.sent
    return verdict.name


def _ask_many(count: int) -> None:
    source, seen = seeded(), Counter[str]()
    context = [case for case in recordings() if case.response_type == "context" and not case.result_path]
    lines, before = Lines(source, context), 0
    with lines.served() as url, PekatClient(url) as client:
        for number in range(count):
            word = _asked(client, lines)
            seen[word] += 1
            assert word in EXPECTED, f"{word}: {lines.sent[:400]!r}"
            if number == WARM_UP:
                before = _resident()
        grown = _resident() - before
    print(dict(seen), f"grown by {grown / 2**20:.1f} MiB")
    report.note("replies_sent", sent=count, ok=seen["OK"], grown_kib=grown // 1024)
    assert seen["OK"] > 0
    assert seen["BAD_REPLY"] > 0
    assert grown < GROWTH


def test_a_thousand_mutated_replies_over_a_socket() -> None:
    _ask_many(SOME_SENT)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_twenty_thousand_mutated_replies_over_a_socket() -> None:
    _ask_many(MANY_SENT)
