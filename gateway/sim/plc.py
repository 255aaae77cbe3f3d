"""A simulated PLC: plays the full handshake through a face (Modbus or OPC UA) and checks every answer.

It knows only tags, as a PLC programmer does. What is wrong is a `Slip`; a run with a slip has failed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self

from gateway.core.commands import Commands
from gateway.core.result import Verdict
from gateway.core.state import next_seq
from gateway.core.tags import TagValue

Style = Literal["bits", "sequence"]

ESSENTIAL_TAGS = (
    "ready", "trigger_ack", "result_valid", "ok", "nok", "no_decision", "trigger_rejected", "reject_reason",
    "boot_id", "trigger_seq_accepted", "result_seq", "result_trigger_seq", "verdict", "reason", "result_part_id",
    "detection_count", "inspection_time_ms", "total_time_ms", "online", "offline_reason", "result_seq_end",
)  # fmt: skip
"""What the simulated PLC looks at; a face may read more."""


class PlcFace(Protocol):
    """How a PLC reaches its tags. Raises ConnectionError where the other side is gone."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def write(self, commands: Commands) -> None:
        """Write the command tags in one request."""
        ...

    async def read(self) -> Mapping[str, TagValue]:
        """At least ESSENTIAL_TAGS, all read in one request."""
        ...


@dataclass(frozen=True, slots=True)
class Play:
    """How the PLC plays. `expected` gives the verdict that part number n (from 1) deserves; None: any.

    `rate` is triggers a second, 0 as fast as the answers come. `poll_s` is the PLC's scan time.
    """

    count: int = 20
    style: Style = "bits"
    buffered: bool = False
    rate: float = 0.0
    poll_s: float = 0.001
    answer_timeout_s: float = 10.0
    part_prefix: str = "P"
    expected: Callable[[int], Verdict | None] = field(default=lambda _: None)

    def part_id(self, number: int) -> str:
        return f"{self.part_prefix}{number:06d}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the PLC saw it. `latency_s`: from the start of the trigger's write to the result in hand."""

    number: int
    part_id: str
    verdict: Verdict
    reason: int
    detections: int
    latency_s: float


@dataclass(slots=True)
class Outcome:
    """What a run brought: all answers, and everything that was wrong."""

    answers: list[Answer] = field(default_factory=list)
    slips: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.slips

    def count(self, verdict: Verdict) -> int:
        return sum(answer.verdict is verdict for answer in self.answers)


class SlipError(Exception):
    """The gateway broke the handshake: an answer is missing, late, or another part's."""


