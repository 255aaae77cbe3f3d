"""Who may do what over OPC UA: roles, and the least role for each control tag, method and service. Data only.

| right                                                                      | viewer | operator | engineer |
|----------------------------------------------------------------------------|--------|----------|----------|
| browse, read, subscribe, read the history, list recipes and results        | yes    | yes      | yes      |
| write control tags, call Inspect by the recipe in force                    | no     | yes      | yes      |
| decide on a part in doubt, where the session has a name                    | no     | yes      | yes      |
| start, stop and abort jobs, acknowledge                                    | no     | yes      | yes      |
| write change_recipe, recipe_request; Inspect by another recipe             | no     | no       | yes      |
| prepare and unprepare recipes and products, activate a configuration       | no     | no       | yes      |
| write set_offline, reset; SelectModeAutomatic, Halt, Reset, SimulationMode | no     | no       | yes      |
| write the history, change the address space                                | no     | no       | no       |

Somebody without a name is a viewer where `anonymous = "read"`, and an operator where it is "operate". A PLC that plays
the whole handshake needs `engineer`: `reset` is how it gets out of everything.
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

INSPECT_BY_ANOTHER_RECIPE = LEAST_ROLE["change_recipe"]

READ_HISTORY = Role.VIEWER
"""The past is no more secret than the present, which a viewer sees go by."""

_CALLS: Mapping[Role, str] = {
    Role.VIEWER: "GetMonitoredItems ConditionRefresh ConditionRefresh2 GetRecipeListFiltered ReleaseRecipeHandle "
    "GetConfigurationList GetConfigurationById ReleaseConfigurationHandle GetResultById GetResultComponentsById "
    "GetResultListFiltered ReleaseResultHandle GetReviews",
    Role.OPERATOR: "Inspect StartSingleJob StartContinuous Stop Abort Acknowledge Confirm AddComment ConfirmAll "
    "DecideReview",
    Role.ENGINEER: "SelectModeAutomatic Halt Reset SimulationMode PrepareRecipe UnprepareRecipe PrepareProduct "
    "UnprepareProduct ActivateConfiguration",
}

LEAST_ROLE_TO_CALL: Mapping[str, Role] = MappingProxyType(
    {method: role for role, methods in _CALLS.items() for method in methods.split()}
)
"""For each method, by its browse name, the least role that may call it."""

CALL_ANY_OTHER = Role.ENGINEER
"""A method that nobody thought of here is not for everybody."""


def least_role_to_call(method: str) -> Role:
    """The least role that may call the method of this browse name, through an instance's method or its type's."""
    return LEAST_ROLE_TO_CALL.get(method, CALL_ANY_OTHER)
