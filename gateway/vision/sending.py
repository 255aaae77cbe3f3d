"""Hands pictures to PEKAT, each the shortest way. Runs on the lanes' threads.

Copies of a frame in this process: shared memory one (into the block), raw HTTP none (the kernel takes it from where the
source put it), PNG as many as it takes to encode. A file's bytes are never touched.
"""

import logging
import re
import time
from dataclasses import replace

from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.images.png import png_of
from gateway.ports import Picture, RawFormat
from gateway.vision.pekat import Ask, HttpReply, PekatClient, check_length
from gateway.vision.shared_memory import Block, Blocks, sweep
from gateway.vision.way import Route, Ways, WaySetting, same_machine
from gateway.vision.wire import Call

log = logging.getLogger(__name__)

SMALLEST = 1 << 16
"""Bytes from which sharing pays. Where blocks are rounded up to pages, one this big still shows its channels."""
NOT_SERVED = frozenset({404, 405, 501})
"""There is no such request at this PEKAT."""
ASKS_FOR_KEY = frozenset({401, 403})
"""Says nothing of shared memory."""
_OS_ERROR = rb"(?:Errno|WinError|FileNotFoundError|PermissionError)[^\r\n]{0,200}[^=\w]%s\b"
"""As Python words it: FileNotFoundError: [Errno 2] No such file or directory: '/NAME', in any language of Windows."""


class Sender:
    """One inspector's: `ways` remembers which way goes where; frames in shared memory go through a ring of blocks, of
    which `keep` wait for the next frames.
    """

    def __init__(self, setting: WaySetting, keep: int) -> None:
        self.ways = Ways(setting)
        self._blocks = Blocks(keep)

    def open(self) -> None:
        """Clean up after gateways that were killed. Takes microseconds."""
        sweep()

    def close(self) -> None:
        """Leave nothing in shared memory."""
        self._blocks.close()

    def learn(self, client: PekatClient, call: Call) -> None:
        """Find out the way to this endpoint. Raises InspectorError where it does not answer."""
        self.ways.learn(client.url, *endpoint_facts(client, call))

    def send(self, picture: Picture, ask: Ask, client: PekatClient, call: Call) -> HttpReply:
        """PEKAT's answer. Raises InspectorError."""
        try:
            return self._send(picture, ask, client, call)
        except InspectorError as error:
            if error.reason is Reason.INSPECTOR_OFFLINE:
                self.ways.forget(client.url)
            raise

    def _send(self, picture: Picture, ask: Ask, client: PekatClient, call: Call) -> HttpReply:
        raw = picture.raw
        if raw is None:
            return client.analyze_image(picture.data, ask, call)
        try:
            check_length(picture.data, raw)
        except ValueError as error:
            raise InspectorError(f"{picture.name}: {error}", reason=Reason.BAD_IMAGE) from error
        route = self.ways.to(client.url).route
        if raw.bayer:  # only analyze_raw_image can be told of it
            route = Route.HTTP
        match route:
            case Route.SHARED_MEMORY if memoryview(picture.data).nbytes >= SMALLEST:
                return self._share(picture.data, raw, ask, client, call)
            case Route.PNG:
                return client.analyze_image(png_of(picture.data, raw), ask, call)
            case _:
                return client.analyze_raw_image(picture.data, raw, ask, call)

    def _share(
        self, pixels: bytes | memoryview, raw: RawFormat, ask: Ask, client: PekatClient, call: Call
    ) -> HttpReply:
        """Through shared memory; and over HTTP where PEKAT says that it could not attach the block.

        Then nothing was inspected, so asking again is no second inspection of the part.
        """
        began = time.monotonic_ns()
        try:
            block = self._blocks.filled(pixels)
        except OSError as error:
            self.ways.refused(client.url, f"no shared memory to be had: {error.strerror or error}", certain=True)
            return client.analyze_raw_image(pixels, raw, ask, call)
        reply = self._ask_for(block, raw, ask, client, call)
        if not _not_attached(reply, block.name):
            return reply
        self.ways.refused(client.url, "PEKAT cannot attach this machine's shared memory", certain=True)
        call.renew()
        again = client.analyze_raw_image(pixels, raw, ask, call)
        return replace(again, elapsed_us=(time.monotonic_ns() - began) // 1000)

    def _ask_for(self, block: Block, raw: RawFormat, ask: Ask, client: PekatClient, call: Call) -> HttpReply:
        """Only an answer 200 frees the block for another frame: of anything else, nobody knows who reads it still."""
        read = False
        try:
            reply = client.analyze_shared_memory(block.name, raw, ask, call)
            read = reply.status == 200
        except InspectorError as error:
            if call.sent and (error.reason is not Reason.CANCELLED or call.spent):
                self.ways.unanswered(client.url)
            raise
        finally:
            if read or not call.sent:
                self._blocks.give_back(block)
            else:
                self._blocks.retire(block)
        if read:
            self.ways.proved(client.url)
        elif reply.status not in ASKS_FOR_KEY and not _not_attached(reply, block.name):
            because = f"PEKAT answered HTTP {reply.status} to the first frame in shared memory"
            self.ways.refused(client.url, because, certain=False)
        return reply


def _not_attached(reply: HttpReply, name: str) -> bool:
    """Whether the answer proves that PEKAT could not attach the block: it serves no such request, or tells of an error
    of the operating system's with this very name. The name by itself may come from the request in any error's text.
    """
    if reply.status in NOT_SERVED:
        return True
    return reply.status >= 400 and re.search(_OS_ERROR % name.encode(), reply.body) is not None


def endpoint_facts(client: PekatClient, call: Call) -> tuple[bool, str]:
    """(PEKAT is on this machine, its version): what the way goes by. Raises InspectorError."""
    version = client.version(call)
    try:
        return same_machine(client.url), version
    except OSError as error:  # the name could be resolved a moment ago
        log.debug("%s: %s", client.url, error)
        return False, version
