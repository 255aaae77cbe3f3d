"""Each bad picture through each source that takes encoded ones: its own reason at the PLC, and the next part is OK."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from gateway.core.errors import ErrorCode
from gateway.core.result import Reason, Verdict
from gateway.core.tags import TagValue
from tests.images.samples import BAD, encoded
from tests.sources.snapshot_server import snapshot_server
from tests.system.line import CONFIG, good_part, running

FILE_DROP = 'kind = "file_drop"\nfolder = "drop"'

Inspect = Callable[[str, bytes], Awaitable[Mapping[str, TagValue]]]
"""One trigger whose picture is these bytes."""


@asynccontextmanager
async def dropped(folder: Path) -> AsyncIterator[Inspect]:
    async with running(folder) as line:
        yield line.inspect


@asynccontextmanager
async def played(folder: Path) -> AsyncIterator[Inspect]:
    """The playlist holds the file of the turn before it is asked for; names grow, so each is the next one."""
    parts = folder / "parts"
    parts.mkdir()
    pictures = [picture for data, _ in BAD.values() for picture in (data, good_part())]
    for number, picture in enumerate(pictures):
        (parts / f"{number:03d}.png").write_bytes(picture)
    config = CONFIG.replace(FILE_DROP, 'kind = "playlist"\nfolder = "parts"')
    async with running(folder, config=config) as line:

        async def inspect(part_id: str, picture: bytes) -> Mapping[str, TagValue]:
            assert picture == pictures.pop(0)
            return await line.inspect(part_id)

        yield inspect


def asked(source: str) -> Callable[[Path], AbstractAsyncContextManager[Inspect]]:
    """A camera over HTTP that shows the picture of the turn."""

    @asynccontextmanager
    async def entered(folder: Path) -> AsyncIterator[Inspect]:
        with snapshot_server() as (url, camera):
            config = CONFIG.replace(FILE_DROP, f'{source}\nurl = "{url}"')
            async with running(folder, config=config) as line:

                async def inspect(part_id: str, picture: bytes) -> Mapping[str, TagValue]:
                    camera.mode, camera.given = "given", picture
                    return await line.inspect(part_id)

                yield inspect

    return entered


SOURCES: dict[str, Callable[[Path], AbstractAsyncContextManager[Inspect]]] = {
    "file_drop": dropped,
    "playlist": played,
    "http_camera": asked('kind = "http_camera"'),
}


@pytest.mark.parametrize("kind", SOURCES)
async def test_each_has_its_own_reason_and_the_next_part_is_judged(tmp_path: Path, kind: str) -> None:
    async with SOURCES[kind](tmp_path) as inspect:
        for number, (name, (data, reason)) in enumerate(BAD.items()):
            tags = await inspect(f"BAD-{number}", data)
            seen = tags["verdict"], tags["reason"], tags["ok"], tags["result_part_id"]
            assert seen == (Verdict.NO_DECISION, reason, False, f"BAD-{number}"), name
            tags = await inspect(f"GOOD-{number}", good_part())
            assert (tags["verdict"], tags["reason"], tags["ok"]) == (Verdict.OK, Reason.NONE, True), name
    if kind == "file_drop":
        check_kept(tmp_path / "drop")


def check_kept(drop: Path) -> None:
    """After the gateway's end each bad file is in `rejected` as it came, with a side file, and nothing else is."""
    rejected = drop / "rejected"
    expected = {}
    for number, (data, reason) in enumerate(BAD.values()):
        expected[f"{2 * number + 1:04d}.png"] = (data, reason)
    assert {file.name for file in rejected.glob("*.png")} == set(expected)
    for name, (data, reason) in expected.items():
        assert (rejected / name).read_bytes() == data
        side = (rejected / f"{name}.reason.txt").read_text("utf-8")
        assert "what: rejected\n" in side
        assert f"reason: {reason.value} {reason.name.lower().replace('_', ' ')}\n" in side
    assert len(list((drop / "done").glob("*.png"))) == len(BAD)


async def test_pekats_own_camera_has_the_same_reasons(tmp_path: Path) -> None:
    """PEKAT's newest image is one and the same for two triggers only where PEKAT grabbed none; so each is another."""
    async with asked('kind = "pekat_camera"')(tmp_path) as inspect:
        for number, (name, (data, reason)) in enumerate(BAD.items()):
            tags = await inspect(f"BAD-{number}", data)
            assert (tags["verdict"], tags["reason"], tags["ok"]) == (Verdict.NO_DECISION, reason, False), name
        tags = await inspect("GOOD", good_part())
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.OK, "GOOD")


async def test_limits_are_the_stations_own(tmp_path: Path) -> None:
    config = CONFIG.replace(FILE_DROP, f"{FILE_DROP}\nmax_megapixels = 1\nmax_file_mb = 1")
    async with running(tmp_path, config=config) as line:
        tags = await line.inspect("LARGE", encoded("PNG", size=(1001, 1000)))
        assert (tags["verdict"], tags["reason"]) == (Verdict.NO_DECISION, Reason.IMAGE_TOO_LARGE)
        assert tags["error_code"] == ErrorCode.NO_DECISION_IMAGE_TOO_LARGE
        tags = await line.inspect("LONG", good_part() + bytes(1_000_000))
        assert (tags["verdict"], tags["reason"]) == (Verdict.NO_DECISION, Reason.IMAGE_TOO_LARGE)
        tags = await line.inspect("LAST", encoded("PNG", size=(1000, 1000)))
        assert tags["reason"] == Reason.NONE
        tags = await line.inspect("GOOD", good_part())
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.OK, "GOOD")
