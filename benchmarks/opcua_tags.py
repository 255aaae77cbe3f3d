"""Which nodes the crowd's clients look at."""

from asyncua import ua

from benchmarks.opcua_client import node_id

STATION = "station1"

RESULT_TAGS = (
    "ok", "nok", "no_decision", "result_toggle", "verdict", "reason", "result_trigger_seq", "result_recipe",
    "result_part_id", "detection_count", "detections_truncated", "defect_class", "score_milli", "inspection_time_ms",
    "total_time_ms", "count_triggers", "count_ok", "count_nok", "result_seq_end", "result_valid",
)  # fmt: skip
"""What a client that follows the results subscribes to, beside the detections and `result_seq`."""

DETECTIONS = tuple(
    f"detections[{row}].{field}"
    for row in range(1, 9)
    for field in ("class", "confidence_milli", "x", "y", "width", "height")
)

OTHER_TAGS = (
    "online", "ready", "trigger_ack", "busy", "exposure_done", "error", "overrun", "trigger_rejected", "recipe_ack",
    "recipe_error", "watchdog_tripped", "map_signature", "map_version", "state", "offline_reason", "reject_reason",
    "boot_id", "heartbeat", "trigger_seq_accepted", "error_code", "error_cause", "error_count", "recipe",
    "results_pending", "count_no_decision", "count_missed", "values_saturated", "test_uint32", "test_float32",
    "test_string", "user_result_seq",
)  # fmt: skip

HUNDRED = ("result_seq", *RESULT_TAGS, *DETECTIONS, *OTHER_TAGS)
"""100 nodes: the status block but for `stop_line`."""


def status_node(tag: str) -> ua.NodeId:
    """The node of a status tag."""
    return ua.NodeId.from_string(node_id(f"{STATION}.status.{tag}"))
