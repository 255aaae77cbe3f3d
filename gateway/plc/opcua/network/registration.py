"""Registering with Local Discovery Servers (OPC 10000-4, 5.5.5 and 5.5.6), for as long as the gateway serves.

A discovery server forgets a server that has not registered again within ten minutes. One that is not there, hangs or
refuses costs a line in the log and a try now and then; nothing else ever waits for it. What it is told is no secret:
its certificate is not checked, ours is what it decides by.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SECURITY_POLICY_TYPE_MAP
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.plc.opcua.processor import end_tasks
from gateway.plc.opcua.security.certificate import ServerCertificate
from gateway.plc.opcua.transport.guarded_channel import BROKEN
from gateway.standing import standing

log = logging.getLogger(__name__)

ATTEMPT_S = 5.0
"""One registration from connecting to its answer: it takes some milliseconds in a plant."""

LEAVING_S = 2.0
"""How long the end waits for discovery servers to be told; one that is not is told by silence, ten minutes later."""

FIRST_RETRY_S = 5.0
"""A discovery server that starts with this machine is there a few seconds later; afterwards twice as long each time."""

LONGEST_NAME = 63
"""Bytes of a name that a discovery server announces by mDNS (OPC 10000-4, 7.13.2)."""

_OLD = (StatusCodes.BadServiceUnsupported, StatusCodes.BadNotImplemented)
_FAILURES = (*BROKEN, OSError)

_DISTRUST = (StatusCodes.BadSecurityChecksFailed, StatusCodes.BadCertificateUntrusted)
_TRUST = "if it does not trust this server's certificate yet, put that into its folder of trusted ones"

_POLICIES = (
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_Sign,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
)
"""What is taken of what a discovery server offers, the best first; without any of them it is told without security."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What others are told of this server. `capabilities`: identifiers of OPC 10000-12, Annex D."""

    uri: str
    product_uri: str
    name: str
    host: str
    urls: Sequence[str]
    capabilities: Sequence[str]

    @property
    def mdns_name(self) -> str:
        """Different for each gateway in a plant. A name, not a host: without dots."""
        on = shortened(f" on {self.host}", LONGEST_NAME // 2)
        return (shortened(self.name, LONGEST_NAME - len(on.encode())) + on).replace(".", "-")


CurrentCertificate = Callable[[], ServerCertificate]
"""This server's own, which may be renewed meanwhile."""


class Registrar:
    """Keeps one server registered with each of `servers`, URLs of discovery servers. `start` it, `stop` it."""

    def __init__(self, servers: Sequence[str], period_s: float, own: CurrentCertificate, notice: Notice) -> None:
        self._servers = tuple(servers)
        self._period_s = period_s
        self._own = own
        self._notice = notice
        self._registered: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for url in self._servers:
            name = f"opcua-register-{url}"
            self._tasks.append(asyncio.create_task(standing(name, partial(self._keep, url)), name=name))

    async def stop(self) -> None:
        """Tell those that know this server that it is gone. Returns within LEAVING_S, whatever they do."""
        await end_tasks(self._tasks)
        self._tasks = []
        leaving = [asyncio.create_task(self._leave(url), name=f"opcua-leave-{url}") for url in self._registered]
        if leaving:
            _, late = await asyncio.wait(leaving, timeout=LEAVING_S)
            await end_tasks(list(late))

    async def _keep(self, url: str) -> None:
        pause, failing = min(FIRST_RETRY_S, self._period_s), False
        while True:
            wrong = await self._attempt(url, online=True)
            if not wrong and (failing or url not in self._registered):
                log.info("registered with the discovery server %s", url)
            elif wrong and not failing:
                log.warning("not registered with the discovery server %s, and trying again: %s", url, wrong)
            failing = bool(wrong)
            if failing:
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._period_s)
            else:
                self._registered.add(url)
                pause = min(FIRST_RETRY_S, self._period_s)
                await asyncio.sleep(self._period_s)

    async def _leave(self, url: str) -> None:
        wrong = await self._attempt(url, online=False)
        if wrong:
            log.info("the discovery server %s was not told of the end: %s", url, wrong)

    async def _attempt(self, url: str, *, online: bool) -> str:
        """Say once that the server is there, or is not; what went wrong."""
        try:
            async with asyncio.timeout(ATTEMPT_S), _channel(url, self._own()) as client:
                await _tell(client, self._notice, online=online)
        except TimeoutError:
            return f"no answer within {ATTEMPT_S:g} s"
        except UaStatusCodeError as error:
            advice = f": {_TRUST}" if error.code in _DISTRUST else ""
            return f"{ua.StatusCode(ua.UInt32(error.code)).name}{advice}"
        except AssertionError:  # asyncua's, where the answer to its OpenSecureChannel is a fault, which it cannot read
            return f"it refused a secure channel: {_TRUST}"
        except _FAILURES as error:
            return str(error) or type(error).__name__
        return ""


def shortened(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, cut between characters."""
    return text.encode()[:most].decode(errors="ignore")


async def _tell(client: Client, notice: Notice, *, online: bool) -> None:
    """RegisterServer2, or RegisterServer where the discovery server is too old for it (5.5.6)."""
    server = ua.RegisteredServer()
    server.ServerUri = ua.String(notice.uri)
    server.ProductUri = ua.String(notice.product_uri)
    server.ServerNames = [ua.LocalizedText(notice.name, "en")]
    server.ServerType = ua.ApplicationType.Server
    server.DiscoveryUrls = [ua.String(url) for url in notice.urls]
    server.IsOnline = online
    params = ua.RegisterServer2Parameters(server)
    mdns = ua.MdnsDiscoveryConfiguration(ua.String(notice.mdns_name), [ua.String(one) for one in notice.capabilities])
    params.DiscoveryConfiguration = [mdns]
    try:
        await client.uaclient.register_server2(params)
    except UaStatusCodeError as error:
        if error.code not in _OLD:
            raise
        await client.uaclient.register_server(server)


@asynccontextmanager
async def _channel(url: str, own: ServerCertificate) -> AsyncIterator[Client]:
    """A secure channel to a discovery server, by the best security that it offers; no session."""
    offered = await Client(url, timeout=ATTEMPT_S).connect_and_get_server_endpoints()
    client = Client(url, timeout=ATTEMPT_S)
    client.application_uri = own.uri
    policies: Mapping[Any, Any] = SECURITY_POLICY_TYPE_MAP  # lists of three kinds of things, untyped
    library: Any = uacrypto
    for kind in _POLICIES:
        make, mode, _ = policies[kind]
        found = [one for one in offered if one.SecurityPolicyUri == make.URI and one.SecurityMode == mode]
        if found:
            theirs = library.x509_from_der(found[0].ServerCertificate)
            client.security_policy = make(theirs, own.certificate, own.key, mode)
            client.uaclient.set_security(client.security_policy)
            break
    await client.connect_sessionless()
    try:
        yield client
        await client.close_secure_channel()
    finally:
        client.disconnect_socket()
