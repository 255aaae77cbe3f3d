"""Every method of the running server and every service that changes something, tried with every role."""

from collections.abc import Iterator
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security.rights import LEAST_ROLE_TO_CALL, Role, least_role_to_call
from tests.opcua.desk import Bench, DeskStation, bench, tag_id, view

NAMES = {Role.VIEWER: "vera", Role.OPERATOR: "olga", Role.ENGINEER: "emil"}
_INVERSE = {standard_id(ObjectIds.HasComponent), standard_id(ObjectIds.HasOrderedComponent)}


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    for name in NAMES.values():
        monkeypatch.setenv(f"PASSWORD_{name}", name[::-1])
    return [
        {"name": name, "role": role.name.lower(), "password_env": f"PASSWORD_{name}"} for role, name in NAMES.items()
    ]


def methods(made: Bench) -> Iterator[tuple[ua.NodeId, ua.NodeId, str]]:
    """Object, method and name, for each method that an object of ours has."""
    server = made.link._server
    assert server is not None
    aspace = server.iserver.aspace
    for node in list(aspace.keys()):
        if node.NamespaceIndex == 0 or _attribute(aspace, node, AttributeIds.NodeClass) != ua.NodeClass.Method:
            continue
        for reference in aspace[node].references:
            above = reference.NodeId
            if reference.IsForward or reference.ReferenceTypeId not in _INVERSE:
                continue
            if _attribute(aspace, above, AttributeIds.NodeClass) == ua.NodeClass.Object:
                yield above, node, _attribute(aspace, node, AttributeIds.BrowseName).Name


def _attribute(aspace: Any, node: ua.NodeId, attribute: AttributeIds) -> Any:
    value = aspace.read_attribute_value(node, attribute).Value
    return value.Value if value is not None else None


async def status(client: Client, owner: ua.NodeId, method: ua.NodeId) -> str:
    """Of a call without arguments: what takes some, says that they are missing, and does nothing."""
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = owner, method
    (result,) = await client.uaclient.call([request])
    return str(result.StatusCode.name)


@pytest.mark.parametrize("role", [None, *Role])
async def test_each_method_is_refused_to_every_smaller_role(role: Role | None, people: Any) -> None:
    """All methods that the server has, also those that nobody listed; anonymous clients are viewers."""
    async with bench(view(DeskStation()), users=people) as made:
        name = NAMES[role] if role is not None else None
        client = await made.connect(name, (name or "")[::-1])
        has = role or Role.VIEWER
        seen: dict[str, bool] = {}
        for owner, method, called in methods(made):
            refused = await status(client, owner, method) == "BadUserAccessDenied"
            assert refused is (has < least_role_to_call(called)), called
            seen[called] = refused
        assert {"Inspect", "StartSingleJob", "Halt", "Reset", "PrepareRecipe"} <= set(seen)
        assert set(seen.values()) == ({True, False} if has < Role.ENGINEER else {False})
        assert {one for one in seen if not seen[one]} >= {one for one in seen if LEAST_ROLE_TO_CALL.get(one) == 1}


@pytest.mark.parametrize("role", list(Role))
async def test_no_role_changes_the_past_or_the_address_space(role: Role, people: Any) -> None:
    async with bench(view(DeskStation()), users=people) as made:
        client = await made.connect(NAMES[role], NAMES[role][::-1])
        details = ua.UpdateDataDetails()
        details.NodeId = tag_id("status.verdict")
        details.PerformInsertReplace = ua.PerformUpdateType.Insert
        details.UpdateValues = [ua.DataValue(ua.Variant(1, ua.VariantType.UInt16))]
        request = ua.HistoryUpdateRequest()
        request.Parameters.HistoryUpdateDetails = [details]
        for service in (
            client.uaclient._send_request(request),
            client.uaclient.delete_nodes(_deleting()),
            client.nodes.objects.add_folder(2, "mine"),
        ):
            with pytest.raises((UaError, UaStatusCodeError)):
                await service
        assert await client.get_node(tag_id("status.verdict")).read_value() == 0


def _deleting() -> ua.DeleteNodesParameters:
    params = ua.DeleteNodesParameters()
    item = ua.DeleteNodesItem()
    item.NodeId, item.DeleteTargetReferences = tag_id("status.verdict"), True
    params.NodesToDelete = [item]
    return params
