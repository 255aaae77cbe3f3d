"""Who may open a channel, and who may log in: the trusted certificates and the users, as they are at this moment."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from gateway.core.errors import LinkError
from gateway.plc.opcua.security.certificate_checks import CertificateRefused, check_uri, parse
from gateway.plc.opcua.security.login import Challenge, credentials, is_anonymous, proven
from gateway.plc.opcua.security.policies import Offer
from gateway.plc.opcua.security.trust_folder import fingerprint
from gateway.plc.opcua.security.trust_store import TrustStore
from gateway.plc.opcua.security.users import Doorman, Visitor
from gateway.plc.opcua.security.watch import FileWatch


class LoginRefusedError(ServiceError):
    """Who this is, is known, but he may not come in now; the log says why, the client learns no more than anybody."""

    def __init__(self, why: str) -> None:
        super().__init__(StatusCodes.BadUserAccessDenied)
        self.why = why


class Access:
    """Doorman, users file and trusted certificates of one server. Open it before the first client comes.

    `clients_known` False: any client certificate will do for a channel, also one that expired; it only keeps what
    passes from others' eyes and hands. Who a client is, its log-in tells even then.
    """

    def __init__(self, doorman: Doorman, offer: Offer, store: TrustStore, *, clients_known: bool) -> None:
        self.doorman = doorman
        self.offer = offer
        self.clients_known = clients_known
        self._store = store
        self._watch: FileWatch | None = None

    async def open(self, changed: Callable[[], None], *looks: Callable[[], bool]) -> None:
        """Read the files and go on to look at them, and by `looks` at others; `changed` is called on the loop when
        something did. Raises ConfigError or LinkError where they cannot be used.
        """
        await asyncio.to_thread(self._read)
        book = self.doorman.book
        watch = FileWatch([self._store.look, *([book.look] if book is not None else []), *looks], changed)
        watch.start()
        self._watch = watch

    async def close(self) -> None:
        """Look at nothing any more."""
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.close()
        if self.doorman.book is not None:
            self.doorman.book.close()

    def _read(self) -> None:
        try:
            self._store.open()
        except OSError as error:
            raise LinkError(
                f"the certificates folder cannot be read: {error}",
                hint="let this user read that folder, or name another one as links.opcua.certificates",
            ) from error
        if self.doorman.book is not None:
            self.doorman.book.open()

    # ---- channels ------------------------------------------------------------------------------------------

    def check_channel(self, sent: bytes, *, new: bool) -> None:
        """Raises CertificateRefused where this certificate is not good for a channel: a new one, or one that is open.

        Nothing is asked of a client without encryption: it is served only where the configuration says so.
        """
        if self.clients_known and sent:
            self._store.check(sent, at=datetime.now(UTC) if new else None)

    def check_application(self, certificate: bytes, params: ua.CreateSessionParameters) -> None:
        """Raises CertificateRefused where a session is made for another application than the channel's certificate."""
        if not certificate or not self.clients_known:
            return
        leaf = parse(certificate)[0]
        if params.ClientCertificate and parse(bytes(params.ClientCertificate))[0] != leaf:
            raise CertificateRefused(
                StatusCodes.BadCertificateInvalid, "the session's certificate is not the channel's"
            )
        check_uri(leaf, params.ClientDescription.ApplicationUri)

    # ---- users ---------------------------------------------------------------------------------------------

    async def identify(self, params: ua.ActivateSessionParameters, challenge: Challenge) -> Visitor:
        """Who this is. Raises ServiceError where it is nobody who may come in."""
        token = params.UserIdentityToken
        visitor: Visitor | None = None
        if is_anonymous(params):
            if (visitor := self.doorman.nobody) is None:
                raise ServiceError(StatusCodes.BadIdentityTokenRejected)
        elif not isinstance(token, tuple(self.doorman.tokens)):
            raise ServiceError(StatusCodes.BadIdentityTokenRejected)
        elif isinstance(token, ua.UserNameIdentityToken):
            visitor = await self.doorman.admit(*credentials(token, challenge))
        elif isinstance(token, ua.X509IdentityToken):
            visitor = self._holder(token, params.UserTokenSignature, challenge)
        if visitor is None:
            raise ServiceError(StatusCodes.BadUserAccessDenied)
        return visitor

    def _holder(self, token: ua.X509IdentityToken, signature: ua.SignatureData, challenge: Challenge) -> Visitor | None:
        certificate = proven(token, signature, challenge)
        try:
            self._store.check_user(certificate, datetime.now(UTC))
        except CertificateRefused as refused:
            raise LoginRefusedError(str(refused)) from refused
        return self.doorman.holder(fingerprint(certificate))

    def still_welcome(self, visitor: object) -> bool:
        """Whether somebody who is logged in could log in again."""
        return not isinstance(visitor, Visitor) or self.doorman.still_knows(visitor)
