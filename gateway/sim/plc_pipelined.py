"""A simulated PLC for `max_in_flight` over 1: it triggers whenever the station is ready, and takes results beside it.

As in a PLC, each scan reads the status block once, decides, and writes the control block at most once. Triggering and
taking results are two small state machines that know nothing of each other but the list of parts under way.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.result import Verdict
from gateway.core.state import next_seq
from gateway.core.tags import TagValue
from gateway.sim.plc import Answer, Outcome, Plc, SlipError

Tags = Mapping[str, TagValue]


@dataclass(frozen=True, slots=True)
class Shot:
    """A trigger that was written: part `number`, and when (`time.perf_counter`)."""

    number: int
    part_id: str
    written_at: float


@dataclass(slots=True)
class PipelinedPlc(Plc):
    """Plays `play.count` triggers, several in flight. Bit style or sequence style, buffered or free running.

    Buffered, every trigger's answer is taken, in the order of the triggers. Free running, an answer may come out
    together with a newer one and is then not seen: `unseen` counts those. `most_open`: how many were under way at once.
    """

    unseen: int = 0
    most_open: int = 0
    _open: dict[int, Shot] = field(default_factory=dict)
    """By trigger number, in the order of acceptance."""
    _asking: Shot | None = None
    _number: int = 0
    _due: float = 0.0
    _taken_seq: int = 0
    _moved_at: float = 0.0

    async def run(self) -> Outcome:
        """Never raises for what the gateway does wrong: that is in the outcome."""
        outcome = Outcome()
        try:
            await self._begin()
            self._taken_seq = int((await self.face.read())["result_seq"])
            self._due = self._moved_at = time.monotonic()
            while self._number < self.play.count or self._asking or self._open or self.commands.result_ack:
                await self._scan(outcome)
        except SlipError as slip:
            outcome.slips.append(str(slip))
        except ConnectionError as error:
            outcome.slips.append(f"connection lost after {len(outcome.answers)} answers: {error}")
        return outcome

    async def _scan(self, outcome: Outcome) -> None:
        tags = await self.face.read()
        changes = self._trigger(tags)
        changes |= self._take_result(tags, outcome)
        if changes:
            self._moved_at = time.monotonic()
            await self._write(**changes)
        elif time.monotonic() - self._moved_at > self.play.answer_timeout_s:
            waiting = ", ".join(shot.part_id for shot in self._open.values()) or "ready"
            raise SlipError(f"nothing moved for {self.play.answer_timeout_s:g} s; waited for {waiting}")
        await asyncio.sleep(self.play.poll_s)

    # ---- triggers ------------------------------------------------------------------------------------------

    def _trigger(self, tags: Tags) -> dict[str, Any]:
        if self._asking is not None:
            return self._asked(self._asking, tags)
        if self._number >= self.play.count or not tags["ready"] or time.monotonic() < self._due:
            return {}
        if self.play.rate:
            self._due = max(self._due, time.monotonic() - 1.0) + 1.0 / self.play.rate
        self._number += 1
        self._asking = Shot(self._number, self.play.part_id(self._number), time.perf_counter())
        if self.play.style == "bits":
            return {"part_id": self._asking.part_id, "trigger": True}
        return {"part_id": self._asking.part_id, "trigger_seq": next_seq(self.commands.trigger_seq)}

    def _asked(self, shot: Shot, tags: Tags) -> dict[str, Any]:
        """The trigger was written in the scan before: it must have been accepted."""
        self._check_accepted(tags, shot.part_id)
        seq, bits = int(tags["trigger_seq_accepted"]), self.play.style == "bits"
        if not (tags["trigger_ack"] if bits else seq == self.commands.trigger_seq):
            return {}
        self._asking, self._open[seq] = None, shot
        self.most_open = max(self.most_open, len(self._open))
        return {"trigger": False} if bits else {}

    # ---- results -------------------------------------------------------------------------------------------

    def _take_result(self, tags: Tags, outcome: Outcome) -> dict[str, Any]:
        if self.commands.result_ack:  # bit style: the acknowledgement is withdrawn when it was seen
            return {} if tags["result_valid"] else {"result_ack": False}
        result_seq = int(tags["result_seq"])
        if not tags["result_valid"] or result_seq == self._taken_seq:
            return {}
        shot = self._shot_of(int(tags["result_trigger_seq"]))
        self._check_tags(tags, shot.part_id)
        self._taken_seq, self._moved_at = result_seq, time.monotonic()
        verdict = Verdict(int(tags["verdict"]))
        latency = time.perf_counter() - shot.written_at
        answer = Answer(shot.number, shot.part_id, verdict, int(tags["reason"]), int(tags["detection_count"]), latency)
        outcome.answers.append(answer)
        outcome.slips += self._check(answer)
        self.on_answer(answer)
        if not self.play.buffered:
            return {}
        return {"result_ack": True} if self.play.style == "bits" else {"result_ack_seq": result_seq}

    def _shot_of(self, trigger_seq: int) -> Shot:
        """The part under way with this trigger number. Buffered, it is the oldest; else older ones went unseen."""
        if trigger_seq not in self._open:
            raise SlipError(f"a result for trigger {trigger_seq}, which is not under way; these are: {[*self._open]}")
        while (oldest := next(iter(self._open))) != trigger_seq:
            if self.play.buffered:
                raise SlipError(f"the result of trigger {trigger_seq} came before that of trigger {oldest}")
            del self._open[oldest]
            self.unseen += 1
        return self._open.pop(trigger_seq)
