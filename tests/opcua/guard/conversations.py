"""Real conversations, written down message by message as a client sent them, and what mutations are made of them."""

import asyncio
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.client.ua_client import UASocketProtocol
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.ua_binary import nodeid_to_binary

from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE, KEY_FILE
from tests.opcua.desk import PASSWORD, PAT, TIMEOUT_S, Bench, item, read, tag_id, u16, write
from tests.opcua.test_inspect import arguments, call

TOKEN = b"<the session's authentication token>"
"""Stands in a recorded body where the token stood."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Chunks as they were sent; `bodies` are those of the unencrypted requests, without their headers."""

    chunks: Sequence[bytes]
    bodies: Sequence[bytes]


class _Recorder:
    """A transport whose writing is written down."""

    def __init__(self, transport: Any, sent: list[bytes]) -> None:
        self._transport = transport
        self._sent = sent

    def write(self, data: bytes) -> None:
        self._sent.append(bytes(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Deaf:
    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Takes every change and keeps none."""

    def event_notification(self, event: Any) -> None:
        """The same."""


async def record(desk: Bench, pair: Path) -> Recorded:
    """One conversation without encryption, one with it."""
    sent: list[bytes] = []
    begin: Any = UASocketProtocol.connection_made

    def recording(protocol: Any, transport: Any) -> None:
        begin(protocol, _Recorder(transport, sent))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UASocketProtocol, "connection_made", recording)
        plain = Client(desk.url, timeout=TIMEOUT_S)
        token = await _converse(plain, desk)
        bodies = [one[24:].replace(token, TOKEN) for one in _chunks(b"".join(sent)) if one[:3] == b"MSG"]
        secured = Client(desk.url, timeout=TIMEOUT_S)
        secured.application_uri = "urn:client0"
        await secured.set_security(SecurityPolicyBasic256Sha256, pair / CERTIFICATE_FILE, pair / KEY_FILE)
        await _converse(secured, desk)
    return Recorded(_chunks(b"".join(sent)), bodies)


async def _converse(client: Client, desk: Bench) -> bytes:
    """Sessions, browsing, reading, writing, calls, subscriptions, history: a bit of each. The encoded token."""
    client.set_user(PAT)
    client.set_password(PASSWORD)
    await client.connect()
    token = nodeid_to_binary(client.uaclient.session.authentication_token)
    desk.station.enable()
    await read(client, "status.verdict", "status.busy", "control.part_id")
    await write(client, item("control.trigger_seq", u16(0)))
    await client.nodes.objects.get_children()
    await client.get_node(tag_id("status")).get_references()
    subscription = await client.create_subscription(50, _Deaf())
    handle = await subscription.subscribe_data_change(client.get_node(tag_id("status.heartbeat")))
    events = await subscription.subscribe_events()
    started = len(desk.station.started)
    calling = asyncio.create_task(call(client, arguments()))
    while len(desk.station.started) == started:
        await asyncio.sleep(0.001)
    desk.station.answer()
    await calling
    await subscription.unsubscribe([handle, events])
    await subscription.delete()
    await client.open_secure_channel(renew=True)
    await read(client, "status.verdict")
    await client.disconnect()
    return token


def _chunks(stream: bytes) -> list[bytes]:
    chunks = []
    while stream:
        (size,) = struct.unpack_from("<I", stream, 4)
        chunks.append(stream[:size])
        stream = stream[size:]
    return chunks


# ---- mutations ---------------------------------------------------------------------------------------------------

_NASTY = tuple(
    struct.pack("<I", number)
    for number in (
        0, 1, 23, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 65_535, 65_536, 0x98_0098, 0xD8D8_D8D8, 0xC1,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutator:
    """Makes messages that are nearly right. The same seed makes the same ones."""

    source: random.Random
    pool: Sequence[bytes]
    """What to cross with."""

    def mutated(self, whole: bytes) -> bytes:
        """One to four changes of any kind."""
        data = bytearray(whole)
        for _ in range(self.source.randint(1, 4)):
            self.source.choice((self._flip, self._nasty, self._cut, self._insert, self._cross, self._double))(data)
        return bytes(data)

    def mutated_chunk(self, chunk: bytes) -> bytes:
        """The size in the header is mostly put right."""
        data = bytearray(self.mutated(chunk))
        if len(data) >= 8 and self.source.random() < 0.8:
            struct.pack_into("<I", data, 4, len(data))
        return bytes(data)

    def _place(self, data: bytearray) -> int:
        return self.source.randrange(max(1, len(data)))

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] ^= 1 << self.source.randrange(8)

    def _nasty(self, data: bytearray) -> None:
        at = self._place(data)
        data[at : at + 4] = self.source.choice(_NASTY)

    def _cut(self, data: bytearray) -> None:
        at = self._place(data)
        del data[at : at + self.source.randint(1, 16)]

    def _insert(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self.source.randbytes(self.source.randint(1, 16))

    def _cross(self, data: bytearray) -> None:
        other = self.source.choice(self.pool)
        data[self._place(data) :] = other[self.source.randrange(len(other)) :]

    def _double(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = data[at : at + self.source.randint(1, 64)]
