"""`gateway.security` in the address space: when certificates expire, so that a SCADA system can show it in time."""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from cryptography import x509

from gateway.plc.opcua.nodes import node_id
from gateway.plc.opcua.security.certificate_checks import shown
from gateway.plc.opcua.security.trust_folder import WARN_BEFORE, days_left

log = logging.getLogger(__name__)

_NEVER = ua.DateTime(1601, 1, 1)

_TAGS: Mapping[str, tuple[ua.VariantType, object, str]] = {
    "certificate_expires": (ua.VariantType.DateTime, _NEVER, "When the server's certificate expires"),
    "certificate_days_left": (ua.VariantType.Int32, 0, "Whole days until then; negative afterwards"),
    "certificate_warning": (
        ua.VariantType.Boolean,
        False,
        f"The server's certificate expires within {WARN_BEFORE.days} days: renew it with pekat-gateway certs renew",
    ),
    "client_certificate_warning": (
        ua.VariantType.Boolean,
        False,
        f"The certificate of a connected client expires within {WARN_BEFORE.days} days",
    ),
    "client_certificates_expiring": (ua.VariantType.String, "", "Those certificates, one a line, with their days left"),
}


class SecurityTags:
    """The nodes. `show` brings them up to date."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._shown: dict[str, object] = {}

    async def add(self) -> None:
        """Add the nodes, before the server listens."""
        objects = self._server.nodes.objects
        if node_id("gateway") in self._server.iserver.aspace:
            above = self._server.get_node(node_id("gateway"))
        else:
            above = await objects.add_object(node_id("gateway"), ua.QualifiedName("gateway", 2))
        folder = await above.add_object(node_id("gateway", "security"), ua.QualifiedName("security", 2))
        for name, (kind, value, text) in _TAGS.items():
            tag = await folder.add_variable(
                node_id("gateway", "security", name), ua.QualifiedName(name, 2), ua.Variant(value, kind)
            )
            description = ua.DataValue(ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText))
            await tag.write_attribute(AttributeIds.Description, description)

    async def show(self, own: x509.Certificate, clients: Iterable[x509.Certificate]) -> None:
        """Compare the certificates with today; warn of those that end soon, in the tags and in the log."""
        expiring = {shown(one): days_left(one) for one in (*clients,) if _ends_soon(one)}
        if _ends_soon(own):
            log.warning("the server's own certificate: %d days left; pekat-gateway certs renew", days_left(own))
        for name, days in expiring.items():
            log.warning("the client %s: %d days left", name, days)
        await self._write("certificate_expires", own.not_valid_after_utc.replace(tzinfo=None))
        await self._write("certificate_days_left", days_left(own))
        await self._write("certificate_warning", _ends_soon(own))
        await self._write("client_certificate_warning", bool(expiring))
        text = "\n".join(f"{name}: {days} days" for name, days in sorted(expiring.items()))
        await self._write("client_certificates_expiring", text)

    async def _write(self, name: str, value: object) -> None:
        if self._shown.get(name) == value:
            return
        self._shown[name] = value
        data = ua.DataValue(ua.Variant(value, _TAGS[name][0]), SourceTimestamp=ua.DateTime.now(UTC))
        await self._server.iserver.write_attribute_value(node_id("gateway", "security", name), data)


def _ends_soon(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc < datetime.now(UTC) + WARN_BEFORE
