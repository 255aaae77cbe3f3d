"""The Server object: everything in it has a value and is true; limits are enforced; peers are told of."""

import struct
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway import RELEASED
from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security import shares
from gateway.plc.opcua.transport.operation_limits import TOLD, excess
from tests.opcua.desk import PLAIN, Bench, DeskStation, bench, make_link, tag_id, view
from tests.opcua.discovery.test_service_level import IN_A_SET

SERVER = standard_id(ObjectIds.Server)
LEVEL = ua.ReadValueId(standard_id(ObjectIds.Server_ServiceLevel), AttributeIds.Value)
OWNED = (ObjectIds.HasComponent, ObjectIds.HasProperty)


async def _everything(client: Client, root: ua.NodeId = SERVER) -> dict[str, tuple[ua.NodeId, ua.NodeClass]]:
    """The nodes under a node by their paths."""
    found: dict[str, tuple[ua.NodeId, ua.NodeClass]] = {}
    waiting = [("", root)]
    while waiting:
        path, node = waiting.pop()
        for one in await client.get_node(node).get_references(direction=ua.BrowseDirection.Forward):
            if one.ReferenceTypeId.Identifier in OWNED:
                below = f"{path}/{one.BrowseName.Name}"
                found[below] = (one.NodeId, one.NodeClass)
                waiting.append((below, one.NodeId))
    return found


async def _value(client: Client, number: int) -> Any:
    return await client.get_node(standard_id(number)).read_value()


async def test_what_stands_there_has_a_value() -> None:
    async with bench(view(DeskStation()), **PLAIN) as made:
        client = await made.connect()
        found = await _everything(client)
        variables = {path: node for path, (node, kind) in found.items() if kind == ua.NodeClass.Variable}
        empty = [path for path, node in variables.items() if await client.get_node(node).read_value() is None]
        methods = {path for path, (_, kind) in found.items() if kind == ua.NodeClass.Method}
    assert empty == []
    assert methods == {"/GetMonitoredItems"}
    assert "/ServerDiagnostics/EnabledFlag" in variables
    assert not [path for path in found if path.startswith("/ServerDiagnostics/") and "EnabledFlag" not in path]


async def test_the_limits_are_those_of_the_configuration() -> None:
    given = {"max_sessions": 7, "max_subscriptions": 9, "security_policies": ["Aes256_Sha256_RsaPss"]}
    async with bench(view(DeskStation()), **PLAIN, **given) as made:
        client = await made.connect()
        told = {
            name: await _value(client, getattr(ObjectIds, f"Server_ServerCapabilities_{name}"))
            for name in ("MaxSessions", "MaxSubscriptions", "ServerProfileArray", "LocaleIdArray", "MaxArrayLength")
        }
        subscriptions = [await client.create_subscription(1000, _Deaf()) for _ in range(9)]
        with pytest.raises(UaStatusCodeError, match="BadTooManySubscriptions"):
            await client.create_subscription(1000, _Deaf())
        for one in subscriptions:
            await one.delete()
    assert (told["MaxSessions"], told["MaxSubscriptions"], told["LocaleIdArray"]) == (7, 9, ["en"])
    assert told["MaxArrayLength"] == 4 * 1024 * 1024
    assert told["ServerProfileArray"] == [
        "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary",
        "http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss",
    ]


