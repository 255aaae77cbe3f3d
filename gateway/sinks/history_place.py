"""Where a history is kept: an SQLite file, a PostgreSQL database, or memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from gateway.core.errors import SinkError

SCHEMES = ("postgresql", "postgres")
_SECRET_KEYS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database by its URL, which may hold a password: never shown, `str` leaves it out."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        where = parts.netloc.rsplit("@", 1)[-1]
        return (
            f"postgresql://{parts.username}@{where}{parts.path}"
            if parts.username
            else f"postgresql://{where}{parts.path}"
        )


Place = Path | Server | None
"""None: memory, until the gateway ends."""


def wrong_with(url: str) -> str | None:
    """What keeps this from being the URL of a PostgreSQL database; None where nothing does. Never says the URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "cannot be read as a URL"
    if parts.scheme not in SCHEMES:
        return "does not begin with postgresql://"
    if not parts.path.strip("/"):
        return "names no database: postgresql://user@host:5432/database"
    return None


def has_password(url: str) -> bool:
    """Also one that is written as a parameter."""
    parts: SplitResult = urlsplit(url)
    return parts.password is not None or any(key in parse_qs(parts.query) for key in _SECRET_KEYS)


@contextmanager
def needs_psycopg(server: Server) -> Iterator[None]:
    """Around its import: it need not be installed. Raises SinkError where it is not."""
    try:
        yield
    except ImportError as error:
        wrong = f"{server}: PostgreSQL needs psycopg: {error}"
        raise SinkError(wrong, hint="pip install 'pekat-plc-gateway[postgres]'") from error
