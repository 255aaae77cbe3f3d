"""What has to be done beside the requests: strangers are shown out, certificates watched."""

import asyncio
import contextlib
import logging

from asyncua.ua.uaerrors import UaError
from cryptography import x509

from gateway.plc.opcua.security.access import Access
from gateway.plc.opcua.security.certificate_checks import CertificateRefused, parse
from gateway.plc.opcua.security.own_certificate import OwnCertificate
from gateway.plc.opcua.security.security_tags import SecurityTags
from gateway.plc.opcua.server import GatewayServer
from gateway.standing import standing

log = logging.getLogger(__name__)

PERIOD_S = 1.0

EXPIRY_S = 24 * 3600.0
"""How often the days left are counted; whoever connects meanwhile is counted then."""


class Caretaker:
    """A task for as long as the server runs."""

    def __init__(self, server: GatewayServer, access: Access, own: OwnCertificate, tags: SecurityTags) -> None:
        self._server = server
        self._access = access
        self._own = own
        self._tags = tags
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(standing("opcua-caretaker", self._run), name="opcua-caretaker")

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def changed(self) -> None:
        """Certificates or users are others than before. Takes note only."""
        self._changed.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        count_days_at = loop.time()
        while True:
            if loop.time() >= count_days_at:
                await self.count_days()
                count_days_at = loop.time() + EXPIRY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), PERIOD_S)
            if self._changed.is_set():
                self._changed.clear()
                self._server.use_certificate(self._own.current)
                await self._show_out()
                count_days_at = loop.time()

    async def count_days(self) -> None:
        """Bring the security tags up to date."""
        sent = {one.client_certificate for one in self._server.connections}
        await self._tags.show(self._own.current.certificate, [_leaf(one) for one in sent if one])

    async def _show_out(self) -> None:
        """End the channels of certificates that are not trusted any more, and the sessions of users who are gone."""
        for connection in self._server.connections:
            if (refused := self._refusal(connection.client_certificate)) is not None:
                connection.turn_away(refused)
        for session in self._server.sessions:
            certificate = session.channel.certificate if session.channel is not None else b""
            if self._refusal(certificate) is None and self._access.still_welcome(session.user):
                continue
            log.warning("OPC UA session of %.80r at %s ended: not welcome any more", session.user.name, session.name)
            with contextlib.suppress(UaError):  # asyncua's word for a subscription that went meanwhile
                await session.close_session(True)

    def _refusal(self, certificate: bytes) -> CertificateRefused | None:
        try:
            self._access.check_channel(certificate, new=False)
        except CertificateRefused as refused:
            return refused
        return None


def _leaf(sent: bytes) -> x509.Certificate:
    return parse(sent)[0]
