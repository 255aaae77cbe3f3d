"""Mutated messages by the thousand while another client keeps reading: in time, and memory stays small."""

import asyncio
import gc
import json
import os
import pickle
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from asyncua.client.client import Client

from gateway.plc.opcua.security.certificate import Wanted, obtain
from tests.opcua.desk import Bench, DeskStation, bench, read, view
from tests.opcua.guard.conversations import record

ROOT = Path(__file__).parents[3]

A_FEW = 3_000
MANY = 100_000

SLOWEST_S = 2.0
"""The slowest of the other client's reads. A machine that has other things to do takes the most of it."""

GROWTH = 40 * 1024 * 1024
"""Bytes that the process may have grown by after the first thousand messages."""


@dataclass(slots=True)
class Reader:
    """Reads all the time, and takes the time of each."""

    client: Client
    took: list[float] = field(default_factory=list)
    done: bool = False

    async def run(self) -> None:
        while not self.done:
            began = time.perf_counter()
            assert await read(self.client, "status.map_signature") == [20555]
            self.took.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)


async def _fuzz(made: Bench, recording: Path, seed: int, count: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.opcua.guard.fuzzer", made.url, str(recording), str(seed), str(count),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0
    seen: dict[str, Any] = json.loads(out)
    return seen


async def _throw(count: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
    print(f"FUZZ_SEED={seed}")
    station = DeskStation()
    pair = obtain_pair(tmp_path)
    limits = {"max_sessions": 1000, "max_subscriptions": 10_000, "anonymous": "operate"}
    async with bench(view(station), **limits) as made:
        recording = tmp_path / "recording"
        recording.write_bytes(pickle.dumps(await record(made, pair)))
        await _fuzz(made, recording, seed, 1_000)
        before = _resident()
        reader = Reader(await made.connect())
        reading = asyncio.create_task(reader.run())
        began = time.monotonic()
        seen = await _fuzz(made, recording, seed + 1, count)
        took = time.monotonic() - began
        reader.done = True
        await reading
        station.written.clear()
        grown = _resident() - before
        reader.took.sort()
        p99 = reader.took[int(0.99 * len(reader.took))]
        print(
            f"{seen['sent']} messages over {seen['connections']} connections in {took:.0f} s; "
            f"{len(reader.took)} reads beside them: p50 {reader.took[len(reader.took) // 2] * 1000:.1f} ms, "
            f"p99 {p99 * 1000:.1f} ms, slowest {reader.took[-1] * 1000:.0f} ms; grown by {grown / 2**20:.1f} MiB"
        )
        print(dict(sorted(seen["seen"].items(), key=lambda one: -one[1])))
        assert seen["sent"] > 0.3 * count
        assert "ERR BadTcpInternalError" not in seen["seen"]  # nothing that nobody thought of
        assert reader.took[-1] < SLOWEST_S
        assert grown < GROWTH
        # Without a name: whoever comes from this address with one waits, after so many wrong passwords.
        assert await read(await made.connect(None), "status.map_signature") == [20555]
    internal = [one.getMessage() for one in caplog.records if "could not be answered" in one.getMessage()]
    assert not internal
    assert not [one for one in caplog.records if one.exc_info]
    assert len(caplog.records) < 20 + took  # the log stays readable


def obtain_pair(folder: Path) -> Path:
    obtain(folder, Wanted("client", ["localhost"], "urn:client0", ""))
    return folder


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


async def test_a_few_thousand_mutated_messages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _throw(A_FEW, tmp_path, caplog)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_mutated_messages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _throw(MANY, tmp_path, caplog)
