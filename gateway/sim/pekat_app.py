"""The PEKAT simulator's HTTP side: every request that PEKAT's API and its SDK know, and misbehaviour on demand."""

import asyncio
import base64
import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from PIL import Image
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.sim.pekat_context import Analysis, Context, context_of, image_of
from gateway.sim.pekat_images import BadImageError, encoded_image, raw_image, shared_image
from gateway.sim.pekat_settings import Mischief, Mode, PekatSimSettings

RESPONSE_TYPES = ("context", "image", "annotated_image", "heatmap")
IMAGE_MAX = 64 << 20
"""Bytes of a request's body; a 5 megapixel colour image has 15 MB."""
HANG_S = 3600.0
"""Longer than any client waits; the simulator's end cuts it short."""

TRACEBACK = 'Traceback (most recent call last):\n  File "server.py", line 112, in analyze\n{}\n'
PAGE = "<!doctype html><title>PEKAT simulator</title><p>PEKAT simulator: POST an image to /analyze_image</p>"


class PekatProject:
    """One simulated project: its state, and its answers. It looks at one image at a time, in a thread."""

    def __init__(self, settings: PekatSimSettings, stop: Callable[[], None]) -> None:
        self.settings = settings
        self.mischief = settings.mischief
        self.analysed = 0
        self.newest: Analysis | None = None
        self.stopping = asyncio.Event()
        self._stop = stop
        self._eyes = ThreadPoolExecutor(1, thread_name_prefix="pekat-sim-eyes")

    def close(self) -> None:
        """End the thread; an image takes it some milliseconds."""
        self._eyes.shutdown(wait=True, cancel_futures=True)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/api", self._page),
                Route("/ping", self._ping),
                Route("/version", self._version),
                Route("/stop", self._stop_requested),
                Route("/last_image", self._last_image),
                Route("/analyze_image", partial(self._analyze, read=self._encoded), methods=["POST"]),
                Route("/analyze_raw_image", partial(self._analyze, read=self._raw), methods=["POST"]),
                Route("/analyze_image_shared_memory", self._analyze_shared, methods=["POST"]),
                Route("/sim/misbehave", self._misbehave, methods=["POST"]),
                Route("/sim/state", self._state),
            ]
        )

    # ---- small requests --------------------------------------------------------------------------------------

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(PAGE)

    async def _ping(self, _: Request) -> Response:
        return PlainTextResponse("pong")

    async def _version(self, _: Request) -> Response:
        version = self.settings.version
        return PlainTextResponse(version) if version else PlainTextResponse("Not Found", 404)

    async def _stop_requested(self, request: Request) -> Response:
        if self.settings.stop_key and request.query_params.get("key") != self.settings.stop_key:
            return PlainTextResponse("wrong key", 403)
        self._stop()
        return PlainTextResponse("stopping")

    async def _misbehave(self, request: Request) -> Response:
        try:
            mischief = Mischief.model_validate_json(await request.body())
        except ValidationError as error:
            return PlainTextResponse(str(error), 422)
        self.mischief = mischief if mischief.count != 0 else None
        return PlainTextResponse("as you wish")

    async def _state(self, _: Request) -> Response:
        mode = self.mischief.mode.value if self.mischief is not None else None
        return JSONResponse({"analysed": self.analysed, "misbehaving": mode})

    # ---- images ----------------------------------------------------------------------------------------------

    async def _last_image(self, request: Request) -> Response:
        if request.query_params.get("response_type", "context") not in RESPONSE_TYPES or self.newest is None:
            return Response(b"", media_type="image/png")  # PEKAT's own answer: 200 and nothing
        return await self._answer(request, self.newest, self._next_mischief())

    async def _analyze(self, request: Request, read: Callable[[Request, bytes], Image.Image]) -> Response:
        began = time.perf_counter()
        try:
            body = await self._body(request)
        except ClientDisconnect:
            return PlainTextResponse("nobody left", 400)
        if self.settings.api_key and request.query_params.get("api_key") != self.settings.api_key:
            return PlainTextResponse("Unauthorized", 401)
        if request.query_params.get("response_type", "context") not in RESPONSE_TYPES:
            return PlainTextResponse("unknown response_type", 400)
        mischief = self._next_mischief()
        try:
            analysis = await asyncio.get_running_loop().run_in_executor(
                self._eyes, self._see, request, body, read, began
            )
        except BadImageError as error:
            return PlainTextResponse(TRACEBACK.format(error), 400)
        self.newest = analysis
        self.analysed += 1
        return await self._answer(request, analysis, mischief)

    async def _analyze_shared(self, request: Request) -> Response:
        if not self.settings.has_shared_memory:
            return PlainTextResponse("Not Found", 404)
        return await self._analyze(request, self._shared)

    async def _body(self, request: Request) -> bytes:
        """Raises ClientDisconnect where the client goes away, or sends more than is good."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > IMAGE_MAX:
                raise ClientDisconnect
        return bytes(body)

    def _see(
        self, request: Request, body: bytes, read: Callable[[Request, bytes], Image.Image], began: float
    ) -> Analysis:
        picture = read(request, body)
        seconds = time.perf_counter() - began + self.settings.delay_ms / 1000
        return Analysis.of(picture, request.query_params.get("data"), seconds, self.settings.judge)

    def _encoded(self, _: Request, body: bytes) -> Image.Image:
        return encoded_image(body, png_only=self.settings.png_only)

    def _raw(self, request: Request, body: bytes) -> Image.Image:
        return raw_image(body, *_size(request), bayer="bayer" in request.query_params)

    def _shared(self, request: Request, _: bytes) -> Image.Image:
        name = request.query_params.get("name", "")
        if not self.settings.shares_memory:
            raise BadImageError(f"FileNotFoundError: [Errno 2] No such file or directory: '/{name[:200]}'")
        return shared_image(name, *_size(request))

    # ---- answers ---------------------------------------------------------------------------------------------

    def _next_mischief(self) -> Mischief | None:
        mischief = self.mischief
        if mischief is not None and mischief.count is not None:
            left = mischief.count - 1
            self.mischief = mischief.model_copy(update={"count": left}) if left > 0 else None
        return mischief

    async def _answer(self, request: Request, analysis: Analysis, mischief: Mischief | None) -> Response:
        mode = mischief.mode if mischief is not None else None
        await self._think(mischief)
        match mode:
            case Mode.HANG:
                return PlainTextResponse("stopping", 503)
            case Mode.STATUS_400:
                return PlainTextResponse(TRACEBACK.format("cv2.error: imdecode"), 400)
            case Mode.JSON_400:
                return JSONResponse({"error": "bad image", "result": True}, 400)
            case Mode.STATUS_401:
                return PlainTextResponse("Unauthorized", 401)
            case Mode.STATUS_500:
                return PlainTextResponse("Internal Server Error", 500)
            case Mode.BAD_JSON:
                return Response(b'{"result": true, "processing"', media_type="application/json")
            case Mode.CLOSE_MID_BODY:
                return _BrokenOff(_form(request, analysis, context_of(analysis, self.settings), mode))
            case Mode.TRICKLE:
                whole = _form(request, analysis, context_of(analysis, self.settings), mode)
                return _Trickle(whole, (mischief.delay_ms if mischief is not None else 0) / 1000, self.stopping)
            case _:
                return _form(request, analysis, context_of(analysis, self.settings, mode), mode)

    async def _think(self, mischief: Mischief | None) -> None:
        """Take the time that the project takes, and what mischief adds; less where the simulator ends."""
        seconds = (self.settings.delay_ms + random.uniform(0, self.settings.jitter_ms)) / 1000
        if mischief is not None and mischief.mode is Mode.DELAY:
            seconds += mischief.delay_ms / 1000
        if mischief is not None and mischief.mode is Mode.HANG:
            seconds = HANG_S
        if seconds:
            await pause(self.stopping, seconds)


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, but no longer than to the end of the simulator."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


def _size(request: Request) -> tuple[int, int]:
    """(width, height), 0 where missing or no number."""
    texts = (request.query_params.get(key, "") for key in ("width", "height"))
    width, height = (int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0 for text in texts)
    return width, height


def _form(request: Request, analysis: Analysis, context: Context, mode: Mode | None) -> Response:
    """The reply in the form that was asked for; `context_in_body` counts by its presence."""
    query = request.query_params
    text = json.dumps(context, ensure_ascii=False).encode()
    kind = query.get("response_type", "context")
    if kind == "context" or mode is Mode.NO_IMAGE:
        return Response(text, media_type="application/json")
    image = image_of(analysis, kind)
    if "context_in_body" not in query:
        return Response(image, media_type="image/png", headers={"ContextBase64utf": base64.b64encode(text).decode()})
    length = len(image) if mode is not Mode.WRONG_IMAGE_LEN else len(image) + len(text) + 1
    return Response(image + text, media_type="image/png", headers={"ImageLen": str(length)})


class _BrokenOff(Response):
    """The first half of a reply; then the connection is closed."""

    def __init__(self, whole: Response) -> None:
        super().__init__(bytes(whole.body), headers=dict(whole.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})


class _Trickle(Response):
    """A reply byte by byte: a read time-out that starts anew with each byte never ends it."""

    def __init__(self, whole: Response, pause_s: float, stopping: asyncio.Event) -> None:
        super().__init__(bytes(whole.body), headers=dict(whole.headers))
        self._pause_s, self._stopping = pause_s, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        for byte in bytes(self.body):
            await send({"type": "http.response.body", "body": bytes((byte,)), "more_body": True})
            await pause(self._stopping, self._pause_s)
            if self._stopping.is_set():
                return
        await send({"type": "http.response.body", "body": b""})
