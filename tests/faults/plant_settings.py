"""The gateway.toml of a plant, and what its PLC reads over OPC UA."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.sim.plc import ESSENTIAL_TAGS
from tests.faults.faces import Link

TIMEOUT_MS = 1500
WAIT_MS = 200
WATCHDOG_MS = 1500


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the station's configuration says of its times and places."""

    timeout_ms: int = TIMEOUT_MS
    wait_ms: int = WAIT_MS
    max_in_flight: int = 1
    result_depth: int = 1


CONFIG = """
[gateway]
data = "{data}"

{link}

[history]
wait_ms = {wait_ms}

[[stations]]
name = "station1"
control = "{control}"

[stations.source]
kind = "file_drop"
folder = "drop"
pick = "part_id"
scan_ms = 200
afterwards = "delete"

[stations.inspector]
connect_timeout_ms = 500
ping_timeout_ms = 1000

[stations.handshake]
max_in_flight = {max_in_flight}
result_depth = {result_depth}
inspection_timeout_ms = {timeout_ms}
recipe_timeout_ms = 3000
watchdog_ms = {watchdog_ms}
watchdog_action = "cancel"

[[stations.recipes]]
number = 1
name = "part"
url = "http://127.0.0.1:{pekat}"

[[stations.recipes]]
number = 2
name = "the same part, by another address"
url = "http://127.0.0.1:{pekat2}"

[[stations.user_values]]
name = "part_seen"
path = "data"
type = "string"
length = 32
"""

MODBUS = """[links.modbus]
host = "127.0.0.1"
port = {port}
"""
OPCUA = """[links.opcua]
host = "127.0.0.1"
port = {port}
allow_unencrypted = true
machine_vision = false

[[links.opcua.users]]
name = "plc"
role = "engineer"
password_env = "FAULTS_PLC_PASSWORD"
"""
LINKS: Mapping[Link, str] = {"modbus": MODBUS, "opcua": OPCUA}
PASSWORD = "of the plant's PLC"
TAGS = (
    *ESSENTIAL_TAGS, "state", "result_recipe", "recipe_ack", "recipe_error",
    "count_triggers", "count_ok", "count_nok", "count_no_decision",
)  # fmt: skip
"""What a PLC reads over OPC UA; over Modbus it reads the whole block."""


def config(data: Path, link: Link, ports: Mapping[str, int], handshake: Handshake) -> str:
    """`ports` by name: gateway, and those of the proxy's routes to PEKAT."""
    return CONFIG.format(
        data=data, link=LINKS[link].format(port=ports["gateway"]), control=link, pekat=ports["route"],
        pekat2=ports["route2"], watchdog_ms=WATCHDOG_MS, **asdict(handshake),
    )  # fmt: skip
