"""The server's own certificate in use: where it lies, how it is renewed, and how a running server notices."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from gateway.core.errors import LinkError
from gateway.plc.opcua.security.certificate import (
    CERTIFICATE_FILE,
    KEY_FILE,
    ServerCertificate,
    Wanted,
    make_again,
    obtain,
)
from gateway.plc.opcua.security.trust_folder import OWN, TrustFolder, status_of

log = logging.getLogger(__name__)


def pair_folder(folder: TrustFolder) -> Path:
    """Where certificate and key lie: in `own/`, or beside it where an older gateway made them."""
    old = any((folder.root / name).exists() for name in (CERTIFICATE_FILE, KEY_FILE))
    return folder.root if old else folder.place(OWN)


def renew(folder: TrustFolder, wanted: Wanted) -> tuple[ServerCertificate, Path]:
    """A new certificate for the same key, and where the old one is kept aside. Blocks. Raises LinkError.

    It keeps the application URI of the old one, unless the configuration gives another: clients know the server by it.
    """
    here = pair_folder(folder)
    file = here / CERTIFICATE_FILE
    if not file.exists():
        raise LinkError(
            f"there is no certificate in {here} to renew", hint="the first start makes one: pekat-gateway run"
        )
    aside = file.with_name(f"{file.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S}{file.suffix}")
    return make_again(here, wanted, aside), aside


class OwnCertificate:
    """The certificate of a running server. `look` runs in the watching thread."""

    def __init__(self, folder: TrustFolder, wanted: Wanted) -> None:
        self._folder = folder
        self._wanted = wanted
        self._seen: tuple[int, ...] = ()
        self._current: ServerCertificate | None = None

    def open(self) -> ServerCertificate:
        """The certificate; made now where there is none. Blocks. Raises LinkError where it cannot be used."""
        self._current = obtain(pair_folder(self._folder), self._wanted)
        self._seen = self._stamp()
        return self._current

    @property
    def current(self) -> ServerCertificate:
        """The one to use now."""
        assert self._current is not None  # open comes first
        return self._current

    def look(self) -> bool:
        """Read the certificate again where it was renewed; whether it was. Blocks."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        if not stamp:
            log.error("the certificate in %s is gone; the one in use goes on until the end", pair_folder(self._folder))
            return False
        try:
            renewed = obtain(pair_folder(self._folder), self._wanted)
        except LinkError as error:
            log.error("%s (%s); the certificate in use goes on", error, error.hint)
            return False
        if renewed.certificate == self.current.certificate:
            return False
        if renewed.uri != self.current.uri:
            log.error("the new certificate is for %s, not %s; restart to use it", renewed.uri, self.current.uri)
            return False
        self._current = renewed
        log.info("the server's certificate was renewed, valid until %s", renewed.certificate.not_valid_after_utc.date())
        return True

    def _stamp(self) -> tuple[int, ...]:
        found = status_of(pair_folder(self._folder) / CERTIFICATE_FILE)
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found is not None else ()
