"""Pictures from a camera that is asked over HTTP after each trigger: an IP camera's snapshot URL, or PEKAT's own.

The camera is asked after the trigger, so a picture is never older than it, as far as the camera tells the truth. One
that gives a stored picture again and again is found by its bytes: no sensor repeats itself.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from urllib3.exceptions import HTTPError

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason
from gateway.images.faults import ImageFault, broken
from gateway.images.limits import ImageLimits, image_fault
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.http_settings import HttpCameraSettings, PekatCameraSettings, without_query
from gateway.sources.pending import now_us
from gateway.sources.worker import Worker

log = logging.getLogger(__name__)

MARGIN_US = 10_000
"""So much before the deadline the wait ends: then the answer says what failed, not only that time is up."""
CHUNK = 256 * 1024
"""Bytes read at a time; between two of them the deadline and the size are looked at."""
ASKING = 64
"""Questions that wait: far more than inspections can be in flight."""
CHECK_S = 5.0
"""How long a health check may take in all."""

UNAUTHORISED = (requests.codes.unauthorized, requests.codes.forbidden)


@dataclass(frozen=True, slots=True)
class Asker:
    """How one camera is asked: where, as whom, and how long it may be silent (seconds)."""

    url: str
    auth: AuthBase | None
    verify: bool | str
    """Whether a certificate is checked, or the file with the one that signed it."""
    timeout: tuple[float, float]
    limits: ImageLimits

    @property
    def place(self) -> str:
        """The address for people and logs."""
        return without_query(self.url)


def snapshot_asker(settings: HttpCameraSettings) -> Asker:
    """Asks an IP camera. Raises ConfigError where the password cannot be had."""
    word = settings.password()
    auth: AuthBase | None = None
    if settings.auth != "none":
        auth = (HTTPBasicAuth if settings.auth == "basic" else HTTPDigestAuth)(settings.user, word)
    timeout = (settings.connect_timeout_ms / 1000, settings.read_timeout_ms / 1000)
    verify: bool | str = settings.verify_tls
    if settings.verify_tls and settings.ca_file is not None:
        verify = str(settings.ca_file)
    return Asker(settings.url, auth, verify, timeout, settings.limits)


def last_image_asker(settings: PekatCameraSettings) -> Asker:
    """Asks PEKAT for the image that it grabbed last, as a PNG."""
    timeout = (settings.connect_timeout_ms / 1000, settings.read_timeout_ms / 1000)
    url = f"{settings.url.rstrip('/')}/last_image?response_type=image"
    return Asker(url, None, True, timeout, settings.limits)


class HttpCamera:
    """An ImageSource. Each trigger is one GET on a thread of the source's own, over one kept connection."""

    def __init__(self, station: str, asker: Asker, *, refuse_same: bool) -> None:
        self._asker = asker
        self._refuse_same = refuse_same
        self._station = station
        self._thread = Worker(f"{station}-http-camera", ASKING, "the camera")
        self._session = requests.Session()
        self._count = 0
        self._last = b""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._session = requests.Session()
            self._session.trust_env = False  # a proxy or a .netrc of this machine has no business with a camera
            self._session.headers.update({"Cache-Control": "no-cache", "Accept-Encoding": "identity"})
            stack.callback(_hang_up, self._session)
            await stack.enter_async_context(self._thread)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The picture that the camera gives now, as its bytes, not decoded.

        Raises SourceError: EMPTY_IMAGE, NOT_AN_IMAGE, IMAGE_TOO_LARGE, PIXEL_FORMAT for what is no whole picture within
        the limits, NO_IMAGE for one that was given before, SOURCE_FAILED where the camera cannot be reached, refuses,
        or is too slow.
        """
        deadline = order.deadline - MARGIN_US
        left_s = max(deadline - now_us(), 0) / 1e6
        data = await self._thread.call(lambda: self._fetch(deadline), left_s)
        self._check_new(data)
        self._count += 1
        return Picture(f"{self._station}-{self._count}", data)

    def collect(self, since: int | None) -> None:
        """Nothing to do: the camera has no pictures that wait."""

    async def arrival(self) -> None:
        """At once, where the camera answers: in a run it is asked as often as pictures can be judged."""
        await self.check()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Nothing to do: there is no file."""

    async def check(self) -> None:
        """Raise SourceError where the camera does not answer with success; the picture itself is not read."""
        await self._thread.call(self._look, CHECK_S)

    # ---- in the camera's thread ------------------------------------------------------------------------------

    def _look(self) -> None:
        with self._ask(now_us() + int(CHECK_S * 1e6)):
            return

    def _fetch(self, deadline: int) -> bytes:
        data = self._read(deadline)
        if (fault := image_fault(data, self._asker.limits)) is not None:
            raise self._bad(fault)
        return data

    def _read(self, deadline: int) -> bytes:
        pieces, size = [], 0
        with self._ask(deadline) as response:
            self._check_announced(response)
            try:
                # read1 gives what is there; iter_content would wait for a whole chunk of a camera that dribbles.
                while piece := response.raw.read1(CHUNK, decode_content=False):
                    pieces.append(piece)
                    size += len(piece)
                    self._check_size(size)
                    self._check_time(deadline)
            except HTTPError as error:
                raise self._failed("broke off in the middle of a picture", error) from error
        return b"".join(pieces)

    def _check_announced(self, response: requests.Response) -> None:
        """Raises SourceError for a picture that is too large by what the camera says, or packed: it may be a bomb."""
        packing = response.headers.get("Content-Encoding", "identity")
        if packing != "identity":
            raise self._bad(broken(f"the camera packed the picture ({packing[:20]}) though it was asked not to"))
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and len(length) < 20:
            self._check_size(int(length))

    def _check_size(self, size: int) -> None:
        if (large := self._asker.limits.over_bytes(size)) is not None:
            raise self._bad(large)

    def _ask(self, deadline: int) -> requests.Response:
        """The head of the camera's answer; the caller closes it."""
        self._check_time(deadline)
        connect_s, read_s = self._asker.timeout
        left_s = (deadline - now_us()) / 1e6
        try:
            response = self._session.get(
                self._asker.url,
                auth=self._asker.auth,
                verify=self._asker.verify,
                timeout=(min(connect_s, left_s), min(read_s, left_s)),
                stream=True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._failed("does not answer", error) from error
        if response.status_code != requests.codes.ok:
            response.close()
            raise self._refused(response.status_code)
        return response

    def _check_time(self, deadline: int) -> None:
        if now_us() >= deadline:
            raise SourceError(f"{self._asker.place}: the picture did not come in time", hint="is the camera busy?")

    # ---- what is wrong with it -------------------------------------------------------------------------------

    def _check_new(self, data: bytes) -> None:
        """Raises SourceError for the picture of the last time, where that is refused."""
        mark = hashlib.blake2b(data, digest_size=16).digest() if self._refuse_same else b""
        if self._refuse_same and mark == self._last:
            raise SourceError(
                f"{self._asker.place}: the very picture of the trigger before",
                reason=Reason.NO_IMAGE,
                hint="the camera has taken no new picture: is it running?",
            )
        self._last = mark

    def _bad(self, fault: ImageFault) -> SourceError:
        hint = "look at it in a browser; is this the URL of a still picture?"
        return SourceError(f"{self._asker.place}: {fault}", reason=fault.reason, hint=hint)

    def _failed(self, what: str, error: Exception) -> SourceError:
        text = f"{self._asker.place}: the camera {what}"
        log.debug("%s: %s", text, type(error).__name__)  # the error's own text holds the URL with its query
        return SourceError(text, hint="check the address, the cable, and whether the camera is on")

    def _refused(self, status: int) -> SourceError:
        hint = "check the URL's path in a browser"
        if status in UNAUTHORISED:
            hint = "check user and password, and whether auth is basic or digest"
        return SourceError(f"{self._asker.place}: the camera answered HTTP {status}", hint=hint)


def _hang_up(session: requests.Session) -> None:
    """Close the connections now: urllib3 leaves them to the garbage collector as long as an error's traceback lives."""
    for adapter in session.adapters.values():
        if isinstance(adapter, HTTPAdapter):
            pools = adapter.poolmanager.pools
            for key in pools.keys():  # noqa: SIM118 - no dictionary: it has keys() and nothing to iterate by
                pools[key].close()
    session.close()