class _Deaf:
    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Nothing is listened to here."""


async def _told_limits(client: Client) -> dict[str, int]:
    prefix = "Server_ServerCapabilities_OperationLimits_"
    names = [*TOLD, "MaxNodesPerHistoryReadData"]
    return {name: await _value(client, getattr(ObjectIds, f"{prefix}{name}")) for name in names}


async def test_requests_are_held_to_the_limits_that_are_told(desk: Bench, client: Client) -> None:
    told = await _told_limits(client)
    service, session = client.uaclient, client.uaclient.session
    most = told["MaxNodesPerRead"]
    assert len(await service.read(ua.ReadParameters(NodesToRead=[LEVEL] * most))) == most
    browse = ua.BrowseDescription(NodeId=SERVER)
    path = ua.BrowsePath(SERVER, ua.RelativePath([]))
    write = ua.WriteValue(tag_id("control.enable"), AttributeIds.Value, None, ua.DataValue(ua.Variant(True)))
    item = ua.MonitoredItemCreateRequest(LEVEL)
    subscription = await client.create_subscription(1000, _Deaf())
    number = subscription.subscription_id
    too_many: dict[str, Any] = {
        "MaxNodesPerRead": lambda n: service.read(ua.ReadParameters(NodesToRead=[LEVEL] * n)),
        "MaxNodesPerWrite": lambda n: service.write(ua.WriteParameters([write] * n)),
        "MaxNodesPerMethodCall": lambda n: service.call([ua.CallMethodRequest(SERVER, SERVER)] * n),
        "MaxNodesPerBrowse": lambda n: service.browse(ua.BrowseParameters(NodesToBrowse=[browse] * n)),
        "MaxNodesPerTranslateBrowsePathsToNodeIds": lambda n: service.translate_browsepaths_to_nodeids([path] * n),
        "MaxNodesPerRegisterNodes": lambda n: service.register_nodes([SERVER] * n),
        "MaxNodesPerHistoryReadData": lambda n: service.history_read(
            ua.HistoryReadParameters(ua.ReadRawModifiedDetails(), NodesToRead=[ua.HistoryReadValueId(SERVER)] * n)
        ),
        "MaxMonitoredItemsPerCall": lambda n: service.create_monitored_items(
            ua.CreateMonitoredItemsParameters(number, ItemsToCreate=[item] * n)
        ),
    }
    assert set(too_many) == set(told)
    for name, request in too_many.items():
        with pytest.raises(UaStatusCodeError, match="BadTooManyOperations"):
            await request(told[name] + 1)
        with pytest.raises(UaStatusCodeError, match="BadNothingToDo"):
            await request(0)
    await subscription.delete()
    assert session is not None
    assert await _value(client, ObjectIds.Server_ServiceLevel) == 255
    assert desk.station.written == []


def _request(service: str, parameters: object) -> tuple[ua.NodeId, Buffer]:
    kind = standard_id(getattr(ObjectIds, f"{service}Request_Encoding_DefaultBinary"))
    return kind, Buffer(struct_to_binary(parameters))


@pytest.mark.parametrize(
    "text",
    ["i=0", "i=5", "ns=3;i=300", "ns=3;i=70000", f"ns=2;s={'a' * 300}", "ns=2;b=Ynl0ZXM=", f"ns=2;g={UUID(int=1)}"],
)
def test_a_list_is_found_behind_whatever_comes_before_it(text: str) -> None:
    """A view's node id and the details of a history request have any length."""
    node = ua.NodeId.from_string(text)
    for count, code in ((0, "BadNothingToDo"), (1000, "Good"), (1001, "BadTooManyOperations")):
        browse = ua.BrowseParameters(ua.ViewDescription(node), 5, [ua.BrowseDescription(NodeId=SERVER)] * count)
        assert excess(*_request("Browse", browse)) == getattr(StatusCodes, code)
    for count, code in ((100, "Good"), (101, "BadTooManyOperations")):
        details = ua.ReadAtTimeDetails([ua.DateTime(2026, 1, 1)] * 7, UseSimpleBounds=False)
        history = ua.HistoryReadParameters(details, NodesToRead=[ua.HistoryReadValueId(node)] * count)
        assert excess(*_request("HistoryRead", history)) == getattr(StatusCodes, code)


def test_details_without_a_body_are_stepped_over() -> None:
    """No history can be read by them, but where the list is must not depend on that."""
    kind = standard_id(ObjectIds.HistoryReadRequest_Encoding_DefaultBinary)
    details, between = bytes(3), bytes(5)  # a null NodeId and "no body"; TimestampsToReturn, Release..
    for count, code in ((100, StatusCodes.Good), (101, StatusCodes.BadTooManyOperations)):
        assert excess(kind, Buffer(details + between + struct.pack("<i", count))) == code


@pytest.mark.parametrize("service", ["DeleteSubscriptions", "SetPublishingMode", "TransferSubscriptions"])
def test_subscriptions_are_counted_too_and_no_list_at_all_is_nothing_to_do(service: str) -> None:
    """A null array came through to asyncua, which looked for its elements."""
    kind = standard_id(getattr(ObjectIds, f"{service}Request_Encoding_DefaultBinary"))
    before = bytes(1) if service == "SetPublishingMode" else b""
    for count, code in ((-1, "BadNothingToDo"), (0, "BadNothingToDo"), (1000, "Good"), (1001, "BadTooManyOperations")):
        assert excess(kind, Buffer(before + struct.pack("<i", count))) == getattr(StatusCodes, code)


def test_what_is_cut_off_is_left_to_the_decoder() -> None:
    kind, whole = _request("Browse", ua.BrowseParameters(NodesToBrowse=[ua.BrowseDescription(NodeId=SERVER)]))
    data = bytes(whole)
    for length in range(len(data)):
        assert excess(kind, Buffer(data[:length])) in (StatusCodes.Good, StatusCodes.BadNothingToDo)
    assert excess(*_request("Publish", ua.PublishParameters())) == StatusCodes.Good
    huge = struct.pack("<i", 2**31 - 1)
    assert excess(standard_id(ObjectIds.WriteRequest_Encoding_DefaultBinary), Buffer(huge)) == (
        StatusCodes.BadTooManyOperations
    )


