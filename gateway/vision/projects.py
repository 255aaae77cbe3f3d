"""Has PEKAT's Projects Manager run the project that is wanted, and sees that it does."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection

from gateway.core.errors import ErrorCode, RecipeError
from gateway.vision.projects_client import NoAnswerError, ProjectsClient
from gateway.vision.projects_wire import Command, Word

log = logging.getLogger(__name__)

POLL_S = 0.25
"""Between two questions for a project's state; loading its models takes it seconds."""
STOPPED_S = 5.0
"""A project that was told to start and is still stopped after so long does not start."""


class Progress:
    """What a preparation is doing now: what to say of it, and what kind of fault it is, should its time be over."""

    def __init__(self) -> None:
        self.code, self.text = ErrorCode.RECIPE_FAILED, "nothing was done yet"

    def at(self, code: ErrorCode, text: str) -> None:
        self.code, self.text = code, text

    def over(self, seconds: float) -> RecipeError:
        """The error of a preparation that was not through in time."""
        hint = "see the project in PEKAT; a longer handshake.recipe_timeout_ms gives it more time"
        return RecipeError(f"not ready within {seconds:.1f} s: {self.text}", self.code, hint=hint)


class Projects:
    """`change` is the command by which a recipe's project comes to run: SWITCH stops all others, START does not."""

    def __init__(self, client: ProjectsClient, change: Command, poll_s: float = POLL_S) -> None:
        self._client, self._change, self._poll_s = client, change, poll_s

    @property
    def switches(self) -> bool:
        """Bringing one project up ends the others."""
        return self._change is Command.SWITCH

    async def run(
        self, project: str, progress: Progress, *, rivals: Collection[str], change: bool, before: Callable[[], None]
    ) -> bool:
        """Wait, however long, until the project runs, and until no one of `rivals`, which share its address, does.

        `change`: have the others stopped even if it runs already. `before` is called once others may be stopped. Says
        whether it was started. Raises RecipeError.
        """
        progress.at(ErrorCode.RECIPE_MANAGER, f"the Projects Manager at {self._client.place} is asked")
        while (state := await self._client.status(project)) is Word.STOPPING:
            progress.at(ErrorCode.RECIPE_PROJECT, f"project {project} is still stopping")
            await asyncio.sleep(self._poll_s)
        if state is Word.STOPPED or (change and self.switches):
            before()
            await self._order(project)
        await self._until_running(project, progress)
        for rival in rivals:
            await self._until_gone(rival, progress)
        return state is not Word.RUNNING

    async def _order(self, project: str) -> None:
        try:
            said = await self._client.order(self._change, project)
            log.info("%s %s: the Projects Manager says %s", self._change.value, project, said.text)
        except NoAnswerError as error:  # it may answer when it is through; its state will show
            log.info("%s; its state is looked at instead", error)

    async def _until_running(self, project: str, progress: Progress) -> None:
        told, began = time.monotonic(), False
        while (state := await self._client.status(project)) is not Word.RUNNING:
            if state is Word.STOPPED and (began or time.monotonic() - told > STOPPED_S):
                what = "stopped again while it started" if began else f"still stopped {STOPPED_S:g} s later"
                text = f"project {project} was told to {self._change.value}, and is {what}"
                raise RecipeError(text, ErrorCode.RECIPE_PROJECT, hint="start it in the Projects Manager by hand")
            began = began or state is Word.STARTING
            progress.at(ErrorCode.RECIPE_PROJECT, f"the Projects Manager says that project {project} is {state.value}")
            await asyncio.sleep(self._poll_s)

    async def _until_gone(self, rival: str, progress: Progress) -> None:
        """As long as it is there, it may be the one that answers."""
        while (state := await self._state_if_known(rival)) is not Word.STOPPED:
            text = f"project {rival}, which has the same address, is still {state.value}"
            progress.at(ErrorCode.RECIPE_PROJECT, text)
            await asyncio.sleep(self._poll_s)

    async def _state_if_known(self, project: str) -> Word:
        try:
            return await self._client.status(project)
        except RecipeError as error:
            if error.code is not ErrorCode.RECIPE_PROJECT:
                raise
            return Word.STOPPED  # one that the manager does not know does not run there
