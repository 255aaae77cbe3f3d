"""Gets a recipe's PEKAT project ready, and knows which one is.

Where a Projects Manager has it started, no image is sent to an address before its project is known to run there: two
projects may share one address, and then the other one would judge the part.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from gateway.backoff import BackOff
from gateway.core.errors import ErrorCode, InspectorError, RecipeError
from gateway.core.result import Reason
from gateway.vision.dispatch import Dispatch
from gateway.vision.program import Program
from gateway.vision.projects import Progress, Projects

log = logging.getLogger(__name__)

PING_AGAIN_S = 0.25
"""Between two pings of a project that was started and does not answer yet."""
RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
"""The recipe in force is tried again after RETRY_S, and after twice as long each further time, up to this."""
FIRST_LOOK_S = 1.0
"""A project that runs already is known to run after milliseconds; entering waits for that, and no longer."""
SETTLE_S = 2.0
"""How long a health check waits for an attempt under way; it has three seconds."""

WarmUp = Callable[[Program, float], Awaitable[None]]
"""Has the program's warm-up picture judged, by this moment of `time.monotonic()`. Raises RecipeError."""


class Preparing:
    """Of one inspector; used on one event loop. `current` is the recipe in force.

    `limit_s` is the time for one preparation. `warm_at_start`: the recipe in force is warmed up at the start even if
    its project ran already. `keep_running`: a project that nobody can reach any more is started again.
    """

    def __init__(
        self,
        station: str,
        dispatch: Dispatch,
        programs: Mapping[int, Program],
        current: int,
        *,
        projects: Projects | None,
        warm_up: WarmUp,
        limit_s: float,
        warm_at_start: bool = True,
        keep_running: bool = True,
    ) -> None:
        self._station, self._dispatch, self._programs, self._projects = station, dispatch, programs, projects
        self._current, self._warm_up, self._limit_s = current, warm_up, limit_s
        self._warm_at_start, self._keep_running = warm_at_start, keep_running
        self._ready = 0
        """The recipe whose project is known to run; 0: none is."""
        self._failure = "its project is being started"
        self._changing = self._closed = False
        self._ill: InspectorError | None = None
        """What the last check found."""
        self._trying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Get the recipe in force ready, in the background where that takes more than a moment. Also after `stop`."""
        self._closed, self._ready = False, 0
        program, warm = self._programs.get(self._current), self._warm_at_start
        self._warm_at_start = False  # a restart in the middle of production costs PEKAT no picture
        if program is None:
            return
        if program.project or (program.warm_up is not None and warm):
            self._try(warm=warm)
        if program.project and self._trying is not None:
            await asyncio.wait({self._trying}, timeout=FIRST_LOOK_S)

    async def stop(self) -> None:
        """End what is under way; a change that is cut by that begins nothing new."""
        self._closed = True
        await self._end_trying()

    def require(self, recipe: int) -> None:
        """Raise RecipeError where its project is not known to run; it is seen to then. Takes no time."""
        is_ready = not self._programs[recipe].project or self._ready == recipe
        if recipe != self._current and not self._changing:
            self._current = recipe
            if not is_ready:
                self._try()
        if is_ready:
            return
        raise RecipeError(f"recipe {recipe} is not ready: {self._failure}", ErrorCode.RECIPE_PROJECT)

    async def prepare(self, recipe: int) -> None:
        """Get another recipe ready. Raises InspectorError; then the one in force is made ready again if need be."""
        self._changing = True
        try:
            await self._end_trying()
            await self._bounded(self._programs[recipe], warm=True, change=True)
            self._current = self._ready = recipe
        finally:
            self._changing = False
            before = self._programs.get(self._current)
            if before is not None and before.project and self._ready != self._current:
                self._failure = "the change to another recipe failed, and its project is being started again"
                self._try(change=True)

    async def check(self) -> None:
        """Raise InspectorError where the project of the recipe in force does not answer, or is not ready."""
        if not self._changing:
            self._ill = None
            try:
                await self._look()
            except InspectorError as error:
                self._ill = error
                raise
        elif self._ill is not None:  # a change says itself how it went; until then it is as it was
            raise self._ill

    async def _look(self) -> None:
        program = self._programs.get(self._current)
        if program is None:
            return
        if program.project and self._ready != program.number:
            await self._settled(program)
        try:
            await self._dispatch.check(program.number)
        except InspectorError as error:
            if program.project and self._keep_running and error.reason is Reason.INSPECTOR_OFFLINE:
                self._lost(program, error)
            raise

    async def _settled(self, program: Program) -> None:
        if self._trying is not None:
            await asyncio.wait({self._trying}, timeout=SETTLE_S)
        if self._ready != program.number and not self._changing:
            raise RecipeError(f"recipe {program.number} is not ready: {self._failure}", ErrorCode.RECIPE_PROJECT)

    def _lost(self, program: Program, error: InspectorError) -> None:
        if self._ready == program.number and not self._changing:
            log.warning("%s: recipe %d is lost, its project is looked after: %s", self._station, program.number, error)
            self._ready, self._failure = 0, str(error)
            self._try()

    # ---- in the background -----------------------------------------------------------------------------------

    def _try(self, *, warm: bool = True, change: bool = False) -> None:
        """Begin to get the recipe in force ready, unless that is under way; never while another one is prepared."""
        if not self._closed and (self._trying is None or self._trying.done()):
            trying = self._until_ready(warm, change)
            self._trying = asyncio.create_task(trying, name=f"{self._station}-recipe-in-force")

    async def _end_trying(self) -> None:
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait({self._trying})
            self._trying = None

    async def _until_ready(self, warm: bool, change: bool) -> None:
        pauses = BackOff(RETRY_S, LONGEST_RETRY_S)
        while True:
            program = self._programs[self._current]
            try:
                await self._bounded(program, warm=warm, change=change)
            except InspectorError as error:
                self._failure = str(error)
                log.warning("%s: recipe %d is not ready: %s", self._station, program.number, _with_hint(error))
            except Exception as error:  # tried again as any other failure: the line waits for this recipe
                self._failure = f"making it ready crashed: {type(error).__name__}: {error}"
                log.exception("%s: making recipe %d ready crashed", self._station, program.number)
            else:
                if program.number == self._current:
                    self._ready = program.number
                    log.info("%s: recipe %d (%s) is ready", self._station, program.number, program.name)
                    return
            change = False  # the others were told to stop once
            await asyncio.sleep(pauses.failed())

    # ---- one preparation -------------------------------------------------------------------------------------

    async def _bounded(self, program: Program, *, warm: bool, change: bool) -> None:
        """Raises InspectorError, a RecipeError that says what it was at if its time is over."""
        progress, until = Progress(), time.monotonic() + self._limit_s
        try:
            async with asyncio.timeout(self._limit_s):
                await self._bring(program, progress, until, warm=warm, change=change)
        except TimeoutError as error:
            raise progress.over(self._limit_s) from error
        except asyncio.CancelledError:
            log.warning("%s: recipe %d is given up: %s", self._station, program.number, progress.text)
            raise

    async def _bring(self, program: Program, progress: Progress, until: float, *, warm: bool, change: bool) -> None:
        started = False
        if self._projects is not None and program.project:
            rivals = program.rivals(self._programs)
            started = await self._projects.run(
                program.project, progress, rivals=rivals, change=change, before=self._others_may_stop
            )
            await self._until_answering(program, progress)
        else:
            progress.at(ErrorCode.RECIPE_FAILED, "PEKAT is pinged")
            await self._dispatch.prepare(program.number)
        if program.warm_up is not None and (warm or started):
            progress.at(ErrorCode.RECIPE_WARM_UP, f"PEKAT has the warm-up picture {program.warm_up.name}")
            await self._warm_up(program, until)

    def _others_may_stop(self) -> None:
        if self._projects is not None and self._projects.switches:
            self._ready = 0

    async def _until_answering(self, program: Program, progress: Progress) -> None:
        while True:
            try:
                await self._dispatch.prepare(program.number)
            except InspectorError as error:
                text = f"the Projects Manager says that project {program.project} runs, and it does not answer: {error}"
                progress.at(ErrorCode.RECIPE_FAILED, text)
                await asyncio.sleep(PING_AGAIN_S)
            else:
                return


def _with_hint(error: InspectorError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)
