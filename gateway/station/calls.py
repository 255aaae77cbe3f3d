"""What was asked of a station by call, until the handshake has answered."""

import asyncio
from collections.abc import Callable

from gateway.core import events as ev
from gateway.core.errors import ErrorCode, RefusedError, RejectReason
from gateway.core.events import Event
from gateway.core.result import Origin, Result


class Calls:
    """Each call has a token; `post` lets its event happen at once, and the actions come back to the methods below."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._outcomes: dict[int, int | RefusedError | None] = {}
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._results: dict[int, asyncio.Future[Result]] = {}
        self._recipes: dict[int, asyncio.Future[None]] = {}
        self._next_token = 1

    def trigger(self, part_id: str, recipe: int, timeout_ms: int, origin: Origin) -> int:
        """The id of the inspection. Raises RefusedError."""
        token = self._token()
        return self._accepted(ev.TriggerAsked(token, part_id, recipe, timeout_ms, origin), token)

    def ask(self, event: Callable[[int], Event]) -> None:
        """Let the event with its token happen. Raises RefusedError where the handshake refuses it."""
        token = self._token()
        self._ask(event(token), token)

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int, client: str = "") -> Result:
        """Trigger and wait for the answer. Raises RefusedError."""
        token = self._token()
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        inspection_id = 0
        try:
            asked = ev.TriggerAsked(token, part_id, recipe, timeout_ms, Origin("inspect", client=client))
            inspection_id = self._accepted(asked, token)
            return await answer
        finally:
            self._waiting.pop(token, None)
            self._results.pop(inspection_id, None)

    async def change_recipe(self, recipe: int) -> None:
        """Change the recipe and wait until that is over. Raises RefusedError with the ErrorCode."""
        token = self._token()
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._recipes[token] = settled
        try:
            self._post(ev.RecipeAsked(token, recipe))
            await settled
        finally:
            self._recipes.pop(token, None)

    # ---- what the handshake says ---------------------------------------------------------------------------

    def started(self, token: int, inspection_id: int) -> None:
        if token in self._outcomes:
            self._outcomes[token] = inspection_id
        if (answer := self._waiting.pop(token, None)) is not None:
            self._results[inspection_id] = answer

    def refused(self, token: int, reason: RejectReason | ErrorCode) -> None:
        if token in self._outcomes:
            self._outcomes[token] = RefusedError(reason)

    def recorded(self, result: Result) -> None:
        answer = self._results.get(result.inspection_id)
        if answer is not None and not answer.done():
            answer.set_result(result)

    def recipe_settled(self, token: int, error: ErrorCode) -> None:
        settled = self._recipes.get(token)
        if settled is None or settled.done():
            return
        if error is ErrorCode.NONE:
            settled.set_result(None)
        else:
            settled.set_exception(RefusedError(error))

    def _accepted(self, asked: ev.TriggerAsked, token: int) -> int:
        inspection_id = self._ask(asked, token)
        if inspection_id is None:
            raise RuntimeError("a trigger was asked for from within a step of the station")
        return inspection_id

    def _ask(self, event: Event, token: int) -> int | None:
        self._outcomes[token] = None
        try:
            self._post(event)
        finally:
            outcome = self._outcomes.pop(token)
        if isinstance(outcome, RefusedError):
            raise outcome
        return outcome

    def _token(self) -> int:
        token, self._next_token = self._next_token, self._next_token + 1
        return token
