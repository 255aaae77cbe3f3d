"""Recipes whose projects a Projects Manager starts: what runs when, and what is told of each way to fail."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import ErrorCode, InspectorError, RecipeError
from gateway.core.result import Reason, Verdict
from gateway.ports import Picture
from gateway.vision.inspector import PekatInspector
from tests.vision.judging import BAD, GOOD, order, reason_of, until
from tests.vision.managed import CAP, LABEL, managed, manager


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "warm.png"
    path.write_bytes(BAD)
    return path


async def judged_by(part: PekatInspector, recipe: int) -> str:
    """The project that judged a good part."""
    judgement = await part.inspect(Picture("part.png", GOOD), order(recipe=recipe))
    assert judgement.verdict is Verdict.OK
    return str(dict(judgement.user_values)["project"])


async def failure(part: PekatInspector, recipe: int) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        await part.prepare(recipe)
    return caught.value


async def test_the_recipe_in_force_is_started_with_the_gateway_and_nothing_is_judged_before() -> None:
    async with manager(start_s=1.5) as simulator, managed(simulator) as part:
        assert await reason_of(part.inspect(Picture("part.png", GOOD), order())) is Reason.UNPREPARED
        await part.check()
        assert await judged_by(part, 1) == CAP
        assert simulator.analysed(CAP) == 1


async def test_what_runs_already_is_ready_at_once_and_is_told_nothing() -> None:
    async with manager(running=[CAP]) as simulator:
        await until(lambda: simulator.state(CAP) == "running")
        async with managed(simulator) as part:
            assert await judged_by(part, 1) == CAP
        assert {heard.partition(":")[0] for heard in simulator.heard} == {"status"}


async def test_a_change_switches_at_one_address_and_no_part_is_judged_by_the_old_project() -> None:
    async with manager(running=[CAP]) as simulator, managed(simulator) as part:
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        assert await judged_by(part, 1) == CAP
        await part.prepare(2)
        assert (simulator.state(CAP), simulator.state(LABEL)) == ("stopped", "running")
        assert await judged_by(part, 2) == LABEL
        await part.prepare(1)
        assert await judged_by(part, 1) == CAP


async def test_start_leaves_the_other_project_running() -> None:
    async with manager(shared=False) as simulator, managed(simulator, change="start") as part:
        await part.check()
        await part.prepare(2)
        assert (simulator.state(CAP), simulator.state(LABEL)) == ("running", "running")
        assert not [heard for heard in simulator.heard if heard.startswith("switch")]
        assert await judged_by(part, 2) == LABEL


async def test_a_project_that_the_manager_does_not_know_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with manager(running=[CAP]) as simulator, managed(simulator, paths=(CAP, "/projects/gone")) as part:
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        error = await failure(part, 2)
        assert error.code is ErrorCode.RECIPE_PROJECT
        assert "status /projects/gone" in str(error)
        assert await judged_by(part, 1) == CAP  # at once: nothing was stopped


async def test_a_manager_that_is_off_is_an_error_of_its_own() -> None:
    async with manager(running=[CAP]) as simulator, managed(simulator, port=free_port()) as part:
        error = await failure(part, 2)
        assert error.code is ErrorCode.RECIPE_MANAGER
        assert "cannot be connected to" in str(error)
        with pytest.raises(RecipeError, match=r"recipe 1 is not ready: .* cannot be connected to"):
            await part.check()


async def test_a_port_that_is_taken_is_told_and_the_recipe_in_force_comes_back() -> None:
    async with manager(shared=False, running=[CAP]) as simulator, managed(simulator) as part:
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", int(simulator.url(LABEL).rpartition(":")[2]))
        async with taken:
            error = await failure(part, 2)
            assert error.code is ErrorCode.RECIPE_PROJECT
            assert "error:port" in str(error)
            assert await reason_of(part.inspect(Picture("part.png", GOOD), order())) is Reason.UNPREPARED
            await part.check()
            assert await judged_by(part, 1) == CAP


async def test_a_project_that_takes_too_long_is_told_by_name_and_the_old_one_is_switched_back_to() -> None:
    async with manager(start_s=1.0, running=[CAP]) as simulator, managed(simulator, seconds=0.8) as part:
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        error = await failure(part, 2)
        assert error.code is ErrorCode.RECIPE_PROJECT
        assert f"not ready within 0.6 s: the Projects Manager says that project {LABEL} is starting" in str(error)
        assert await reason_of(part.inspect(Picture("part.png", GOOD), order(recipe=1))) is Reason.UNPREPARED


async def test_a_change_that_is_cut_is_in_the_log_and_the_recipe_in_force_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with manager(running=[CAP]) as simulator, managed(simulator) as part:
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        change = asyncio.create_task(part.prepare(2))
        await until(lambda: simulator.state(LABEL) == "starting")
        with caplog.at_level(logging.WARNING):
            change.cancel()
            await asyncio.wait({change})
        assert "station1: recipe 2 is given up" in caplog.text
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        assert await judged_by(part, 1) == CAP


@pytest.mark.parametrize("keep", [True, False])
async def test_a_project_that_nobody_reaches_any_more_is_started_again_where_that_is_wanted(keep: bool) -> None:
    async with manager(running=[CAP]) as simulator, managed(simulator, keep_running=keep) as part:
        await until(lambda: simulator.state(CAP) == "running")
        await part.check()
        await simulator.stop(CAP)
        with pytest.raises(InspectorError):
            await part.check()
        assert [heard for heard in simulator.heard if heard.startswith("switch")] == []
        if keep:
            await until(lambda: simulator.state(CAP) == "running")
            await part.check()
            assert await judged_by(part, 1) == CAP
        else:
            assert await reason_of(part.inspect(Picture("part.png", GOOD), order())) is Reason.INSPECTOR_OFFLINE
            assert simulator.state(CAP) == "stopped"


async def test_a_recipe_that_the_handshake_has_in_force_all_the_same_is_looked_after() -> None:
    """As after a reload in the middle of a change: the new inspector never heard of it."""
    async with manager(shared=False, running=[CAP, LABEL]) as simulator:
        await until(lambda: simulator.state(LABEL) == "running")
        async with managed(simulator, change="start") as part:
            assert await reason_of(part.inspect(Picture("part.png", GOOD), order(recipe=2))) is Reason.UNPREPARED
            await part.check()
            assert await judged_by(part, 2) == LABEL


async def test_an_inspector_that_is_restarted_looks_anew_and_still_comes_back_from_a_failed_change(
    picture: Path,
) -> None:
    async with manager(running=[CAP]) as simulator:
        await until(lambda: simulator.state(CAP) == "running")
        part = managed(simulator, seconds=0.6, warm_up=picture)
        async with part:
            await part.check()
        assert simulator.analysed(CAP) == 1
        async with part:
            assert await judged_by(part, 1) == CAP
            assert simulator.analysed(CAP) == 2  # the picture was not sent again
            change = asyncio.create_task(part.prepare(2))
            await until(lambda: simulator.state(LABEL) == "starting")
            change.cancel()
            await asyncio.wait({change})
            await until(lambda: simulator.state(CAP) == "running")


# ---- the warm-up picture ----------------------------------------------------------------------------------------


async def test_a_started_project_is_warmed_up_before_the_first_part(picture: Path) -> None:
    async with manager() as simulator, managed(simulator, warm_up=picture) as part:
        await part.check()
        assert simulator.analysed(CAP) == 1
        await part.prepare(2)
        assert simulator.analysed(LABEL) == 1
        assert part.drawn(0) is None


@pytest.mark.parametrize(
    ("mode", "words"),
    [("status_500", "HTTP 500"), ("processing_off", "warm.png was not judged"), ("hang", "not ready")],
)
async def test_a_warm_up_that_is_not_judged_fails_the_change(mode: str, words: str, picture: Path) -> None:
    async with manager(shared=False, running=[CAP, LABEL]) as simulator:
        await until(lambda: simulator.state(LABEL) == "running")
        async with managed(simulator, change="start", warm_up=picture, seconds=1.5) as part:
            await part.check()
            simulator.misbehave(LABEL, mode)
            error = await failure(part, 2)
            assert error.code is ErrorCode.RECIPE_WARM_UP
            assert words in str(error)
            simulator.misbehave(LABEL, None)
            assert await judged_by(part, 1) == CAP


async def test_a_crash_is_told_as_what_keeps_the_recipe_from_being_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    async with manager(start_s=1.5) as simulator, managed(simulator) as part:  # it is still being started
        await part._preparing.stop()
        monkeypatch.setattr(part._preparing, "_bounded", crash)
        await part._preparing.start()
        with pytest.raises(RecipeError, match="crashed: ZeroDivisionError: a bug"):
            await part.inspect(Picture("part.png", GOOD), order())
