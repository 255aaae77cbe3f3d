"""Another host: a network namespace with a cable (veth) to this one. Needs Linux, `ip` and root."""

import asyncio
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

TIMEOUT_S = 30.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class OtherHost:
    """`here` and `there` are the two ends' addresses."""

    name: str
    here: str
    there: str

    async def run(self, *command: str, **environment: str) -> str:
        """Run a program on the other host; what it writes. Fails the test where the program fails."""
        return await output_of("ip", "netns", "exec", self.name, *command, **environment)


async def output_of(*command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


@contextmanager
def other_host() -> Iterator[OtherHost]:
    """Made for one test, and gone after it; skips, and says why, where it cannot be made."""
    if shutil.which("ip") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux, the program `ip` and root")
    number = next(_numbers)
    name, cable = f"pekat{os.getpid()}n{number}", f"pk{os.getpid() % 100_000}n{number}"
    net = f"10.{200 + os.getpid() % 50}.{number % 250}"
    made = OtherHost(name, f"{net}.1", f"{net}.2")
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    try:
        _ip("link", "add", f"{cable}a", "type", "veth", "peer", "name", f"{cable}b", "netns", name)
        _ip("addr", "add", f"{made.here}/30", "dev", f"{cable}a")
        _ip("link", "set", f"{cable}a", "up")
        _ip("-n", name, "addr", "add", f"{made.there}/30", "dev", f"{cable}b")
        _ip("-n", name, "link", "set", f"{cable}b", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "route", "add", "default", "via", made.here)
        yield made
    finally:
        _ip("netns", "del", name)  # takes the cable with it


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
