"""What happens in the timing diagrams of docs/handshake.md: one script for each, played by diagrams.py."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core import calls
from gateway.core import events as ev
from gateway.core.result import Judgement, Verdict
from gateway.core.state import Options
from gateway.core.tags import TagValue

USUAL = Options()
OK, NOK = Judgement(Verdict.OK), Judgement(Verdict.NOK)
Tags = dict[str, TagValue]


@dataclass(frozen=True, slots=True)
class Moment:
    """One column of a timing diagram. `event` None: the PLC writes `tags`. `after_ms` counts from the column before."""

    told: str
    tags: Tags | None = None
    event: ev.Event | None = None
    after_ms: int = 1


@dataclass(frozen=True, slots=True)
class Script:
    """A timing diagram: what happens, and which tags are drawn. It begins online and enabled."""

    rows: Sequence[str]
    moments: Sequence[Moment]
    options: Options = USUAL
    buffered: bool = False


def _plc(told: str, **tags: TagValue) -> Moment:
    return Moment(told, tags)


def _world(told: str, event: ev.Event, after_ms: int = 1) -> Moment:
    return Moment(told, None, event, after_ms)


def _exposed(inspection: int) -> Moment:
    return _world(f"gateway: the image of part {inspection} is taken", ev.Exposed(inspection))


def _answered(inspection: int, judgement: Judgement) -> Moment:
    return _world(f"PEKAT: part {inspection} is {judgement.verdict.name}", ev.Answered(inspection, judgement))


_WORK = ("ready", "trigger_ack", "busy", "exposure_done")
_RESULT = ("result_valid", "ok", "nok", "no_decision", "result_seq")

SCRIPTS: dict[str, Script] = {
    "handshake-accepted-bit": Script(
        ("trigger", *_WORK, "result_valid", "result_toggle", "ok", "nok", "result_seq"),
        (
            _plc("PLC: trigger 1", trigger=True),
            _exposed(1),
            _plc("PLC has seen trigger_ack: trigger 0", trigger=False),
            _answered(1, OK),
            _plc("PLC: trigger 1, the next part; the old result is no longer valid", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _exposed(2),
            _answered(2, NOK),
        ),
    ),
    "handshake-accepted-seq": Script(
        ("trigger_seq", *_WORK, "trigger_seq_accepted", "result_valid", "ok", "result_seq", "result_trigger_seq"),
        (
            _plc("PLC: trigger_seq 17", trigger_seq=17),
            _exposed(1),
            _plc("PLC writes 17 again (a retry): nothing happens", trigger_seq=17),
            _answered(1, OK),
            _plc("PLC: trigger_seq 18, the next part", trigger_seq=18),
            _exposed(2),
            _answered(2, OK),
        ),
    ),
    "handshake-rejected": Script(
        ("trigger", "error_ack", *_WORK[:3], "trigger_rejected", "reject_reason", "count_missed"),
        (
            _plc("PLC: trigger 1", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _plc("PLC: trigger 1 without ready: rejected, reason 5 (exposing)", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _answered(1, OK),
            _plc("PLC: error_ack 1 (the next accepted trigger or reset would do)", error_ack=True),
            _plc("PLC: error_ack 0", error_ack=False),
        ),
    ),
    "handshake-buffered-bit": Script(
        ("trigger", "result_ack", "ready", "busy", *_RESULT[:3], "result_seq", "results_pending"),
        (
            _plc("PLC: trigger 1", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _answered(1, OK),
            _plc("PLC: trigger 1, the result stays frozen", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _answered(2, NOK),
            _plc("PLC has read result 1: result_ack 1", result_ack=True),
            _plc("PLC has seen result_valid 0: result_ack 0; result 2 comes", result_ack=False),
            _plc("PLC: result_ack 1", result_ack=True),
            _plc("PLC: result_ack 0", result_ack=False),
        ),
        buffered=True,
    ),
    "handshake-buffered-seq": Script(
        ("trigger_seq", "result_ack_seq", "ready", "busy", *_RESULT[:3], "result_seq", "results_pending"),
        (
            _plc("PLC: trigger_seq 1", trigger_seq=1),
            _answered(1, OK),
            _plc("PLC: trigger_seq 2", trigger_seq=2),
            _answered(2, NOK),
            _plc("PLC has read result 1: result_ack_seq 1; result 2 comes at once", result_ack_seq=1),
            _plc("PLC: result_ack_seq 2", result_ack_seq=2),
        ),
        buffered=True,
    ),
    "handshake-overrun": Script(
        ("trigger_seq", "result_ack_seq", "ready", "result_valid", "results_pending", "overrun", "trigger_rejected"),
        (
            _plc("PLC: trigger_seq 1", trigger_seq=1),
            _answered(1, OK),
            _plc("PLC: trigger_seq 2", trigger_seq=2),
            _answered(2, OK),
            _plc("PLC: trigger_seq 3 without ready: the FIFO (here of 2) is full", trigger_seq=3),
            _plc("PLC: result_ack_seq 1", result_ack_seq=1),
            _plc("PLC: trigger_seq 4 (3 is used up)", trigger_seq=4),
        ),
        Options(result_depth=2),
        buffered=True,
    ),
    "handshake-pipelined": Script(
        ("trigger_seq", "ready", "busy", "exposure_done", "result_valid", "ok", "nok", "result_seq", "result_toggle"),
        (
            _plc("PLC: trigger_seq 1", trigger_seq=1),
            _exposed(1),
            _plc("PLC: trigger_seq 2, while part 1 is still judged", trigger_seq=2),
            _exposed(2),
            _world("PEKAT: part 2 is NOK; it waits for part 1", ev.Answered(2, NOK)),
            _world("PEKAT: part 1 is OK; results 1 and 2 come in order, in one image", ev.Answered(1, OK)),
        ),
        Options(max_in_flight=2),
    ),
    "handshake-pipelined-bit": Script(
        ("trigger", "result_ack", *_WORK, *_RESULT[:3], "result_seq", "results_pending"),
        (
            _plc("PLC: trigger 1, part 1", trigger=True),
            _world("gateway: the image of part 1 is taken; PLC has seen trigger_ack", ev.Exposed(1)),
            _plc("PLC: trigger 0; ready is back, part 1 is still judged", trigger=False),
            _plc("PLC: trigger 1, part 2", trigger=True),
            _world("gateway: the image of part 2 is taken", ev.Exposed(2)),
            _plc("PLC: trigger 0", trigger=False),
            _plc("PLC: trigger 1, part 3", trigger=True),
            _world("gateway: the image of part 3 is taken", ev.Exposed(3)),
            _plc("PLC: trigger 0; no ready: three are under way", trigger=False),
            _world("PEKAT: part 2 is NOK; it waits for part 1", ev.Answered(2, NOK)),
            _world("PEKAT: part 1 is OK; results 1 and 2 are there, 1 is shown; ready", ev.Answered(1, OK)),
            _plc("PLC has read result 1: result_ack 1", result_ack=True),
            _plc("PLC has seen result_valid 0: result_ack 0; result 2 comes", result_ack=False),
            _plc("PLC: result_ack 1", result_ack=True),
            _world("PEKAT: part 3 is OK; it waits for result_ack 0", ev.Answered(3, OK)),
            _plc("PLC: result_ack 0; result 3 comes", result_ack=False),
        ),
        Options(max_in_flight=3),
        buffered=True,
    ),
    "handshake-timeout": Script(
        ("trigger", *_WORK[:3], "result_valid", "ok", "no_decision", "reason", "error", "error_code"),
        (
            _plc("PLC: trigger 1", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _world("5 s after the trigger: no decision, reason 8 (time-out)", ev.Tick(), 4_999),
            _world("PEKAT's answer OK comes late: dropped", ev.Answered(1, OK)),
            _plc("PLC: error_ack 1", error_ack=True),
            _plc("PLC: error_ack 0, trigger 1: the next part", error_ack=False, trigger=True),
        ),
    ),
    "handshake-reset": Script(
        ("enable", "trigger", "reset", *_WORK[:3], "result_valid", "result_seq", "results_pending", "error"),
        (
            _plc("PLC: trigger 1", trigger=True),
            _answered(1, OK),
            _plc("PLC: trigger 0", trigger=False),
            _plc("PLC: trigger 1", trigger=True),
            _plc("PLC acknowledges a result that is not there: an error", result_ack_seq=99),
            _plc("PLC: all bits low and reset 1", enable=False, trigger=False, reset=True),
            _plc("PLC: reset 0, enable 1", enable=True, reset=False),
            _plc("PLC: trigger 1", trigger=True),
            _answered(3, OK),
        ),
        buffered=True,
    ),
    "handshake-recipe": Script(
        ("change_recipe", "recipe_request", "ready", "recipe_ack", "recipe_error", "recipe", "error_code"),
        (
            _plc("PLC: recipe_request 2, change_recipe 1 in one write", change_recipe=True, recipe_request=2),
            _world("gateway: the recipe is ready", ev.RecipePrepared(1)),
            _plc("PLC has seen recipe_ack: change_recipe 0", change_recipe=False),
            _plc("PLC asks for recipe 9, which is not configured", change_recipe=True, recipe_request=9),
            _plc("PLC has seen recipe_error: change_recipe 0", change_recipe=False),
        ),
    ),
    "handshake-continuous": Script(
        (
            "trigger",
            "ready",
            "busy",
            "trigger_rejected",
            "reject_reason",
            "result_valid",
            "ok",
            "nok",
            "result_seq",
            "state",
        ),
        (
            _world("call: a continuous run begins", calls.RunAsked(1)),
            _world("a picture comes: the first trigger", ev.PictureCame(1)),
            _answered(1, OK),
            _plc("PLC: trigger 1, rejected, reason 11 (continuous)", trigger=True),
            _plc("PLC: trigger 0", trigger=False),
            _world("a picture comes", ev.PictureCame(1)),
            _world("call: stop; what is in flight is finished", calls.StopAsked()),
            _answered(2, NOK),
        ),
    ),
}
