"""What a client may do: asyncua's session, with every request checked that asyncua lets through.

Anonymous clients only. Whoever comes with a user name (`admin` too, which asyncua takes for its administrator
whatever the password) or a certificate is turned away.
"""

import secrets
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.user_managers import UserManager
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.requests import GOOD, Gate, bad, has_deadband


class AnonymousOnly(UserManager):
    """Gives everybody without credentials the rights of a plain user, and nobody else any."""

    def get_user(
        self, iserver: InternalServer, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        return None if username or password else User(role=UserRole.User)


class ClientSession(InternalSession):
    """A session of a client. Reads see the newest image; a Write request is one event; errors are per item."""

    def __init__(self, gate: Gate, fastest_publishing_ms: int, server: InternalServer, name: str, user: User) -> None:
        super().__init__(server, server.aspace, server.subscription_service, name, user=user, external=True)
        # asyncua counts its tokens, so that anybody could take over anybody's session.
        server.unregister_external_session(self)
        self.auth_token = ua.NodeId(ua.Guid(int=secrets.randbits(128)))
        server.register_external_session(self)
        self._gate = gate
        self._fastest_publishing_ms = float(fastest_publishing_ms)

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        if not params.NodesToRead:
            raise ServiceError(StatusCodes.BadNothingToDo)
        self._gate.refresh()
        return [self._gate.read(item) for item in params.NodesToRead]

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        if not params.NodesToWrite:
            raise ServiceError(StatusCodes.BadNothingToDo)
        return self._gate.write(params.NodesToWrite)

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        if not params:
            raise ServiceError(StatusCodes.BadNothingToDo)
        return await super().call(params)

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        asked = params.RequestedPublishingInterval
        # Written so that a NaN becomes the fastest as well.
        params.RequestedPublishingInterval = (
            asked if asked > self._fastest_publishing_ms else self._fastest_publishing_ms
        )
        return await super().create_subscription(params, callback, request_callback)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        self._gate.refresh()
        asked = params.ItemsToCreate
        codes = [self._gate.filter_status(item.ItemToMonitor, item.RequestedParameters.Filter) for item in asked]
        params.ItemsToCreate = [item for item, code in zip(asked, codes, strict=True) if code == GOOD]
        made = iter(await super().create_monitored_items(params))
        return [next(made) if code == GOOD else ua.MonitoredItemCreateResult(bad(code)) for code in codes]

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """A deadband is settled when the item is made: only there it is checked against the item's type."""
        asked = params.ItemsToModify
        keep = [not has_deadband(item.RequestedParameters.Filter) for item in asked]
        params.ItemsToModify = [item for item, kept in zip(asked, keep, strict=True) if kept]
        made = iter(await super().modify_monitored_items(params))
        refused = StatusCodes.BadMonitoredItemFilterUnsupported
        return [next(made) if kept else ua.MonitoredItemModifyResult(bad(refused)) for kept in keep]

    def expire(self) -> list[Any]:
        """What is left to be awaited of a session that was closed: the task that looks for its time-out."""
        return [self._timeout_task] if self._timeout_task is not None else []
