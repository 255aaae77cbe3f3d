"""The command tags as the PLC has written them."""

from dataclasses import dataclass, fields
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Commands:
    """The command tags, written by the PLC. Field names are the tags' names in every protocol."""

    enable: bool = False
    trigger: bool = False
    result_ack: bool = False
    error_ack: bool = False
    reset: bool = False
    set_offline: bool = False
    abort: bool = False
    flush_results: bool = False
    change_recipe: bool = False
    buffer_results: bool = False
    trigger_seq: int = 0
    result_ack_seq: int = 0
    recipe_request: int = 0
    result_query: int = 0
    plc_heartbeat: int = 0
    part_id: str = ""

    def beating(self, number: int) -> "Commands":
        """The same with another heartbeat; `dataclasses.replace` takes twice as long."""
        *others, part_id = all_but_heartbeat(self)
        return Commands(*others, number, part_id)  # type: ignore[call-arg]  # as many as there are fields


all_but_heartbeat = attrgetter(*(field.name for field in fields(Commands) if field.name != "plc_heartbeat"))
"""The commands of a `Commands` as a tuple, without the PLC's heartbeat."""
