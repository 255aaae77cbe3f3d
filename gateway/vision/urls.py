"""Addresses of PEKAT projects as they are written in configurations and on command lines."""

from urllib.parse import urlsplit

from gateway.vision.wire import HTTP_PORT


def check_url(url: str) -> None:
    """Raises ValueError for what is no address of a PEKAT project."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be like http://192.168.0.10:8000; PEKAT speaks no https")
    if parts.port is not None and not 0 < parts.port < 65536:  # reading the port raises where it is no number
        raise ValueError("has no valid port")


def check_urls(urls: tuple[str, ...]) -> None:
    """Raises ValueError for one that is none, or is there twice, however it is written."""
    places = []
    for url in urls:
        try:
            check_url(url)
        except ValueError as error:
            raise ValueError(f"{url!r} {error}") from error
        if (place := _place(url)) in places:
            raise ValueError(f"{url!r} is there twice; name each PEKAT project once")
        places.append(place)


def _place(url: str) -> tuple[str, int, str]:
    """Host, port and path: the same for all ways to write one address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or HTTP_PORT, parts.path.rstrip("/")
