"""PEKAT as the gateway's inspector: an order and a picture in, a judgement out, and nothing left running."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason
from gateway.ports import Order, Picture
from gateway.vision.drawings import Drawings
from gateway.vision.lanes import Lanes
from gateway.vision.pekat import Ask, ClientOptions, PekatClient
from gateway.vision.pekat_reply import Reply, ReplyRules, read_reply
from gateway.vision.sending import Sender
from gateway.vision.way import WaySetting
from gateway.vision.wire import Call

log = logging.getLogger(__name__)

CHECK_LANES = 2
"""Pings at a time: the health check, and a recipe change that must not wait for it."""
VERSION_TIMEOUT_S = 0.5
"""For a PEKAT that has just answered a ping."""


@dataclass(frozen=True, slots=True)
class Program:
    """One recipe as the inspector runs it: a PEKAT project at `url`. `data` is a template, see `data_text`."""

    number: int
    name: str
    url: str
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
    """Judges pictures in PEKAT projects, one for each recipe, on `workers` threads named after the station.

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
        on_reply: Callable[[Order, Reply], None] | None = None,
    ) -> None:
        self._programs = {program.number: program for program in programs}
        self._current = next(iter(self._programs.values()), None)
        self._ping_timeout_s = ping_timeout_s
        self._on_reply = on_reply
        # Answers leave in order: the drawing of a quick one must outlive the slow one that it waits for.
        self._drawings = Drawings(2 * max(workers, in_flight))
        self._sender = Sender(way, workers)
        self._lanes = Lanes(f"{station}-pekat", workers)
        self._check_lanes = Lanes(f"{station}-pekat-check", CHECK_LANES)

    async def __aenter__(self) -> Self:
        self._sender.open()
        await self._lanes.__aenter__()
        await self._check_lanes.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self._lanes.__aexit__(*exc)
            await self._check_lanes.__aexit__(*exc)
        finally:
            self._sender.close()

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        """Judge one picture by `order.recipe`. Raises InspectorError; waits no longer than `order.deadline`.

        What PEKAT answers is a judgement, refusals included; that it did not answer is an error.
        """
        program = self._program(order.recipe)
        act = partial(self._judge, program, picture, order)
        return await self._lanes.run(program.url, program.options, order.deadline / 1e6, act)

    async def prepare(self, recipe: int) -> None:
        """Make sure that the recipe's project answers. Raises InspectorError."""
        program = self._program(recipe)
        await self._look(program)
        self._current = program

    async def check(self) -> None:
        """Ping the project of the recipe in force, on a connection of its own. Raises InspectorError."""
        if self._current is not None:
            await self._look(self._current)

    @property
    def draws(self) -> bool:
        """Some recipe asks PEKAT for an image beside the context."""
        return any(program.rules.response_type != "context" for program in self._programs.values())

    def drawn(self, inspection_id: int) -> bytes | None:
        """The PNG that PEKAT drew for this inspection, as long as it is one of the last few."""
        return self._drawings.find(inspection_id)

    async def _look(self, program: Program) -> None:
        try:
            await self._check_run(program, self._ping_timeout_s, PekatClient.ping)
        except InspectorError:
            self._sender.ways.forget(program.url)
            raise
        if self._sender.ways.wants_version(program.url):
            await self._find_way(program)

    async def _find_way(self, program: Program) -> None:
        try:
            await self._check_run(program, VERSION_TIMEOUT_S, self._sender.learn)
        except InspectorError as error:  # the way that every PEKAT understands is good until the next check
            log.debug("the shortest way is not known: %s", error)

    async def _check_run(self, program: Program, seconds: float, act: Callable[[PekatClient, Call], None]) -> None:
        await self._check_lanes.run(program.url, program.options, time.monotonic() + seconds, act)

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
