"""The table of rights over OPC UA, for the documents."""

from collections.abc import Mapping

from gateway.plc.opcua.security.rights import LEAST_ROLE, LEAST_ROLE_TO_CALL, Role


def opcua_rights() -> str:
    """Who may write which control tag, and call which method."""
    lines = ["| From this role on | Control tags to write | Methods to call |", "|---|---|---|"]
    for role in Role:
        tags, methods = _named(LEAST_ROLE, role), _named(LEAST_ROLE_TO_CALL, role)
        lines.append(f"| {role.name.lower()} | {tags} | {methods} |")
    return "\n".join(lines) + "\n"


def _named(least: Mapping[str, Role], role: Role) -> str:
    return ", ".join(f"`{name}`" for name, least_role in least.items() if least_role is role) or "none"
