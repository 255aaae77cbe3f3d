"""The structures as they go over the wire: encoding ids and optional fields, against the nodeset itself."""

import xml.etree.ElementTree as ET
from dataclasses import fields
from datetime import UTC
from enum import IntEnum

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import extensionobject_from_binary, extensionobject_to_binary, nodeid_from_binary

from gateway.plc.opcua.machine_vision import data_types as types
from tests.opcua.machine_vision.nodeset import BY_ID, TEXT, XML

UTC_NOON = ua.DateTime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def registered() -> None:
    types.register_data_types()


def _node(data_type: ua.NodeId) -> ET.Element:
    return BY_ID[f"ns=1;i={data_type.Identifier!r}"]


def _fields(node: ET.Element) -> list[tuple[str, bool]]:
    """A structure's fields, those of its base type first, and whether they are optional."""
    references = node.findall(f"{XML}References/{XML}Reference")
    base = next(one.text for one in references if one.get("ReferenceType") == "HasSubtype")
    inherited = _fields(BY_ID[base]) if base in BY_ID else []
    own = node.findall(f"{XML}Definition/{XML}Field")
    return inherited + [(str(one.get("Name")), one.get("IsOptional") == "true") for one in own]


@pytest.mark.parametrize("structure", types.ENCODINGS, ids=lambda one: one.__name__)
def test_every_structure_has_the_fields_of_the_nodeset(structure: type[types.Structure]) -> None:
    node = _node(structure.data_type)
    assert node.get("BrowseName") == f"1:{structure.__name__}"
    hints = {one.name: one for one in fields(structure)}  # type: ignore[arg-type]  # all of them are data classes
    wanted = _fields(node)
    assert [name for name in hints if name != "Encoding"] == [name for name, _ in wanted]
    assert ("Encoding" in hints) == any(optional for _, optional in wanted)
    assert [name for name, optional in wanted if optional] == [
        name for name, one in hints.items() if "None" in str(one.type)
    ]


@pytest.mark.parametrize("structure", types.ENCODINGS, ids=lambda one: one.__name__)
def test_every_structure_is_sent_under_its_own_encoding_id(structure: type[types.Structure]) -> None:
    """Also the three that have no fields of their own."""
    sent = extensionobject_to_binary(structure())
    encoding = nodeid_from_binary(Buffer(sent))
    owner = BY_ID[f"ns=1;i={encoding.Identifier!r}"]
    assert owner.get("SymbolicName") == "DefaultBinary"
    inverse = [one.text for one in owner.findall(f"{XML}References/{XML}Reference") if one.get("IsForward") == "false"]
    assert f"ns=1;i={structure.data_type.Identifier!r}" in inverse
    assert type(extensionobject_from_binary(Buffer(sent))) is structure


@pytest.mark.parametrize("enumeration", types.ENUMERATIONS, ids=lambda one: one.__name__)
def test_every_enumeration_has_the_members_of_the_nodeset(enumeration: type[IntEnum]) -> None:
    node = BY_ID[f"ns=1;i={types.ENUMERATIONS[enumeration]}"]
    wanted = {one.get("Name"): int(str(one.get("Value"))) for one in node.findall(f"{XML}Definition/{XML}Field")}
    assert {one.name: one.value for one in enumeration} == wanted


def test_optional_fields_are_left_out_or_arrive() -> None:
    made = types.RecipeIdInternalDataType(Id=ua.String("1"), Description=ua.LocalizedText("bottle"))
    sent = extensionobject_to_binary(made)
    assert sent[9:13] == (0b1000).to_bytes(4, "little")
    assert extensionobject_from_binary(Buffer(sent)) == made
    assert b"\xff\xff\xff\xff" not in sent


def test_a_result_goes_through_the_wire_whole() -> None:
    made = types.ResultDataType(
        ResultId=types.ResultIdDataType(ua.String("r1")),
        IsPartial=False,
        ResultState=ua.Int32(-2),
        ExternalRecipeId=types.RecipeIdExternalDataType(Id=ua.String("bottle")),
        CreationTime=UTC_NOON,
        ProcessingTimes=types.ProcessingTimesDataType(
            StartTime=UTC_NOON, EndTime=UTC_NOON, AcquisitionDuration=ua.Double(1.5)
        ),
        ResultContent=[ua.Variant(2, ua.VariantType.UInt16), ua.Variant(["gap"], ua.VariantType.String)],
    )
    got = extensionobject_from_binary(Buffer(extensionobject_to_binary(made)))
    assert got == made
    assert type(got.ExternalRecipeId) is types.RecipeIdExternalDataType


def test_the_licence_of_the_nodeset_is_kept() -> None:
    head = TEXT[:2000]
    assert "Copyright (c) 2005-2020 The OPC Foundation" in head
    assert "OPC Foundation MIT License 1.00" in head
    assert "The above copyright notice and this permission notice shall be" in head