@dataclass(slots=True)
class Plc:
    """Plays triggers one after another. `on_answer` is told each answer as it comes."""

    face: PlcFace
    play: Play
    on_answer: Callable[[Answer], None] = lambda _: None
    commands: Commands = field(default_factory=Commands)
    _beat: int = 0

    async def run(self) -> Outcome:
        """Play `play.count` triggers. Never raises for what the gateway does wrong: that is in the outcome."""
        outcome = Outcome()
        try:
            await self._begin()
            due = time.monotonic()
            for number in range(1, self.play.count + 1):
                due = await self._pace(due)
                answer = await self._cycle(number)
                outcome.answers.append(answer)
                outcome.slips += self._check(answer)
                self.on_answer(answer)
        except SlipError as slip:
            outcome.slips.append(str(slip))
        except ConnectionError as error:
            outcome.slips.append(f"connection lost after {len(outcome.answers)} answers: {error}")
        return outcome

    async def _pace(self, due: float) -> float:
        if not self.play.rate:
            return due
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        return max(due, time.monotonic() - 1.0) + 1.0 / self.play.rate

    async def _begin(self) -> None:
        """All bits low, a reset, enable: from whatever the last PLC left behind to ready."""
        await self._write(**dict.fromkeys(("enable", "trigger", "result_ack", "reset"), False))
        tags = await self.face.read()
        self.commands = replace(self.commands, trigger_seq=int(tags["trigger_seq_accepted"]))
        await self._write(reset=True)
        await self._write(reset=False)
        await self._write(enable=True, buffer_results=self.play.buffered)
        await self._until(lambda tags: bool(tags["ready"]), "the station did not get ready")

    async def _cycle(self, number: int) -> Answer:
        await self._until(lambda tags: bool(tags["ready"]), "the station did not get ready again")
        part_id = self.play.part_id(number)
        started = time.perf_counter()
        seq = await (self._trigger_by_bit(part_id) if self.play.style == "bits" else self._trigger_by_seq(part_id))
        tags = await self._until(
            lambda tags: bool(tags["result_valid"]) and tags["result_trigger_seq"] == seq,
            f"no answer for part {part_id} (trigger {seq})",
        )
        latency = time.perf_counter() - started
        self._check_tags(tags, part_id)
        await self._take(int(tags["result_seq"]))
        return Answer(
            number, part_id, Verdict(int(tags["verdict"])), int(tags["reason"]), int(tags["detection_count"]), latency
        )

    async def _trigger_by_bit(self, part_id: str) -> int:
        await self._write(trigger=True, part_id=part_id)
        tags = await self._until(
            lambda tags: bool(tags["trigger_ack"] or tags["trigger_rejected"]), f"trigger for {part_id} not seen"
        )
        self._check_accepted(tags, part_id)
        await self._write(trigger=False)
        return int(tags["trigger_seq_accepted"])

    async def _trigger_by_seq(self, part_id: str) -> int:
        seq = next_seq(self.commands.trigger_seq)
        await self._write(trigger_seq=seq, part_id=part_id)
        tags = await self._until(
            lambda tags: tags["trigger_seq_accepted"] == seq or bool(tags["trigger_rejected"]),
            f"trigger {seq} for {part_id} not seen",
        )
        self._check_accepted(tags, part_id)
        return seq

    async def _take(self, result_seq: int) -> None:
        """Acknowledge; in the bit style with both edges."""
        if self.play.style == "sequence":
            await self._write(result_ack_seq=result_seq)
            await self._until(
                lambda tags: not tags["result_valid"] or tags["result_seq"] != result_seq, "the ack was not taken"
            )
            return
        await self._write(result_ack=True)
        await self._until(lambda tags: not tags["result_valid"], "result_valid did not fall after result_ack")
        await self._write(result_ack=False)

    def _check_accepted(self, tags: Mapping[str, TagValue], part_id: str) -> None:
        if tags["trigger_rejected"]:
            raise SlipError(f"trigger for {part_id} rejected with reason {tags['reject_reason']} though ready was 1")

    def _check_tags(self, tags: Mapping[str, TagValue], part_id: str) -> None:
        if tags["result_part_id"] != part_id:
            raise SlipError(f"the answer for {part_id} carries part {tags['result_part_id']!r}")
        if tags["result_seq"] != tags["result_seq_end"]:
            raise SlipError(f"torn read: result_seq {tags['result_seq']}, result_seq_end {tags['result_seq_end']}")
        bits = [bool(tags["ok"]), bool(tags["nok"]), bool(tags["no_decision"])]
        if bits != [tags["verdict"] == 1, tags["verdict"] == 2, tags["verdict"] == 3]:
            raise SlipError(f"verdict {tags['verdict']} and the bits ok, nok, no_decision {bits} disagree")

    def _check(self, answer: Answer) -> list[str]:
        expected = self.play.expected(answer.number)
        if expected is None or answer.verdict in (expected, Verdict.NO_DECISION):
            return []
        return [f"part {answer.part_id}: verdict {answer.verdict.name}, it deserves {expected.name}"]

    async def _write(self, **tags: TagValue) -> None:
        self._beat = (self._beat + 1) & 0xFFFF
        self.commands = replace(self.commands, plc_heartbeat=self._beat, **tags)  # type: ignore[arg-type]  # tag names
        await self.face.write(self.commands)

    async def _until(self, done: Callable[[Mapping[str, TagValue]], bool], else_: str) -> Mapping[str, TagValue]:
        """Scan until `done`; a SlipError that says `else_` when it takes too long."""
        deadline = time.monotonic() + self.play.answer_timeout_s
        while True:
            tags = await self.face.read()
            if done(tags):
                return tags
            if time.monotonic() > deadline:
                where = f"online {tags['online']}, offline_reason {tags['offline_reason']}, ready {tags['ready']}"
                raise SlipError(f"{else_} within {self.play.answer_timeout_s:g} s ({where})")
            await asyncio.sleep(self.play.poll_s)
