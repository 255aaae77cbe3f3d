"""PEKAT as the gateway's inspector: an order and a picture in, a judgement out, and nothing left running."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason
from gateway.ports import Order, Picture
from gateway.vision.breaker import USUAL_RULE, BreakerRule
from gateway.vision.dispatch import Dispatch
from gateway.vision.drawings import Drawings
from gateway.vision.pekat import Ask, PekatClient
from gateway.vision.pekat_reply import Reply, read_reply
from gateway.vision.preparing import Preparing
from gateway.vision.program import Program, data_text
from gateway.vision.projects import Projects
from gateway.vision.sending import Sender
from gateway.vision.warm_up import warm_up
from gateway.vision.way import WaySetting
from gateway.vision.wire import Call


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """How recipes are made ready: by whom, in which time, and whether the first one is warmed up at the start."""

    projects: Projects | None = None
    limit_s: float = 30.0
    warm_at_start: bool = True
    keep_running: bool = True


USUAL_READY_RULE = ReadyRule()


class PekatInspector:
    """Judges pictures in PEKAT projects, one for each recipe, at most `workers` at a time at each of its addresses.

    Its threads are named after the station. Which address gets a picture is the pool's and `breaker_rule`'s to say.
    Entering it does not wait for PEKAT: a gateway that starts before it is in use as soon as PEKAT answers. `in_flight`
    is how many inspections the station may have under way. `on_reply` gets each reply with its order, on the
    inspecting thread: for what wants the images that PEKAT drew. The first program is the recipe in force;
    `ready_rule` says how it and others are made ready.
    """

    def __init__(
        self,
        station: str,
        programs: Iterable[Program],
        *,
        workers: int = 1,
        in_flight: int = 1,
        way: WaySetting = "auto",
        ping_timeout_s: float = 2.0,
        breaker_rule: BreakerRule = USUAL_RULE,
        ready_rule: ReadyRule = USUAL_READY_RULE,
        on_reply: Callable[[Order, Reply], None] | None = None,
    ) -> None:
        self._programs = {program.number: program for program in programs}
        self._on_reply = on_reply
        # Answers leave in order: the drawing of a quick one must outlive the slow one that it waits for.
        self._drawings = Drawings(2 * max(workers, in_flight))
        most = max((len(program.urls) for program in self._programs.values()), default=1)
        at_a_time = min(workers * most, max(workers, in_flight))
        self._sender = Sender(way, at_a_time)
        self._dispatch = Dispatch(
            station,
            {program.number: (program.urls, program.options) for program in self._programs.values()},
            self._sender,
            limit=workers,
            lanes=at_a_time,
            ping_timeout_s=ping_timeout_s,
            rule=breaker_rule,
        )
        self._preparing = Preparing(
            station,
            self._dispatch,
            self._programs,
            next(iter(self._programs), 0),
            projects=ready_rule.projects,
            warm_up=partial(warm_up, station, self._dispatch, self._sender),
            limit_s=ready_rule.limit_s,
            warm_at_start=ready_rule.warm_at_start,
            keep_running=ready_rule.keep_running,
        )

    async def __aenter__(self) -> Self:
        self._sender.open()
        await self._dispatch.__aenter__()
        await self._preparing.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self._preparing.stop()
            await self._dispatch.__aexit__(*exc)
        finally:
            self._sender.close()

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        """Judge one picture by `order.recipe`. Raises InspectorError; waits no longer than `order.deadline`.

        What PEKAT answers is a judgement, refusals included; that it did not answer is an error.
        """
        program = self._program(order.recipe)
        self._preparing.require(order.recipe)
        return await self._dispatch.judge(order, partial(self._judge, program, picture, order))

    async def prepare(self, recipe: int) -> None:
        """Make sure that the recipe's project answers at one of its addresses, and have it started and warmed up where
        that is configured. Raises InspectorError; then the recipe before stays in force.
        """
        await self._preparing.prepare(self._program(recipe).number)

    async def check(self) -> None:
        """Ping the project of the recipe in force at all its addresses, on connections of their own.

        Raises InspectorError where none answers.
        """
        await self._preparing.check()

    @property
    def draws(self) -> bool:
        """Some recipe asks PEKAT for an image beside the context."""
        return any(program.rules.response_type != "context" for program in self._programs.values())

    def drawn(self, inspection_id: int) -> bytes | None:
        """The PNG that PEKAT drew for this inspection, as long as it is one of the last few."""
        return self._drawings.find(inspection_id)

    def _program(self, recipe: int) -> Program:
        program = self._programs.get(recipe)
        if program is None:
            known = ", ".join(map(str, sorted(self._programs))) or "none"
            raise InspectorError(f"there is no recipe {recipe}; configured: {known}", reason=Reason.INTERNAL)
        return program

    def _judge(self, program: Program, picture: Picture, order: Order, client: PekatClient, call: Call) -> Judgement:
        ask = Ask(program.rules.response_type, data_text(program.data, order), program.context_in_body)
        answer = self._sender.send(picture, ask, client, call)
        reply = read_reply(answer.status, answer.headers, answer.body, program.rules)
        if reply.image is not None:
            self._drawings.put(order.inspection_id, reply.image)
        if self._on_reply is not None:
            self._on_reply(order, reply)
        return replace(reply.judgement, inspector_us=answer.elapsed_us)
