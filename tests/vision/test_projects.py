"""How a project comes to run: a manager that says what is scripted, and nothing is taken for running too early."""

import socket
from collections import defaultdict
from collections.abc import Sequence

import pytest

from gateway.core.errors import ErrorCode, RecipeError
from gateway.vision import projects
from gateway.vision.projects import Progress, Projects
from gateway.vision.projects_client import ManagerPlace, ProjectsClient
from gateway.vision.projects_wire import Command
from tests.vision.servers import ScriptedServer


class Scripted:
    """Answers each request with the next of its texts, the last one for ever; "" is none."""

    def __init__(self, **texts: Sequence[str]) -> None:
        self._texts = {request.replace("_", ":", 1): list(answers) for request, answers in texts.items()}
        self.heard: dict[str, int] = defaultdict(int)
        self.order: list[str] = []

    def __call__(self, server: ScriptedServer, connection: socket.socket) -> None:
        request = connection.recv(4096).decode()
        answers = self._texts[request]
        text = answers[min(self.heard[request], len(answers) - 1)]
        self.heard[request] += 1
        self.order.append(request)
        if text:
            connection.sendall(text.encode())
            connection.shutdown(socket.SHUT_RDWR)
        else:
            server.left.wait(5)


async def run(script: Scripted, *rivals: str, command: Command = Command.SWITCH, change: bool = True) -> bool:
    """Whether project `new` was started; `before` must come before the order."""
    with ScriptedServer(script) as server:
        client = ProjectsClient(ManagerPlace("127.0.0.1", server.port, reply_timeout_s=0.2))
        return await Projects(client, command, poll_s=0.01).run(
            "new", Progress(), rivals=rivals, change=change, before=lambda: script.order.append("before")
        )


async def test_it_runs_only_when_the_manager_says_so() -> None:
    script = Scripted(status_new=["stopped", "starting", "starting", "running"], switch_new=["done"])
    assert await run(script)
    assert script.heard["status:new"] == 4
    assert script.order.index("before") + 1 == script.order.index("switch:new")


async def test_not_before_a_rival_at_the_same_address_has_stopped() -> None:
    script = Scripted(
        status_new=["stopped", "running"], switch_new=["success"], status_old=["running", "stopping", "stopped"]
    )
    assert await run(script, "old")
    assert script.heard["status:old"] == 3


async def test_a_rival_that_the_manager_does_not_know_is_none() -> None:
    script = Scripted(status_new=["running"], status_old=["not-found"])
    assert not await run(script, "old", change=False)


async def test_an_order_without_an_answer_is_looked_after() -> None:
    script = Scripted(status_new=["stopped", "starting", "running"], start_new=[""])
    assert await run(script, command=Command.START)


async def test_one_that_is_stopping_is_started_when_it_has_stopped() -> None:
    script = Scripted(status_new=["stopping", "stopping", "stopped", "starting", "running"], start_new=["done"])
    assert await run(script, command=Command.START)
    assert script.order[:5] == ["status:new"] * 3 + ["before", "start:new"]


async def test_what_runs_is_told_nothing_but_a_change_stops_the_others() -> None:
    script = Scripted(status_new=["running"], switch_new=["done"], start_new=["done"])
    assert not await run(script, change=False)
    assert not await run(script, command=Command.START)
    assert set(script.heard) == {"status:new"}
    assert not await run(script)
    assert script.heard["switch:new"] == 1


@pytest.mark.parametrize(
    ("states", "words"), [(["stopped", "starting", "stopped"], "stopped again"), (["stopped"], "still stopped")]
)
async def test_one_that_does_not_start_is_told(states: list[str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "STOPPED_S", 0.1)
    with pytest.raises(RecipeError, match=words) as caught:
        await run(Scripted(status_new=states, start_new=["done"]), command=Command.START)
    assert caught.value.code is ErrorCode.RECIPE_PROJECT
