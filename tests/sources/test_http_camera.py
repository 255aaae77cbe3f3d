"""Cameras that are asked over HTTP: log-in, content, silence, repetition; PEKAT's own camera."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.core.errors import ConfigError, SourceError
from gateway.core.result import Reason
from gateway.ports import Fate, ImageSource
from gateway.sources import SourceSettings
from tests.sources.pictures import OK, order, png
from tests.sources.snapshot_server import PASSWORD, USER, Snapshots, snapshot_server

SETTINGS: TypeAdapter[Any] = TypeAdapter(SourceSettings)


@pytest.fixture
def server() -> Iterator[tuple[str, Snapshots]]:
    with snapshot_server() as made:
        yield made


@asynccontextmanager
async def source(url: str, kind: str = "http_camera", **more: Any) -> AsyncIterator[ImageSource]:
    settings = SETTINGS.validate_python({"kind": kind, "url": url, "read_timeout_ms": 300, **more})
    async with settings.create("line") as made:
        yield made


async def refused(made: ImageSource, within_s: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await made.acquire(order(within_s=within_s))
    assert caught.value.hint
    return caught.value


async def test_each_trigger_asks_for_a_picture_of_its_own(server: tuple[str, Snapshots]) -> None:
    url, camera = server
    async with source(f"{url}/shot.png?key=secret") as made:
        await made.check()
        asked = len(camera.asked)
        first = camera.count
        for mark in (1, 2, 3):
            picture = await made.acquire(order(mark))
            assert (bytes(picture.data), picture.raw) == (png(first + mark), None)
            await made.settle(picture, Fate.JUDGED, OK)
        assert camera.asked[asked:] == ["/shot.png?key=secret"] * 3


@pytest.mark.parametrize("auth", ["basic", "digest"])
async def test_it_logs_in(server: tuple[str, Snapshots], auth: str, tmp_path: Path) -> None:
    url, camera = server
    camera.auth = auth
    word = tmp_path / "password"
    word.write_text(f"{PASSWORD}\n", encoding="utf-8")
    async with source(url, auth=auth, user=USER, password_file=word) as made:
        await made.check()
        for _ in range(2):
            assert bytes((await made.acquire(order())).data) == png(camera.count)
    word.write_text("wrong", encoding="utf-8")
    async with source(url, auth=auth, user=USER, password_file=word) as made:
        error = await refused(made)
        assert "401" in str(error)
        assert "password" in error.hint
        with pytest.raises(SourceError, match="401"):
            await made.check()


@pytest.mark.parametrize(
    ("mode", "reason", "words"),
    [
        ("html", Reason.NOT_AN_IMAGE, "not a PNG, JPEG or BMP"),
        ("empty", Reason.EMPTY_IMAGE, "it is empty"),
        ("packed", Reason.NOT_AN_IMAGE, "packed the picture (gzip)"),
        ("announced", Reason.IMAGE_TOO_LARGE, "2000.0 MB are more than max_file_mb = 64"),
        ("truncated", Reason.NOT_AN_IMAGE, "truncated"),
        ("error", Reason.SOURCE_FAILED, "HTTP 503"),
        ("elsewhere", Reason.SOURCE_FAILED, "HTTP 302"),
        ("silent", Reason.SOURCE_FAILED, "does not answer"),
        ("broken", Reason.SOURCE_FAILED, "broke off"),
    ],
)
async def test_what_is_no_picture_has_its_own_reason_and_the_next_is_served(
    server: tuple[str, Snapshots], mode: str, reason: Reason, words: str
) -> None:
    url, camera = server
    async with source(url) as made:
        camera.mode = mode
        error = await refused(made)
        assert error.reason is reason
        assert words in str(error)
        camera.mode = "picture"
        assert bytes((await made.acquire(order())).data) == png(camera.count)


async def test_a_picture_that_never_ends_ends_at_the_deadline(server: tuple[str, Snapshots]) -> None:
    url, camera = server
    camera.mode = "endless"
    async with source(url) as made:
        began = time.monotonic()
        error = await refused(made, within_s=0.25)
        assert error.reason is Reason.SOURCE_FAILED
        assert time.monotonic() - began < 0.25 + 0.1
        camera.mode = "picture"
        assert bytes((await made.acquire(order())).data) == png(camera.count)


async def test_a_picture_over_the_limit_is_refused_before_it_is_whole(server: tuple[str, Snapshots]) -> None:
    url, camera = server
    camera.size = 2_000_000
    async with source(url, max_file_mb=1) as made:
        error = await refused(made)
        assert error.reason is Reason.IMAGE_TOO_LARGE
        assert "2.0 MB are more than max_file_mb = 1" in str(error)


async def test_nobody_listens_there() -> None:
    async with source("http://127.0.0.1:9/shot?key=secret") as made:
        error = await refused(made)
        assert error.reason is Reason.SOURCE_FAILED
        assert "secret" not in str(error)


async def test_a_cancelled_trigger_leaves_the_source_usable(server: tuple[str, Snapshots]) -> None:
    url, camera = server
    async with source(url) as made:
        camera.mode = "silent"
        waiting = asyncio.create_task(made.acquire(order()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        camera.mode = "picture"
        camera.release.set()
        assert bytes((await made.acquire(order())).data) == png(camera.count)


async def test_a_camera_that_repeats_itself_is_found_where_that_is_asked(server: tuple[str, Snapshots]) -> None:
    url, camera = server
    camera.frozen = True
    async with source(url) as made:
        assert (await made.acquire(order())).data == (await made.acquire(order())).data
    async with source(url, same_again="refuse") as made:
        await made.acquire(order())
        assert (await refused(made)).reason is Reason.NO_IMAGE
        camera.frozen = False
        await made.acquire(order())


async def test_pekats_own_camera_is_asked_for_its_last_image(server: tuple[str, Snapshots]) -> None:
    url, camera = server
    async with source(f"{url}/", kind="pekat_camera") as made:
        picture = await made.acquire(order())
        assert bytes(picture.data) == png(camera.count)
        assert camera.asked[-1] == "/last_image?response_type=image"
        camera.frozen = True
        assert (await refused(made)).reason is Reason.NO_IMAGE  # PEKAT grabbed nothing since
        camera.mode = "empty"  # as PEKAT answers before its first image
        assert (await refused(made)).reason is Reason.EMPTY_IMAGE


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://camera/"},
        {"url": "http://viewer:word@camera/"},
        {"url": "http://camera:99999/"},
        {"url": "http://camera/", "auth": "basic"},
        {"url": "http://camera/", "auth": "digest", "user": "viewer"},
        {"url": "http://camera/", "user": "viewer"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.validate_python({"kind": "http_camera", **wrong})


def test_a_password_that_cannot_be_had_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMERA_WORD", raising=False)
    settings = SETTINGS.validate_python(
        {"kind": "http_camera", "url": "http://camera/", "auth": "basic", "user": "x", "password_env": "CAMERA_WORD"}
    )
    with pytest.raises(ConfigError, match="CAMERA_WORD"):
        settings.create("line")
