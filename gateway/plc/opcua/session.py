"""What a client may do: asyncua's session, with every request checked that asyncua lets through.

asyncua knows one right for all methods, and none at all for subscriptions: anybody may end anybody's. Here a session
does what its user's role allows (see rights.py), and touches no subscription of another user.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.continuation_points import Points
from gateway.plc.opcua.history_read.service import HistoryService, Read
from gateway.plc.opcua.methods import Caller, SessionEnd
from gateway.plc.opcua.partial_browses import PartialBrowses
from gateway.plc.opcua.requests import GOOD, Gate, bad
from gateway.plc.opcua.security import shares
from gateway.plc.opcua.security.access import Access
from gateway.plc.opcua.security.login import Challenge, who
from gateway.plc.opcua.security.rights import READ_HISTORY, Role
from gateway.plc.opcua.security.users import Channel, Visitor

_NOT_THERE = StatusCodes.BadSubscriptionIdInvalid


class ClientSession(InternalSession):
    """A session of a client. Reads see the newest image; a Write request is one event; errors are per item."""

    def __init__(
        self,
        gate: Gate,
        history: HistoryService,
        access: Access,
        fastest_publishing_ms: int,
        server: InternalServer,
        name: str,
        user: User,
    ) -> None:
        super().__init__(server, server.aspace, server.subscription_service, name, user=user, external=True)
        # asyncua counts its tokens, so that anybody could take over anybody's session.
        server.unregister_external_session(self)
        self.auth_token = ua.NodeId(ua.Guid(int=secrets.randbits(128)))
        server.register_external_session(self)
        self.channel: Channel | None = None
        self._gate = gate
        self._history = history
        self._points: Points[Read] = Points()
        self._browses = PartialBrowses()
        self._access = access
        self._guest: Visitor | None = None
        self._address = ""
        self._end = SessionEnd()
        self._fastest_publishing_ms = float(fastest_publishing_ms)

    @property
    def rights(self) -> Role:
        """What its user may do. Somebody who has not logged in does not get as far as being asked."""
        return self.user.rights if isinstance(self.user, Visitor) else Role.VIEWER

    @property
    def client(self) -> str:
        """For the journal: how an inspection that it asks for came here."""
        return f"opcua {self.user.name or 'anonymous'} {self._address}"

    async def identify(self, params: ua.ActivateSessionParameters, channel: Channel, peer: object) -> None:
        """Find out who wants to log in, for `activate_session` to let him in: it may take a while.

        Waits where wrong passwords came before. Raises ServiceError where the identity is none of ours.
        """
        name, address, doorman = who(params), address_of(peer), self._access.doorman
        self._address = address
        if name:
            await doorman.turn(name, address)
        policies = self._access.offer.of_channel(channel.policy)
        challenge = Challenge(self.iserver.private_key, self.nonce or b"", channel, policies)
        try:
            guest = await self._access.identify(params, challenge)
        except ServiceError as error:
            if error.code != StatusCodes.BadTooManyOperations:  # nobody looked at his password
                doorman.refused(name, address, peer, getattr(error, "why", ""))
            raise
        if guest.name is None:
            self._check_room_for_nobodies()
        self._guest = guest
        if name:
            doorman.welcomed(name, address)

    def _check_room_for_nobodies(self) -> None:
        """Where others have names, half of the sessions are theirs: nobody without one locks a PLC out."""
        server: Any = self.iserver
        others = [one.user for one in server.sessions if one is not self]
        nameless = sum(isinstance(user, Visitor) and user.name is None for user in others)
        if self._access.doorman.has_users and nameless >= max(1, server.max_sessions // 2):
            raise ServiceError(StatusCodes.BadTooManySessions)

    def activate_session(
        self, params: ua.ActivateSessionParameters, peer_certificate: bytes | None
    ) -> ua.ActivateSessionResult:
        """Let in whom `identify` found. asyncua asks nobody: its server has no user manager."""
        guest, self._guest = self._guest, None
        if guest is None:
            raise ServiceError(StatusCodes.BadIdentityTokenRejected)
        result = super().activate_session(params, peer_certificate)
        self.user = guest
        return result

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        return self._browses.cut(await super().browse(params), params.RequestedMaxReferencesPerNode)

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        return self._browses.go_on(parameters)

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        self._gate.refresh()
        return [self._gate.read(item, self.rights) for item in params.NodesToRead]

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        return self._gate.write(params.NodesToWrite, self.rights, self.client)

    async def history_read(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        if self.rights < READ_HISTORY:
            raise ServiceError(StatusCodes.BadUserAccessDenied)
        return await self._history.read(params, self._points)

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        caller = Caller(self.rights, self._end, self.user.name or "", self.session_id, self.client)
        return [await self._gate.methods.call(caller, request, self._call_other) for request in params]

    async def _call_other(self, request: ua.CallMethodRequest) -> ua.CallMethodResult:
        result: ua.CallMethodResult = (await super().call([request]))[0]
        return result

    async def close_session(self, delete_subs: bool = True) -> None:
        """With its subscriptions, whatever the client wishes: without a session nobody could ever take them over here,
        and they would take the places of others for days."""
        self._end.over()
        self._points.clear()
        await super().close_session(True)

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        shares.check_subscriptions(self.subscription_service, self.session_id)
        shares.moderate(params, self._fastest_publishing_ms)
        return await super().create_subscription(params, callback, request_callback)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        self._own(params.SubscriptionId)
        self._gate.refresh()
        asked = params.ItemsToCreate
        room = shares.room_for_items(self.subscription_service, self.session_id)
        codes = [
            self._gate.filter_status(item.ItemToMonitor, item.RequestedParameters.Filter)
            if number < room
            else StatusCodes.BadTooManyMonitoredItems
            for number, item in enumerate(asked)
        ]
        params.ItemsToCreate = [item for item, code in zip(asked, codes, strict=True) if code == GOOD]
        made = iter(await super().create_monitored_items(params))
        return [next(made) if code == GOOD else ua.MonitoredItemCreateResult(bad(code)) for code in codes]

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """A deadband is settled when the item is made: only there it is checked against the item's type."""
        self._own(params.SubscriptionId)
        asked = params.ItemsToModify
        codes = [self._gate.change_status(item.RequestedParameters.Filter) for item in asked]
        params.ItemsToModify = [item for item, code in zip(asked, codes, strict=True) if code == GOOD]
        made = iter(await super().modify_monitored_items(params))
        return [next(made) if code == GOOD else ua.MonitoredItemModifyResult(bad(code)) for code in codes]

    # ---- subscriptions: only one's own -----------------------------------------------------------------------

    async def delete_monitored_items(self, params: ua.DeleteMonitoredItemsParameters) -> list[ua.StatusCode]:
        self._own(params.SubscriptionId)
        return await super().delete_monitored_items(params)

    async def set_monitoring_mode(self, params: ua.SetMonitoringModeParameters) -> list[ua.StatusCode]:
        self._own(params.SubscriptionId)
        return await super().set_monitoring_mode(params)

    def modify_subscription(self, params: ua.ModifySubscriptionParameters) -> ua.ModifySubscriptionResult:
        self._own(params.SubscriptionId)
        return super().modify_subscription(params)

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        self._own(params.SubscriptionId)
        return super().republish(params)

    async def set_publishing_mode(self, params: ua.SetPublishingModeParameters) -> list[ua.StatusCode]:
        for one in params.SubscriptionIds:
            self._own(one)
        return await super().set_publishing_mode(params)

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        done = iter(await super().delete_subscriptions([one for one in ids if self._is_own(one)]))
        return [next(done) if self._is_own(one) else bad(_NOT_THERE) for one in ids]

    def publish(self, acks: Iterable[ua.SubscriptionAcknowledgement] | None = None) -> tuple[int, list[ua.StatusCode]]:
        given = list(acks or [])
        count, done = super().publish([one for one in given if self._is_own(one.SubscriptionId)])
        results = iter(done)
        return count, [next(results) if self._is_own(one.SubscriptionId) else bad(_NOT_THERE) for one in given]

    async def transfer_subscriptions(  # type: ignore[override]  # asyncua's server side differs from its interface
        self, params: ua.TransferSubscriptionsParameters, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """From another session of the same user: after a lost connection."""
        shares.check_subscriptions(self.subscription_service, self.session_id, len(params.SubscriptionIds))
        asked = params.SubscriptionIds
        keep = [self._is_of_this_user(one) for one in asked]
        params.SubscriptionIds = [one for one, kept in zip(asked, keep, strict=True) if kept]
        made = iter(await super().transfer_subscriptions(params, callback))
        return [next(made) if kept else ua.TransferResult(bad(_NOT_THERE)) for kept in keep]

    def _is_own(self, subscription: int) -> bool:
        """Also of one that is not there: asyncua says so itself."""
        found = self.subscription_service.subscriptions.get(subscription)
        return found is None or found.session_id == self.session_id

    def _own(self, subscription: int) -> None:
        if not self._is_own(subscription):
            raise ServiceError(_NOT_THERE)

    def _is_of_this_user(self, subscription: int) -> bool:
        found = self.subscription_service.subscriptions.get(subscription)
        if found is None:
            return True
        sessions = self.iserver._external_sessions.values()  # noqa: SLF001 - asyncua has no other way to find one
        return any(one.session_id == found.session_id and one.user == self.user for one in sessions)

    def expire(self) -> list[Any]:
        """What is left to be awaited of a session that was closed: the task that looks for its time-out."""
        return [self._timeout_task] if self._timeout_task is not None else []


def address_of(peer: object) -> str:
    """The host of a socket's peer name."""
    return str(peer[0]) if isinstance(peer, tuple) and peer else str(peer)
