"""The nodeset as it was published, for tests to hold the code against."""

import gzip
import xml.etree.ElementTree as ET
from importlib.resources import files

from gateway.plc.opcua.machine_vision.nodeset import NODESET

XML = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
TEXT = gzip.decompress(files("gateway.plc.opcua.machine_vision").joinpath(NODESET).read_bytes()).decode()
BY_ID = {str(node.get("NodeId")): node for node in ET.fromstring(TEXT) if node.get("NodeId")}


def references(node: ET.Element) -> list[tuple[str, str]]:
    """Kind and target of each forward reference."""
    every = node.findall(f"{XML}References/{XML}Reference")
    return [(str(one.get("ReferenceType")), str(one.text)) for one in every if one.get("IsForward") != "false"]