async def test_monitored_items_of_all_clients_together_have_an_end(
    desk: Bench, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "ITEMS_OF_ALL", 5)
    other = await desk.connect()
    first = await client.create_subscription(1000, _Deaf())
    await first.subscribe_data_change([client.get_node(LEVEL.NodeId)] * 3)
    second = await other.create_subscription(1000, _Deaf())
    node = other.get_node(LEVEL.NodeId)
    made = await second.subscribe_data_change([node] * 4)
    assert isinstance(made, Iterable)
    codes = [one.name if isinstance(one, ua.StatusCode) else "Good" for one in made]
    assert codes == ["Good", "Good", "BadTooManyMonitoredItems", "BadTooManyMonitoredItems"]
    await first.delete()
    assert isinstance(await second.subscribe_data_change(node), int)
    await second.delete()


async def test_a_client_finds_its_monitored_items_again(desk: Bench, client: Client) -> None:
    subscription = await client.create_subscription(1000, _Deaf())
    handles = await subscription.subscribe_data_change([client.get_node(LEVEL.NodeId)] * 3)
    server, method = client.get_node(SERVER), standard_id(ObjectIds.Server_GetMonitoredItems)
    number = ua.Variant(subscription.subscription_id, ua.VariantType.UInt32)
    servers, clients = await server.call_method(method, number)
    assert servers == handles
    assert len(set(clients)) == 3
    other = await desk.connect()
    with pytest.raises(UaStatusCodeError, match="BadUserAccessDenied"):
        await other.get_node(SERVER).call_method(method, number)
    with pytest.raises(UaStatusCodeError, match="BadSubscriptionIdInvalid"):
        await server.call_method(method, ua.Variant(4711, ua.VariantType.UInt32))
    await subscription.delete()


async def test_the_namespace_and_the_build_are_described() -> None:
    async with bench(view(DeskStation()), **PLAIN) as made:
        client = await made.connect()
        found = await _everything(client, standard_id(ObjectIds.Server_Namespaces))
        own = {
            path.removeprefix("/urn:pekat-plc-gateway/"): await client.get_node(node).read_value()
            for path, (node, kind) in found.items()
            if path.startswith("/urn:pekat-plc-gateway/") and kind == ua.NodeClass.Variable
        }
        assert (own["NamespaceUri"], own["NamespaceVersion"], own["IsNamespaceSubset"]) == (
            "urn:pekat-plc-gateway",
            "1.2.3",
            False,
        )
        assert own["NamespacePublicationDate"].strftime("%Y-%m-%d") == RELEASED
        assert own["StaticNodeIdTypes"] == [ua.IdType.String]
        build = await _value(client, ObjectIds.Server_ServerStatus_BuildInfo)
        assert build.BuildDate.strftime("%Y-%m-%d") == RELEASED
        assert (await client.get_namespace_array())[2] == own["NamespaceUri"]
        uris = await _value(client, ObjectIds.Server_ServerArray)
        (self_,) = await client.find_servers()
        assert uris == [self_.ApplicationUri]


# ---- redundancy ----------------------------------------------------------------------------------------------------


async def test_alone_there_is_no_redundancy() -> None:
    async with bench(view(DeskStation()), **PLAIN) as made:
        client = await made.connect()
        assert await _value(client, ObjectIds.Server_ServerRedundancy_RedundancySupport) == 0
        node = client.get_node(standard_id(ObjectIds.Server_ServerRedundancy))
        assert await node.read_type_definition() == standard_id(ObjectIds.ServerRedundancyType)
        assert [(await one.read_browse_name()).Name for one in await node.get_children()] == ["RedundancySupport"]


async def test_the_servers_of_a_redundant_set_are_told_of() -> None:
    async with bench(view(DeskStation()), **PLAIN, **IN_A_SET) as made:
        client = await made.connect()
        node = client.get_node(standard_id(ObjectIds.Server_ServerRedundancy))
        assert await node.read_type_definition() == standard_id(ObjectIds.NonTransparentRedundancyType)
        assert await _value(client, ObjectIds.Server_ServerRedundancy_RedundancySupport) == ua.RedundancySupport.Warm
        uris = await _value(client, ObjectIds.Server_ServerRedundancy_ServerUriArray)
        servers = await client.find_servers()
        assert [one.ApplicationUri for one in servers] == uris
        assert uris[1:] == ["urn:other"]
        assert servers[1].DiscoveryUrls == ["opc.tcp://other:4840/pekat"]
        (other,) = await client.find_servers(["urn:other"])
        assert other.ApplicationUri == "urn:other"


def test_a_set_of_one_is_none() -> None:
    with pytest.raises(ValueError, match="peers"):
        make_link([view(DeskStation())], redundancy={"peers": []})
