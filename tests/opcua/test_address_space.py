"""What a client finds: objects, tags, types, descriptions, units, meanings, the method's arguments."""

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core.tags import CONTROL_TAGS, STATUS_TAGS, TagType
from gateway.plc.opcua.review_nodes import REVIEW_ID, REVIEWS_WAITING
from tests.opcua.desk import NOK, USER_TAGS, Bench, DeskStation, bench, read, tag_id, view

DATA_TYPES = {
    TagType.BIT: ObjectIds.Boolean,
    TagType.UINT16: ObjectIds.UInt16,
    TagType.INT16: ObjectIds.Int16,
    TagType.UINT32: ObjectIds.UInt32,
    TagType.INT32: ObjectIds.Int32,
    TagType.FLOAT32: ObjectIds.Float,
    TagType.STRING: ObjectIds.String,
}


async def _names(client: Client, node_id: ua.NodeId) -> list[str]:
    return [(await child.read_browse_name()).Name for child in await client.get_node(node_id).get_children()]


async def test_browsing_from_the_objects_folder_finds_every_station_and_every_tag() -> None:
    async with bench(view(DeskStation("station1")), view(DeskStation("press 2"))) as made:
        client = await made.connect()
        assert (await client.get_namespace_array())[2] == "urn:pekat-plc-gateway"
        stations = await _names(client, ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder)))
        assert [name for name in stations if name in ("station1", "press 2")] == ["station1", "press 2"]
        for station in ("station1", "press 2"):
            folder = tag_id("status", station)
            assert await _names(client, ua.NodeId.from_string(f"ns=2;s={station}")) == [
                "status", "control", "Inspect", "GetReviews", "DecideReview",
            ]  # fmt: skip
            shown = (*STATUS_TAGS, *USER_TAGS, REVIEW_ID, REVIEWS_WAITING)
            assert await _names(client, folder) == [tag.name for tag in shown]
            assert await _names(client, tag_id("control", station)) == [tag.name for tag in CONTROL_TAGS]


async def test_every_tag_has_its_type_its_description_and_its_access(client: Client) -> None:
    for folder, tags in (("control", CONTROL_TAGS), ("status", (*STATUS_TAGS, *USER_TAGS))):
        for tag in tags:
            node = client.get_node(f"ns=2;s=station1.{folder}.{tag.name}")
            wanted = (AttributeIds.DataType, AttributeIds.Description, AttributeIds.AccessLevel, AttributeIds.ValueRank)
            kind, text, access, rank = [one.Value.Value for one in await node.read_attributes(wanted)]  # type: ignore[union-attr]
            value = (await node.read_data_value()).Value
            assert kind == ua.NodeId(ua.Int32(DATA_TYPES[tag.type])), tag.name
            assert value is not None
            assert value.VariantType.value == kind.Identifier, tag.name
            assert text.Text == tag.description
            assert bool(access & ua.AccessLevel.CurrentWrite.mask) == (folder == "control"), tag.name
            assert rank == ua.ValueRank.Scalar


async def test_units_and_meanings_can_be_read(desk: Bench, client: Client) -> None:
    unit, odd, meanings, no_words = await read(
        client,
        "status.inspection_time_ms.EngineeringUnits",
        "status.user.odd.EngineeringUnits",
        "status.verdict.EnumValues",
        "status.verdict.ValueAsText",
    )
    assert (unit.UnitId, unit.DisplayName.Text, unit.NamespaceUri) == (
        0x433236,  # "C26"
        "ms",
        "http://www.opcfoundation.org/UA/units/un/cefact",
    )
    assert (odd.UnitId, odd.DisplayName.Text) == (-1, "furlong")
    assert [(one.Value, one.DisplayName.Text) for one in meanings] == [
        (0, "none"),
        (1, "ok"),
        (2, "nok"),
        (3, "no decision"),
    ]
    assert no_words.Text == "none"
    desk.station.run(NOK)
    assert (await read(client, "status.verdict.ValueAsText"))[0].Text == "nok"


async def test_types_are_those_of_opc_ua_part_8(client: Client) -> None:
    for path, kind in (
        ("status.state", ObjectIds.MultiStateValueDiscreteType),
        ("status.total_time_ms", ObjectIds.AnalogUnitType),
        ("status.online", ObjectIds.BaseDataVariableType),
    ):
        assert await client.get_node(tag_id(path)).read_type_definition() == ua.NodeId(ua.Int32(kind))


async def test_the_method_tells_its_arguments(client: Client) -> None:
    inputs, outputs = await read(client, "Inspect.InputArguments", "Inspect.OutputArguments")
    assert [(one.Name, one.DataType.Identifier) for one in inputs] == [
        ("partId", ObjectIds.String),
        ("recipe", ObjectIds.UInt16),
        ("timeoutMs", ObjectIds.UInt32),
    ]
    assert [(one.Name, one.DataType.Identifier) for one in outputs] == [
        ("verdict", ObjectIds.UInt16),
        ("reason", ObjectIds.UInt16),
        ("resultSeq", ObjectIds.UInt16),
        ("detections", ObjectIds.String),
        ("times", ObjectIds.String),
    ]
    assert all(one.ValueRank == ua.ValueRank.Scalar and one.Description.Text for one in (*inputs, *outputs))


async def test_the_server_says_who_it_is(desk: Bench, client: Client) -> None:
    info = await client.get_node(ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_BuildInfo))).read_value()
    assert (info.ProductName, info.SoftwareVersion) == ("PEKAT PLC gateway", "1.2.3")
    endpoints = await client.get_endpoints()
    modes = ua.MessageSecurityMode
    expected = [(desk.url, mode) for mode in (*[modes.SignAndEncrypt] * 3, *[modes.Sign] * 3, modes.None_)]
    assert [(one.EndpointUrl, one.SecurityMode) for one in endpoints] == expected
    anonymous, named = ua.UserTokenType.Anonymous, ua.UserTokenType.UserName
    kinds = [[token.TokenType for token in one.UserIdentityTokens] for one in endpoints]
    assert kinds == [[anonymous, named]] * 6 + [[anonymous, named, named, named]]
