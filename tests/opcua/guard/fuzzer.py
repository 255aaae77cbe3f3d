"""Throws mutated messages at an OPC UA port, from many short connections: a process of its own, so that it takes no
time from the server it tries.

    python -m tests.opcua.guard.fuzzer URL RECORDING SEED COUNT

prints, as JSON, how many messages went out, over how many connections, and what came back.
"""

import asyncio
import contextlib
import json
import pickle
import random
import sys
from collections import Counter
from pathlib import Path

from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from tests.opcua.guard.conversations import TOKEN, Mutator, Recorded
from tests.opcua.guard.wire import Wire, wire

AT_ONCE = 4
"""Connections."""

LONGEST = 60
"""Messages of one connection."""

DEPTHS = ("connect", "greet", "open", "create", "log_in", "log_in", "log_in", "log_in")


class Fuzzer:
    """One run. The same seed sends the same messages; how they fall together in time is up to the machine."""

    def __init__(self, url: str, recorded: Recorded, seed: int, count: int) -> None:
        self._url = url
        self._recorded = recorded
        self._left = count
        self._seeds = random.Random(seed)
        self.sent = 0
        self.connections = 0
        self.seen: Counter[str] = Counter()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work(random.Random(self._seeds.random())))

    async def _work(self, source: random.Random) -> None:
        mutator = Mutator(source, self._recorded.chunks)
        while self._left > 0:
            number = min(source.randint(1, LONGEST), self._left)
            self._left -= number
            self.connections += 1
            with contextlib.suppress(ConnectionError):
                async with wire(self._url, source.choice(DEPTHS)) as one:
                    await self._converse(one, mutator, number)

    async def _converse(self, one: Wire, mutator: Mutator, number: int) -> None:
        """Requests with a broken body keep the connection open; the last message is a broken chunk."""
        answers = asyncio.create_task(self._listen(one))
        for _ in range(number - 1):
            if one.writer.is_closing() or answers.done():
                break
            one.send(self._message(one, mutator))
            self.sent += 1
            await one.writer.drain()
        one.send(mutator.mutated_chunk(mutator.source.choice(self._recorded.chunks)))
        self.sent += 1
        if one.channel and mutator.source.random() < 0.5:  # the others are left as they are
            one.send(one.call(ua.CloseSessionRequest(DeleteSubscriptions=True)) + one.msg(b"", kind=b"CLOF"))
        with contextlib.suppress(ConnectionError):
            await one.writer.drain()
        await asyncio.wait([answers], timeout=0.05)
        answers.cancel()
        await asyncio.wait([answers])

    def _message(self, one: Wire, mutator: Mutator) -> bytes:
        body = mutator.source.choice(self._recorded.bodies)
        if mutator.source.random() < 0.02:
            return mutator.mutated_chunk(one.msg(body.replace(TOKEN, nodeid_to_binary(one.session))))
        body = mutator.mutated(body.replace(TOKEN, nodeid_to_binary(one.session)))
        if mutator.source.random() < 0.1:  # in two chunks
            at, request = mutator.source.randrange(len(body) + 1), one.request + 1
            return one.msg(body[:at], kind=b"MSGC", request=request) + one.msg(body[at:], request=request)
        return one.msg(body)

    async def _listen(self, one: Wire) -> None:
        while True:
            answer = await one.answer()
            self.seen[f"{answer.kind.decode()} {answer.status}".strip()] += 1
            if not answer.kind or answer.kind == b"ERR":
                return


def main() -> None:
    url, recording, seed, count = sys.argv[1:]
    recorded: Recorded = pickle.loads(Path(recording).read_bytes())
    fuzzer = Fuzzer(url, recorded, int(seed), int(count))
    asyncio.run(fuzzer.run())
    print(json.dumps({"sent": fuzzer.sent, "connections": fuzzer.connections, "seen": fuzzer.seen}))


if __name__ == "__main__":
    main()
