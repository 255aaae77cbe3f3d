"""The client of one PEKAT project's REST API. Blocking: it belongs to one thread; only `Call.abort` is for others.

requests as it is costs 2.2 times the bare sockets for an image of 2 MB. Here its session keeps one connection alive,
its requests are prepared once and sent through an adapter of ours (see wire.py), without proxies from the environment.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from typing import Self, cast
from urllib.parse import quote

from requests import PreparedRequest, Request, Session
from urllib3.exceptions import HTTPError

from gateway.core.errors import InspectorError
from gateway.core.result import REASON_TEXTS, Reason
from gateway.ports import RawFormat
from gateway.vision.pekat_reply import ResponseType
from gateway.vision.wire import Call, Wire, WireAdapter

READ_CHUNK = 1 << 16
"""Bytes asked for at once where the reply does not say how long it is."""
RETRY_PAUSE_S = 0.05
"""Between two attempts to connect: a refusing host answers in microseconds, and nothing is gained by hammering it."""
SHORT_REPLY = 1 << 16
"""Bytes that a ping, a version or a stop may answer; they answer a word."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a client connects. `retries` are further attempts of a call of which nothing was sent yet.

    `keep_alive_s`: an idle connection older than this is opened anew. Many servers drop theirs after 5 s; going first
    avoids a request that crosses the server's goodbye.
    """

    connect_timeout_s: float = 1.0
    keep_alive_s: float = 4.0
    max_reply_bytes: int = 64 << 20
    retries: int = 0
    api_key: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """What an analyze or last_image request asks for. `data` goes to the flow's context; empty: not sent."""

    response_type: ResponseType = "context"
    data: str = ""
    context_in_body: bool = True


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer as it came. `elapsed_us` is the time of the whole call in microseconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_us: int


