"""Who may do what over OPC UA: roles, and the least role for each control tag and method. Data only.

| right                                                            | viewer | operator | engineer |
|------------------------------------------------------------------|--------|----------|----------|
| browse, read, subscribe                                          | yes    | yes      | yes      |
| write control tags, call Inspect by the recipe in force          | no     | yes      | yes      |
| write change_recipe, recipe_request; Inspect by another recipe   | no     | no       | yes      |
| write set_offline, reset                                         | no     | no       | yes      |

A PLC that plays the whole handshake needs `engineer`: `reset` is how it gets out of everything.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from gateway.core.tags import CONTROL_TAGS


class Role(IntEnum):
    """A greater role may do all that a smaller one may."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3


_ENGINEERS_TAGS = frozenset({"change_recipe", "recipe_request", "set_offline", "reset"})
"""What changes how the next parts are judged, or takes the station from the one who runs it."""

LEAST_ROLE: Mapping[str, Role] = MappingProxyType(
    {tag.name: Role.ENGINEER if tag.name in _ENGINEERS_TAGS else Role.OPERATOR for tag in CONTROL_TAGS}
)
"""For each control tag, the least role that may write it."""

INSPECT = Role.OPERATOR
INSPECT_BY_ANOTHER_RECIPE = LEAST_ROLE["change_recipe"]
