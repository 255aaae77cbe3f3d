"""One connection, from its first byte to its last: nobody breaks a rule, waits for ever, or takes more than his share.

asyncua's protocol takes any message at any time, collects what was announced however long it is, and waits for the
rest for ever. Here a client that breaks a rule of OPC 10000-6 is told so by an Error message (7.1.2.5), the log says
once who did what, and the connection is closed, after what came before the bad message was answered. All others notice
nothing.

A client that sends faster than it is answered, or does not take its answers, is read no further until it caught up.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.binary_server_asyncio import OPCUAProtocol
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import header_from_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.plc.opcua.security.certificate_checks import CertificateRefused
from gateway.plc.opcua.transport.chunk_rules import (
    HELLO,
    ChunkReader,
    ViolationError,
    acknowledge,
    agree,
    error_message,
    read_hello,
)
from gateway.plc.opcua.transport.complaints import Complaints
from gateway.plc.opcua.transport.guarded_channel import Allowance
from gateway.plc.opcua.transport.request_guard import GuardedProcessor

log = logging.getLogger(__name__)

OPENING_S: Final = 5.0
"""From the connection to its secure channel: two round trips, and the time to decrypt one message."""

CHUNK_S: Final = 10.0
"""From a chunk's first byte to its last: 6.4 KiB/s for the largest."""

MESSAGE_S: Final = 60.0
"""From a message's first chunk to its last."""

TAKING_S: Final = 30.0
"""How long a client may leave its answers lying before its connection is cut."""

LOOK_EVERY_S: Final = 0.25
"""How often connections are looked at for these times."""

FAREWELL_S: Final = 1.0
"""How long a client that was told goodbye has to close its side, so that it reads the reason instead of a reset."""

FAREWELLS: Final = 50
"""Connections beyond the limit that are told so at once; more than these are cut without a word."""

UNFINISHED_BYTES: Final = 16 * 1024 * 1024
"""Bytes of unfinished messages of all connections: four of the largest."""