class PekatClient:
    """One PEKAT project at `url` (http://host:port), on one connection that is kept and reopened as needed.

    Every method raises InspectorError: INSPECTOR_OFFLINE (refused, reset, unknown host), TIMEOUT (the call's deadline),
    BAD_REPLY (no HTTP, broken off, too long), CANCELLED (aborted). An HTTP status is no error here, except to `ping`.
    """

    def __init__(self, url: str, options: ClientOptions | None = None) -> None:
        self._url = url.rstrip("/")
        self._options = options or ClientOptions()
        self._wire = Wire(self._options.keep_alive_s)
        self._session = Session()
        self._session.trust_env = False
        self._adapter = WireAdapter(self._wire)
        self._session.mount("http://", self._adapter)
        self._get = self._prepare("GET", {})
        self._post = self._prepare("POST", {"Content-Type": "application/octet-stream", "Content-Length": "0"})
        self._bare_post = self._prepare("POST", {"Content-Length": "0"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    @property
    def url(self) -> str:
        return self._url

    # ---- the API ---------------------------------------------------------------------------------------------

    def analyze_image(self, image: bytes | memoryview, ask: Ask, call: Call) -> HttpReply:
        """Have an encoded image (PNG; older versions JPEG, BMP) judged."""
        return self._perform(self._post, f"/analyze_image?{self._query(ask)}", call, image)

    def analyze_raw_image(self, pixels: bytes | memoryview, raw: RawFormat, ask: Ask, call: Call) -> HttpReply:
        """Have raw pixels judged: grey, BGR, or Bayer RG8. Raises ValueError where length and format disagree."""
        check_length(pixels, raw)
        size = f"height={raw.height}&width={raw.width}{'&bayer' * raw.bayer}"
        return self._perform(self._post, f"/analyze_raw_image?{size}&{self._query(ask)}", call, pixels)

    def analyze_shared_memory(self, name: str, raw: RawFormat, ask: Ask, call: Call) -> HttpReply:
        """Have grey or BGR pixels judged that lie in the block of shared memory called `name`, on PEKAT's machine."""
        size = f"height={raw.height}&width={raw.width}&name={name}"
        return self._perform(self._bare_post, f"/analyze_image_shared_memory?{size}&{self._query(ask)}", call)

    def last_image(self, ask: Ask, call: Call) -> HttpReply:
        """The newest analysed image, whoever sent it; nothing in it says which one it is."""
        return self._perform(self._get, f"/last_image?{self._query(ask)}", call)

    def ping(self, call: Call) -> HttpReply:
        """The answer of the project's server. Raises InspectorError SERVER_ERROR for any status but 200 too."""
        reply = self._perform(self._get, "/ping", call, limit=SHORT_REPLY)
        if reply.status != 200:
            raise InspectorError(f"{self._url}/ping answered HTTP {reply.status}", reason=Reason.SERVER_ERROR)
        return reply

    def version(self, call: Call) -> str:
        """The version as text, `4.0.3`; empty before 3.18, which has no such request."""
        reply = self._perform(self._get, "/version", call, limit=SHORT_REPLY)
        return reply.body.decode("utf-8", "replace").strip() if reply.status == 200 else ""

    def stop(self, key: str, call: Call) -> HttpReply:
        """End the project's process. `key` is the one that its starter gave; empty: not sent."""
        path = f"/stop?key={quote(key, safe='')}" if key else "/stop"
        return self._perform(self._get, path, call, limit=SHORT_REPLY)

    # ---- one request -----------------------------------------------------------------------------------------

    def _prepare(self, method: str, headers: Mapping[str, str]) -> PreparedRequest:
        return self._session.prepare_request(
            Request(method, self._url, headers={"Accept": "*/*", "Accept-Encoding": "identity", **headers})
        )

    def _query(self, ask: Ask) -> str:
        """PEKAT wants `context_in_body` as a flag, and the text percent-encoded; what is not set is left out."""
        parts = [f"response_type={ask.response_type}"]
        if ask.data:
            parts.append(f"data={quote(ask.data, safe='', errors='replace')}")
        if self._options.api_key:
            parts.append(f"api_key={quote(self._options.api_key, safe='')}")
        if ask.context_in_body and ask.response_type != "context":
            parts.append("context_in_body")
        return "&".join(parts)

    def _perform(
        self, request: PreparedRequest, path: str, call: Call, body: bytes | memoryview | None = None, limit: int = 0
    ) -> HttpReply:
        request.url = self._url + path
        if body is not None:
            request.body = body  # type: ignore[assignment]  # urllib3 sends any buffer; the stubs know bytes and str
            request.headers["Content-Length"] = str(memoryview(body).nbytes)
        answered = False
        try:
            reply = self._attempt(request, call, limit or self._options.max_reply_bytes)
            answered = True
        finally:
            if not answered:
                self._adapter.close()  # nothing of a failed call may meet the next one
            call.finish(failed=not answered)
            request.body = None
        return reply

    def _attempt(self, request: PreparedRequest, call: Call, limit: int) -> HttpReply:
        """Tries again only as configured, and only while no byte of the request was sent."""
        left = self._options.retries
        while True:
            try:
                return self._exchange(request, call, limit)
            except (OSError, HTTPError, HTTPException) as error:  # requests' own errors are OSErrors
                failed = failure(error, call, self._url)
                if left == 0 or call.sent or failed.reason is not Reason.INSPECTOR_OFFLINE:
                    raise failed from error
            left -= 1
            call.pause(RETRY_PAUSE_S)

    def _exchange(self, request: PreparedRequest, call: Call, limit: int) -> HttpReply:
        began = time.monotonic_ns()
        self._wire.call = call
        seconds = call.remaining()
        timeout = (min(self._options.connect_timeout_s, call.connect_s, seconds), seconds)
        response = self._adapter.send(request, stream=True, timeout=timeout, verify=False)
        call.replied = True
        try:
            body = _read(cast(HTTPResponse, response.raw), limit)
        finally:
            response.close()
        elapsed = (time.monotonic_ns() - began) // 1000
        return HttpReply(response.status_code, response.headers, body, elapsed)


def check_length(pixels: bytes | memoryview, raw: RawFormat) -> None:
    """Raises ValueError where there are not as many bytes as the format says."""
    length = memoryview(pixels).nbytes
    if length != raw.width * raw.height * raw.channels:
        raise ValueError(f"{length} bytes are no image of {raw.width} x {raw.height} x {raw.channels}")


class _TooLongError(HTTPException):
    """The reply is longer than allowed."""


def _read(raw: HTTPResponse, limit: int) -> bytes:
    """The whole body. Raises _TooLongError before more than `limit` bytes are held."""
    lengths = raw.headers.get_all("Content-Length", [])
    if len(set(lengths)) > 1 or not all(length.strip().isdecimal() for length in lengths):
        raise HTTPException(f"the reply's length is {', '.join(lengths)[:40]}")
    if raw.length is not None:
        if raw.length > limit:
            raise _TooLongError(f"a reply of {raw.length} bytes, more than the {limit} allowed")
        return raw.read()
    chunks, total = [], 0
    while chunk := raw.read(READ_CHUNK):
        total += len(chunk)
        if total > limit:
            raise _TooLongError(f"a reply of more than the {limit} bytes allowed")
        chunks.append(chunk)
    return b"".join(chunks)


def failure(error: Exception, call: Call, url: str) -> InspectorError:
    """What a failed call means. The message never holds the request's URL: that would put the API key in a log."""
    root: BaseException = error
    while (deeper := root.__cause__ or root.__context__) is not None:
        root = deeper
    reason, text = _meaning(root, call)
    return InspectorError(f"{url}: {text}", reason=reason, hint=REASON_TEXTS[reason])


def _meaning(root: BaseException, call: Call) -> tuple[Reason, str]:
    if call.aborted:
        return Reason.CANCELLED, "the call was aborted"
    if call.timed_out:
        return Reason.TIMEOUT, "no complete answer within the inspection's time"
    no_http = call.sent and not isinstance(root, OSError)  # a server that just hangs up gives an OSError
    if call.replied or no_http:
        return Reason.BAD_REPLY, f"the reply is broken: {str(root)[:200] or type(root).__name__}"
    return Reason.INSPECTOR_OFFLINE, str(root)[:200] or type(root).__name__
