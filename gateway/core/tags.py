"""The standard tags: name, type, meaning. The one source of every tag table, register map and node.

`control` tags are written by the PLC, `status` tags by the gateway. A tag has the same name in every protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from types import MappingProxyType

from gateway.core.errors import Cause, ErrorCode, OfflineReason, RejectReason
from gateway.core.query import QueryStatus
from gateway.core.result import Reason, Verdict
from gateway.core.state import StationState
from gateway.core.views import MOST_VIEWS

DETECTION_ROWS = 8
PART_ID_LENGTH = 32
"""Bytes of `part_id` (UTF-8); in registers they stand behind a length word."""

MAP_SIGNATURE = 0x504B
"""Word 0 of every register map: "PK". Where it is read elsewhere, the addresses are off by one."""

TEST_UINT32 = 0x01020304
TEST_FLOAT32 = 123.456
TEST_STRING = "AB"


class TagType(Enum):
    """A tag's type. A string is `length` bytes of UTF-8 long at most."""

    BIT = "bit"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    FLOAT32 = "float32"
    STRING = "string"


class Direction(Enum):
    """Who writes the tag: the PLC (control) or the gateway (status)."""

    CONTROL = "control"
    STATUS = "status"


TagValue = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `length` counts bytes of UTF-8 for strings and is 1 for everything else."""

    name: str
    direction: Direction
    type: TagType
    description: str
    length: int = 1
    unit: str = ""
    texts: tuple[tuple[int, str], ...] = ()
    """(number, meaning) pairs of an enumeration; empty for plain numbers."""

    @property
    def default(self) -> TagValue:
        """The value before there is one."""
        match self.type:
            case TagType.STRING:
                return ""
            case TagType.BIT:
                return False
            case TagType.FLOAT32:
                return 0.0
            case _:
                return 0


def _texts(enum: type[IntEnum]) -> tuple[tuple[int, str], ...]:
    return tuple((int(member), member.name.lower().replace("_", " ")) for member in enum)


def _control(name: str, kind: TagType, description: str, length: int = 1) -> Tag:
    return Tag(name, Direction.CONTROL, kind, description, length)


def _status(name: str, kind: TagType, description: str, unit: str = "", texts: type[IntEnum] | None = None) -> Tag:
    length = {TagType.STRING: PART_ID_LENGTH}.get(kind, 1)
    return Tag(name, Direction.STATUS, kind, description, length, unit, _texts(texts) if texts else ())


_BIT, _U16, _U32, _STRING = TagType.BIT, TagType.UINT16, TagType.UINT32, TagType.STRING

CONTROL_BITS: tuple[Tag, ...] = (
    _control("enable", _BIT, "The station may be triggered; dropping it cancels what is in flight"),
    _control("trigger", _BIT, "Rising edge starts an inspection; hold it until trigger_ack is 1"),
    _control("result_ack", _BIT, "Rising edge: the PLC has taken the presented result"),
    _control("error_ack", _BIT, "Rising edge acknowledges the latched error and clears a rejection"),
    _control("reset", _BIT, "Rising edge goes back to a known idle state; always works"),
    _control("set_offline", _BIT, "While 1 no trigger is accepted; what is in flight is finished"),
    _control("abort", _BIT, "Rising edge cancels what is in flight, answered as no decision"),
    _control("flush_results", _BIT, "Rising edge drops the results that wait in the FIFO"),
    _control("change_recipe", _BIT, "Rising edge changes to recipe_request; hold it until recipe_ack or recipe_error"),
    _control("buffer_results", _BIT, "Results queue in a FIFO; the presented one is frozen until acknowledged"),
)

CONTROL_VALUES: tuple[Tag, ...] = (
    _control("trigger_seq", _U16, "Sequence style: each new number but 0 is one trigger"),
    _control("result_ack_seq", _U16, "Sequence style: the result_seq of the result that was taken"),
    _control("recipe_request", _U16, "Which recipe change_recipe changes to"),
    _control("result_query", _U16, "The result_seq of a result to read again in the query block; 0 clears that"),
    _control("plc_heartbeat", _U16, "Counts while the PLC lives (optional watchdog)"),
    _control("part_id", _STRING, "Serial or carrier; latched at the trigger, echoed with the result", PART_ID_LENGTH),
)

STATUS_BITS: tuple[Tag, ...] = (
    _status("online", _BIT, "Nothing keeps the station offline"),
    _status("ready", _BIT, "A trigger would be accepted now"),
    _status("trigger_ack", _BIT, "The held trigger was accepted; drop trigger"),
    _status("busy", _BIT, "At least one inspection is in flight"),
    _status("exposure_done", _BIT, "The image of the newest inspection is taken; the part may move"),
    _status("result_valid", _BIT, "The result tags hold a result that is not yet acknowledged or superseded"),
    _status("result_toggle", _BIT, "Flips with each presented result"),
    _status("ok", _BIT, "The valid result is OK (verdict 1)"),
    _status("nok", _BIT, "The valid result is NOK (verdict 2)"),
    _status("no_decision", _BIT, "The valid result is no decision (verdict 3); reason says why"),
    _status("error", _BIT, "An error is latched in error_code"),
    _status("overrun", _BIT, "A trigger was rejected only because the result FIFO is full"),
    _status("trigger_rejected", _BIT, "The last trigger was not accepted; reject_reason says why"),
    _status("recipe_ack", _BIT, "The recipe change is done; falls with change_recipe"),
    _status("recipe_error", _BIT, "The recipe change was refused or failed; falls with change_recipe"),
    _status("watchdog_tripped", _BIT, "plc_heartbeat stood still too long"),
)

STATUS_VALUES: tuple[Tag, ...] = (
    _status("map_signature", _U16, "Always 20555 (0x504B, 'PK'): shows an address that is off by one"),
    _status("map_version", _U16, "Version of the tag map"),
    _status("state", _U16, "Where the station stands, for displays", texts=StationState),
    _status("offline_reason", _U16, "The gravest reason why online is 0", texts=OfflineReason),
    _status("reject_reason", _U16, "Why the last trigger was rejected", texts=RejectReason),
    _status("boot_id", _U16, "Differs after each start of the gateway; never 0"),
    _status("heartbeat", _U16, "Changes four times a second while the station lives"),
    _status("trigger_seq_accepted", _U16, "Number of the trigger accepted last"),
    _status("result_seq", _U16, "Number of the presented result, 1..65535, then 1 again; 0 none yet"),
    _status("result_trigger_seq", _U16, "Number of the trigger that this result answers"),
    _status("verdict", _U16, "Verdict of the presented result", texts=Verdict),
    _status("reason", _U16, "Why there was no decision", texts=Reason),
    _status("error_code", _U16, "The latched error, until error_ack", texts=ErrorCode),
    _status("error_cause", _U16, "What the latched error came from", texts=Cause),
    _status("error_count", _U16, "Errors since the start of the gateway or its journal; wraps"),
    _status("recipe", _U16, "The recipe in force"),
    _status("result_recipe", _U16, "The recipe that this result was judged with"),
    _status("results_pending", _U16, "Results that wait in the FIFO behind the presented one"),
    _status("stop_line", _BIT, "stop_after_nok parts in a row were NOK; until error_ack or reset"),
    _status("review_waiting", _BIT, "An operator is asked about a part whose score lies between good and bad"),
    _status("count_triggers", _U32, "Accepted triggers since the start of the gateway or its journal"),
    _status("count_ok", _U32, "Results OK since the start of the gateway or its journal"),
    _status("count_nok", _U32, "Results NOK since the start of the gateway or its journal"),
    _status("count_no_decision", _U32, "Results without a decision since the start of the gateway or its journal"),
    _status("count_missed", _U32, "Rejected triggers since the start of the gateway or its journal"),
    _status("result_part_id", _STRING, "part_id as it was at this result's trigger"),
    _status("detection_count", _U16, "Objects found, also those that the table has no room for"),
    _status("detections_truncated", _U16, "1: more objects than rows in the table"),
    _status("defect_class", _U16, "Class number of the first detection; 0 none or not in the class table"),
    _status("score_milli", _U16, "Score of the project times 1000; saturates at 65535"),
    _status("values_saturated", _U16, "How many values of this result did not fit their tag and stand at its limit"),
    _status("images_lost", _U16, "Images that the archive could not keep since the start of the gateway; wraps"),
    _status("inspection_time_ms", _U16, "Time from asking PEKAT to its answer", "ms"),
    _status("total_time_ms", _U16, "Time from the accepted trigger to the answer", "ms"),
    Tag("test_uint32", Direction.STATUS, _U32, "Always 0x01020304: find the word order with it"),
    Tag("test_float32", Direction.STATUS, TagType.FLOAT32, "Always 123.456: find the word order with it"),
    Tag("test_string", Direction.STATUS, _STRING, "Always 'AB': find the string's byte order with it", 2),
    _status("user_result_seq", _U16, "First word of the user block: the result_seq its values belong to"),
    _status("result_seq_end", _U16, "Last word, equals result_seq: shows a read that was torn in two"),
)

DETECTION_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("class", "", "Class number of detection {row}; 0 none or not in the class table"),
    ("confidence_milli", "", "Confidence of detection {row} times 1000"),
    ("x", "px", "Left edge of detection {row}"),
    ("y", "px", "Upper edge of detection {row}"),
    ("width", "px", "Width of detection {row}"),
    ("height", "px", "Height of detection {row}"),
)


def detection_tag(row: int, column: str) -> str:
    """The name of one cell; rows count from 1."""
    return f"detections[{row}].{column}"


DETECTION_TAGS: tuple[Tag, ...] = tuple(
    _status(detection_tag(row, column), _U16, text.format(row=row), unit)
    for row in range(1, DETECTION_ROWS + 1)
    for column, unit, text in DETECTION_COLUMNS
)

VIEW_VALUES: tuple[Tag, ...] = (
    _status("views_result_seq", _U16, "First word of the views block: the result_seq that its rows belong to"),
    _status("view_count", _U16, "Views that the station has"),
)
_VIEW_COLUMNS: tuple[tuple[str, str, str, type[IntEnum] | None], ...] = (
    ("verdict", "", "Verdict of view {row} for itself; 0 where the station has no such view", Verdict),
    ("reason", "", "Why view {row} made no decision", Reason),
    ("detection_count", "", "Objects that view {row} found", None),
    ("defect_class", "", "Class number of the surest detection of view {row}; 0 none or not in the class table", None),
    ("score_milli", "", "Score of the project of view {row} times 1000; saturates at 65535", None),
    ("inspection_time_ms", "ms", "Time from asking PEKAT for view {row} to its answer", None),
)
VIEW_COLUMNS = tuple(column for column, _, _, _ in _VIEW_COLUMNS)


def view_tag(row: int, column: str) -> str:
    """The name of one cell; rows count from 1."""
    return f"views[{row}].{column}"


VIEW_CELLS: tuple[Tag, ...] = tuple(
    _status(view_tag(row, column), _U16, text.format(row=row), unit, texts)
    for row in range(1, MOST_VIEWS + 1)
    for column, unit, text, texts in _VIEW_COLUMNS
)
VIEW_TAGS = VIEW_VALUES + VIEW_CELLS
"""Only stations with several views have them."""


def view_tags(names: Sequence[str]) -> tuple[Tag, ...]:
    """Those of a station with these views, named in the descriptions; none where the station has one view."""
    if not names:
        return ()
    count = len(VIEW_COLUMNS)
    cells = (
        replace(tag, description=f"{tag.description} ({name})" if name else tag.description)
        for row, name in enumerate([*names, *[""] * (MOST_VIEWS - len(names))])
        for tag in VIEW_CELLS[row * count : (row + 1) * count]
    )
    return (*VIEW_VALUES, *cells)


QUERY_TAGS: tuple[Tag, ...] = (
    _status("query_result_seq", _U16, "First word of the query block: the result_query that it answers; 0 none yet"),
    _status(
        "query_status", _U16, "Whether that result was found; the tags below are 0 unless it was", texts=QueryStatus
    ),
    _status("query_trigger_seq", _U16, "Number of the trigger that the found result answered"),
    _status("query_verdict", _U16, "Verdict of the found result, as the PLC was given it", texts=Verdict),
    _status("query_reason", _U16, "Why the found result has no decision", texts=Reason),
    _status("query_recipe", _U16, "The recipe that the found result was judged with"),
    _status("query_detection_count", _U16, "Objects found in it"),
    _status("query_defect_class", _U16, "Class number of its first detection; 0 none or not in the class table"),
    _status("query_score_milli", _U16, "Score of the project times 1000; saturates at 65535"),
    _status("query_inspection_time_ms", _U16, "Time from asking PEKAT to its answer", "ms"),
    _status("query_total_time_ms", _U16, "Time from its accepted trigger to the answer", "ms"),
    _status("query_answered_s", _U32, "When it was answered: seconds since 1970, UTC", "s"),
    _status("query_answered_ms", _U16, "Milliseconds of that second", "ms"),
    _status("query_part_id", _STRING, "part_id of the found result"),
)
"""An old result that the PLC reads again (H37). A map may leave them out."""

CONTROL_TAGS = CONTROL_BITS + CONTROL_VALUES
STATUS_TAGS = STATUS_BITS + STATUS_VALUES + DETECTION_TAGS + QUERY_TAGS
STANDARD_TAGS: Mapping[str, Tag] = MappingProxyType({tag.name: tag for tag in CONTROL_TAGS + STATUS_TAGS + VIEW_TAGS})


def user_tag(name: str, kind: TagType, *, length: int = 1, unit: str = "", description: str = "") -> Tag:
    """The tag of a user value: `user.NAME`, a status tag."""
    return Tag(f"user.{name}", Direction.STATUS, kind, description or f"User value {name}", length, unit)