@dataclass(slots=True)
class Watch:
    """What the connections of one server share."""

    complaints: Complaints = field(default_factory=Complaints)
    allowance: Allowance = field(default_factory=lambda: Allowance(UNFINISHED_BYTES))
    turned_away: set["GuardedProtocol"] = field(default_factory=set)
    """Connections beyond the limit that still read why."""

    async def look(self, clients: Sequence[OPCUAProtocol]) -> None:
        """See that no connection takes longer than it may, until this is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = asyncio.get_running_loop().time()
            for client in tuple(clients):
                if isinstance(client, GuardedProtocol):
                    client.look(now)


class GuardedProtocol(OPCUAProtocol):
    """One connection. `greet` makes what answers its requests."""

    def __init__(self, watch: Watch, *given: Any) -> None:
        super().__init__(*given)
        self._watch = watch
        self._reader = ChunkReader(self.limits.max_recv_buffer)
        self._guard: GuardedProcessor | None = None
        self._wire: asyncio.Transport | None = None
        self._connected_at = self._last_activated = 0.0
        self._chunk_since: float | None = None
        self._full_since: float | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._leaving = False

    def make_processor(self, transport: asyncio.Transport) -> GuardedProcessor:
        raise NotImplementedError

    # ---- coming and going --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire: Any = transport
        self._wire = wire
        self._connected_at = self._last_activated = asyncio.get_running_loop().time()
        if len(self.clients) >= self.iserver.max_connections:
            self.peer_name = transport.get_extra_info("peername")
            self._turn_away()
            return
        super().connection_made(transport)
        self.processor = self._guard = self.make_processor(wire)

    def connection_lost(self, ex: BaseException | None) -> None:
        if self._guard is not None:
            self._guard.silent = True
            self._guard.channel.drop_unfinished()
        self._watch.turned_away.discard(self)
        self._drained.set()
        super().connection_lost(ex)

    def _turn_away(self) -> None:
        """There are too many connections."""
        self._leaving = True
        limit = self.iserver.max_connections
        violation = ViolationError(StatusCodes.BadTcpNotEnoughResources, f"all {limit} connections are taken")
        if len(self._watch.turned_away) >= FAREWELLS:
            self._complain(violation)
            self.cut()
        else:
            self._watch.turned_away.add(self)
            self._say_goodbye(violation)

    async def _activation_watchdog(self) -> None:
        """asyncua's looks once, ten seconds after the connection; `look` does so all the time."""

    def cut(self) -> None:
        """End the connection without waiting for the client."""
        if self._wire is not None:
            self._wire.abort()

    def refuse(self, violation: ViolationError) -> None:
        """Tell the client what it did, and the log; then close."""
        if not self._leaving:
            self._leaving = True
            self._say_goodbye(violation)

    def _say_goodbye(self, violation: ViolationError) -> None:
        self._complain(violation)
        if self._guard is not None:
            self._guard.silent = True
        wire = self._wire
        if wire is None or wire.is_closing():
            return
        wire.write(error_message(violation.code, violation.told))
        with contextlib.suppress(OSError):  # it is gone already, which its transport is about to find out
            wire.write_eof()
        wire.resume_reading()
        asyncio.get_running_loop().call_later(FAREWELL_S, wire.abort)

    def _complain(self, violation: ViolationError) -> None:
        name = ua.status_codes.get_name_and_doc(violation.code)[0]
        host = self.peer_name[0] if isinstance(self.peer_name, tuple) and self.peer_name else str(self.peer_name)
        text = f"OPC UA client {self.peer_name}: {violation.reason} ({name}); disconnected"
        line = self._watch.complaints.line(str(host), text, asyncio.get_running_loop().time())
        if line is not None:
            log.warning("%s", line)

    # ---- receiving ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        self._reader.feed(data)
        self._cut_chunks()

    def _cut_chunks(self) -> None:
        """Queue every whole chunk; leave off while the queue is full."""
        try:
            while not self.messages.full():
                chunk = self._reader.next()
                if chunk is None:
                    self._wait_for_the_rest()
                    return
                self._chunk_since = None
                self._queue(chunk)
            self._chunk_since = None
            self._read(on=False)
        except ViolationError as violation:
            self._leaving = True  # nothing more is read; what came before is answered first
            self.messages.put_nowait((violation, None))

    def _wait_for_the_rest(self) -> None:
        if not len(self._reader):
            self._chunk_since = None
        elif self._chunk_since is None:
            self._chunk_since = asyncio.get_running_loop().time()
        self._read(on=True)

    def _queue(self, chunk: bytes) -> None:
        if chunk[:3] == HELLO:
            self._acknowledge(chunk)
            return
        buffer = Buffer(chunk)
        self.messages.put_nowait((header_from_binary(buffer), buffer))

    def _acknowledge(self, chunk: bytes) -> None:
        if self._guard is None or self._wire is None:
            return
        agreed = agree(read_hello(chunk), self.limits.max_recv_buffer)
        self._reader.largest = agreed.receive_buffer
        self._guard.agreed(agreed)
        self._wire.write(acknowledge(agreed, self.limits.max_message_size, self.limits.max_chunk_count))

    def _read(self, *, on: bool) -> None:
        if self._wire is None or self._wire.is_closing() or self._wire.is_reading() is on:
            return
        if on:
            self._wire.resume_reading()
        else:
            self._wire.pause_reading()

    # ---- answering ---------------------------------------------------------------------------------------------

    async def _process_one_msg(self, header: Any, buf: Buffer) -> bool:
        if isinstance(header, ViolationError):
            self._leaving = False
            self.refuse(header)
            return False
        if self._guard is None or self._guard.silent:
            return False
        await self._drained.wait()
        try:
            goes_on = await super()._process_one_msg(header, buf)
        except ViolationError as violation:
            self.refuse(violation)
            return False
        except (ServiceError, UaStatusCodeError, CertificateRefused) as error:
            self.refuse(ViolationError(error.code, f"{header.MessageType.decode()} was refused: {error}"))
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is ends this connection, and nothing else
            self.refuse(
                ViolationError(StatusCodes.BadTcpInternalError, f"{header.MessageType.decode()} failed: {error!r}")
            )
            return False
        if not self._leaving and not self._reading():
            self._cut_chunks()
        return goes_on

    def _reading(self) -> bool:
        return self._wire is not None and self._wire.is_reading()

    def pause_writing(self) -> None:
        """The client does not take its answers: it gets no new ones until it does."""
        self._drained.clear()
        self._full_since = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        self._full_since = None
        self._drained.set()

    # ---- time --------------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Close the connection where something takes too long. `now` is the loop's time."""
        if self._leaving or self._guard is None:
            return
        late = self._late(self._guard, now)
        if late is not None:
            self.refuse(late)
        elif self._full_since is not None and now - self._full_since > TAKING_S:
            self._leaving = True
            self._complain(ViolationError(StatusCodes.BadTimeout, f"takes no answers for {TAKING_S:.0f} s"))
            self.cut()

    def _late(self, guard: GuardedProcessor, now: float) -> ViolationError | None:
        channel, session = guard.channel, guard.session
        if not channel.is_open() and now - self._connected_at > OPENING_S:
            what = "no OPN" if self._reader.greeted else "no HEL"
            return ViolationError(StatusCodes.BadTimeout, f"{what} within {OPENING_S:.0f} s")
        if self._chunk_since is not None and now - self._chunk_since > CHUNK_S:
            return ViolationError(StatusCodes.BadTimeout, f"a chunk was not complete within {CHUNK_S:.0f} s")
        begun = channel.unfinished_since
        if begun is not None and now - begun > MESSAGE_S:
            return ViolationError(StatusCodes.BadTimeout, f"a message was not complete within {MESSAGE_S:.0f} s")
        if channel.is_open() and now > channel.ends:
            return ViolationError(StatusCodes.BadSecureChannelClosed, "the channel was not renewed in time")
        if session is not None and session.is_activated():
            self._last_activated = now
        elif now - self._last_activated > self.iserver.max_pending_activation_seconds:
            grace = self.iserver.max_pending_activation_seconds
            return ViolationError(StatusCodes.BadTimeout, f"no session for {grace:.0f} s")
        return None
