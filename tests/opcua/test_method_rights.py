"""Which role may call which method, by the method's browse name; what nobody thought of is the engineer's."""

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.requests import GOOD
from gateway.plc.opcua.security.rights import LEAST_ROLE_TO_CALL, Role, least_role_to_call
from tests.opcua.desk import Bench, tag_id

GET_MONITORED_ITEMS = standard_id(ObjectIds.Server_GetMonitoredItems)
HALT = tag_id("vision.VisionStateMachine.Halt")


@pytest.mark.parametrize("role", list(Role))
async def test_each_method_has_its_least_role(role: Role, desk: Bench) -> None:
    gate = desk.link._gate
    assert gate is not None
    for method, least in (
        (GET_MONITORED_ITEMS, Role.VIEWER),
        (tag_id("Inspect"), Role.OPERATOR),
        (HALT, Role.ENGINEER),
    ):
        assert (gate.methods.right(method, role) == GOOD) is (role >= least)
        shown = gate.read(ua.ReadValueId(method, AttributeIds.UserExecutable), role).Value
        assert shown is not None
        assert shown.Value is (role >= least)


def test_the_table() -> None:
    """What changes how parts are judged, or stops the line for good, is the engineer's; looking is everybody's."""
    engineers = {name for name, role in LEAST_ROLE_TO_CALL.items() if role is Role.ENGINEER}
    assert {"Halt", "Reset", "SimulationMode", "PrepareRecipe", "ActivateConfiguration"} <= engineers
    assert {"StartSingleJob", "Acknowledge"} <= {n for n, r in LEAST_ROLE_TO_CALL.items() if r is Role.OPERATOR}
    assert all(name.startswith(("Get", "Release", "Condition")) for name, r in LEAST_ROLE_TO_CALL.items() if r == 1)
    assert least_role_to_call("AddNewThing") is Role.ENGINEER
