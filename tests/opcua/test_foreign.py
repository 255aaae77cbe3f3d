"""node-opcua, a client that shares no code with the server: browse, read, write a trigger, subscribe, call Inspect."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.core.actions import Start
from gateway.core.tags import STATUS_TAGS
from gateway.plc.opcua.review_nodes import REVIEW_ID, REVIEWS_WAITING
from tests.opcua.desk import NOK, USER_TAGS, DeskStation, bench, view

FOREIGN = Path(__file__).parent / "foreign"
TIMEOUT_S = 60.0
"""Node takes seconds to load node-opcua on a busy machine; the session itself takes a tenth of one."""


def node_opcua(package: str = "node-opcua-client") -> tuple[str, Path]:
    """Node and the folder whose node_modules has this package; skips, and says why, where there is none."""
    folder = Path(os.environ.get("NODE_OPCUA_DIR", FOREIGN)).resolve()
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (folder / "node_modules" / package).is_dir():
        pytest.skip(f"no {package} in {folder}: run `npm install` in {FOREIGN}, or set NODE_OPCUA_DIR")
    return node, folder


async def session(script: str, *arguments: str, **environment: str) -> dict[str, Any]:
    node, folder = node_opcua()
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOREIGN / script),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_OPCUA_DIR": str(folder), **environment},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    # node-opcua writes notes of its own to standard output as well.
    seen: dict[str, Any] = json.loads(next(line for line in out.decode().splitlines() if line.startswith("{")))
    return seen


class SelfAnswering(DeskStation):
    """Answers each inspection NOK, 20 ms after its trigger: long enough for the client to see it busy."""

    def _perform(self, action: Any) -> None:
        super()._perform(action)
        if isinstance(action, Start):
            asyncio.get_running_loop().call_later(0.02, self.answer, NOK)


@pytest.mark.foreign
@pytest.mark.timeout(90)
async def test_node_opcua_plays_the_handshake(tmp_path: Path) -> None:
    node_opcua()
    station = SelfAnswering("line 1")
    station.enable()
    async with bench(view(station), anonymous="operate") as made:
        seen = await session("client.mjs", made.url, "line 1", str(tmp_path / "pki"))
    assert seen["endpoints"] == [made.url] * 7
    assert seen["status"] == [tag.name for tag in (*STATUS_TAGS, *USER_TAGS, REVIEW_ID, REVIEWS_WAITING)]
    assert seen["read"] == [20555, pytest.approx(123.456, abs=1e-4), "AB", 0x01020304, True]
    assert (seen["unit"], seen["meanings"]) == ("ms", ["none", "ok", "nok", "no decision"])
    assert seen["written"] == ["Good", "Good"]
    assert seen["accepted"] is True
    assert (seen["changes"], seen["verdict"], seen["part"]) == ([0, 1], 2, "node-1")
    assert seen["refused"] == ["BadNotWritable", "BadTypeMismatch", "Good"]
    assert [commands.trigger for commands in station.written] == [True, False]
    assert seen["call"] == "Good"
    assert seen["outputs"][:3] == [2, 0, 2]
    assert [one["label"] for one in json.loads(seen["outputs"][3])] == ["Scratch", "Fleck ä"]
    assert (seen["missing"], seen["arguments"]) == ("BadArgumentsMissing", ["partId", "recipe", "timeoutMs"])


@pytest.mark.foreign
@pytest.mark.timeout(90)
async def test_node_opcua_logs_in_encrypted_and_inspects(tmp_path: Path) -> None:
    """Basic256Sha256 SignAndEncrypt, an operator's name and password, and what the role allows."""
    node_opcua()
    password = tmp_path / "password"
    password.write_text("Grüße an alle", encoding="utf-8")
    olga = {"name": "olga", "role": "operator", "password_file": password}
    station = SelfAnswering("line 1")
    station.enable()
    async with bench(view(station), allow_unencrypted=False, anonymous="none", users=[olga]) as made:
        pki = str(tmp_path / "pki")
        seen = await session("encrypted.mjs", made.url, "line 1", pki, USER_NAME="olga", USER_PASSWORD="Grüße an alle")
    assert seen["wrong"] == "BadUserAccessDenied"
    assert seen["read"] == [20555, True]
    assert seen["written"] == ["Good", "BadUserAccessDenied"]
    assert (seen["call"], seen["verdict"], seen["part"]) == ("Good", 2, "node-secret")
