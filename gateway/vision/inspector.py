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
from gateway.vision.pekat import Ask, ClientOptions, PekatClient
from gateway.vision.pekat_reply import Reply, ReplyRules, read_reply
from gateway.vision.sending import Sender
from gateway.vision.way import WaySetting
from gateway.vision.wire import Call


@dataclass(frozen=True, slots=True)
class Program:
    """One recipe as the inspector runs it: a PEKAT project, the same at each of `urls`. For `data` see `data_text`."""

    number: int
    name: str
    urls: tuple[str, ...]
    rules: ReplyRules
    options: ClientOptions
    data: str = ""
    context_in_body: bool = True


def data_text(template: str, order: Order) -> str:
    """The text that goes with the image as `data`. Raises ValueError, LookupError, AttributeError on a bad one."""
    return template.format(
        part_id=order.part_id,
        station=order.station,
        inspection_id=order.inspection_id,
        trigger_seq=order.trigger_seq,
        recipe=order.recipe,
    )


class PekatInspector:
    """Judges pictures in PEKAT projects, one for each recipe, at most `workers` at a time at each of its addresses.

    Its threads are named after the station. Which address gets a picture is the pool's and `breaker_rule`'s to say.
    Entering it asks PEKAT nothing: a gateway that starts before PEKAT is in use as soon as PEKAT answers. `in_flight`
    is how many inspections the station may have under way. `on_reply` gets each reply with its order, on the
    inspecting thread: for what wants the images that PEKAT drew.
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
        on_reply: Callable[[Order, Reply], None] | None = None,
    ) -> None:
        self._programs = {program.number: program for program in programs}
        self._current = next(iter(self._programs.values()), None)
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

    async def __aenter__(self) -> Self:
        self._sender.open()
        await self._dispatch.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self._dispatch.__aexit__(*exc)
        finally:
            self._sender.close()

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        """Judge one picture by `order.recipe`. Raises InspectorError; waits no longer than `order.deadline`.

        What PEKAT answers is a judgement, refusals included; that it did not answer is an error.
        """
        program = self._program(order.recipe)
        return await self._dispatch.judge(order, partial(self._judge, program, picture, order))

    async def prepare(self, recipe: int) -> None:
        """Make sure that the recipe's project answers at one of its addresses. Raises InspectorError."""
        program = self._program(recipe)
        await self._dispatch.prepare(recipe)
        self._current = program

    async def check(self) -> None:
        """Ping the project of the recipe in force at all its addresses, on connections of their own.

        Raises InspectorError where none answers.
        """
        if self._current is not None:
            await self._dispatch.check(self._current.number)

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
