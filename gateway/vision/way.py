"""Which way a camera's frame takes to PEKAT: shared memory, raw over HTTP, or as a PNG; and why."""

import logging
import re
import socket
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import ip_address
from threading import Lock
from typing import Literal
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

WaySetting = Literal["auto", "shared_memory", "http", "png"]

SHARED_SINCE = (3, 18)
"""The first version of PEKAT VISION with analyze_image_shared_memory, and with /version."""
STRIKES_MAX = 2
"""So many first frames in shared memory without any answer are not by chance: this PEKAT hangs or falls over them."""


class Route(Enum):
    """How pixels travel."""

    SHARED_MEMORY = "shared memory"
    HTTP = "raw HTTP"
    PNG = "PNG over HTTP"


@dataclass(frozen=True, slots=True)
class Way:
    """A route, and why it is this one."""

    route: Route
    because: str

    def __str__(self) -> str:
        return f"{self.route.value}: {self.because}"


def choose(setting: WaySetting, same_machine: bool, version: str) -> Way:
    """The way to a PEKAT of this version, "" where it does not know the question."""
    match setting:
        case "shared_memory":
            return Way(Route.SHARED_MEMORY, "configured")
        case "http":
            return Way(Route.HTTP, "configured")
        case "png":
            return Way(Route.PNG, "configured")
    if not same_machine:
        return Way(Route.HTTP, "PEKAT is on another machine")
    if not has_shared_memory(version):
        return Way(Route.HTTP, "PEKAT is older than 3.18")
    return Way(Route.SHARED_MEMORY, f"same machine, PEKAT {version}")


def expected(setting: WaySetting, url: str) -> str:
    """What can be said of the way to a PEKAT that does not answer. Blocking where the host is a name."""
    try:
        here = same_machine(url)
    except OSError as error:
        return f"not known: {error.strerror or error}"
    if setting == "auto" and here:
        return "shared memory if PEKAT is 3.18 or newer: same machine"
    return str(choose(setting, here, ""))


def has_shared_memory(version: str) -> bool:
    """Whether `4.0.3`, `v3.18.0` or the like is new enough. What is no version is not."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", version)
    return found is not None and (int(found[1]), int(found[2])) >= SHARED_SINCE


def same_machine(url: str) -> bool:
    """Whether the host is this machine: what goes there would go out from the very same address. Nothing is sent.

    Blocking where the host is a name. Raises OSError where it cannot be resolved. Both network ends on one machine do
    not mean that memory can be shared (containers, tunnels): that shows at the first frame.
    """
    parts = urlsplit(url)
    found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)
    own = [_is_own(family, address) for family, _, _, _, address in found]
    return bool(own) and all(own)


def _is_own(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> bool:
    host = str(address[0])
    if ip_address(host.partition("%")[0]).is_loopback:
        return True
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address)
        except OSError as error:  # no route: not here, then
            log.debug("no route to %s: %s", host, error)
            return False
        return bool(probe.getsockname()[0] == host)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of an endpoint. `way` None: it was not asked yet, or has been away since."""

    way: Way | None = None
    version: str = ""
    proved: bool = False
    """A frame in shared memory was judged."""
    strikes: int = 0
    """First frames in shared memory that were never answered."""


class Ways:
    """What the inspector remembers of its endpoints, by URL. Any thread may call; nothing here waits.

    An endpoint that was not asked yet gets raw HTTP, which every PEKAT understands. What was found out holds until the
    endpoint is lost or changes its version.
    """

    def __init__(self, setting: WaySetting = "auto") -> None:
        self._setting: WaySetting = setting
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def to(self, url: str) -> Way:
        """The way to take now."""
        known = self._known.get(url)
        if known is not None and known.way is not None:
            return known.way
        if self._setting != "auto":
            return choose(self._setting, False, "")
        return Way(Route.HTTP, "PEKAT was not asked yet")

    def wants_version(self, url: str) -> bool:
        """Whether asking this endpoint for its version could change the way."""
        known = self._known.get(url)
        return self._setting == "auto" and (known is None or known.way is None or has_shared_memory(known.version))

    def learn(self, url: str, is_here: bool, version: str) -> None:
        """The endpoint said which version it is."""
        with self._lock:
            known = self._known.get(url, _Known())
            if known.way is not None and known.version == version:
                return
            strikes = known.strikes if known.version == version else 0
            way = choose(self._setting, is_here, version)
            if way.route is Route.SHARED_MEMORY and strikes >= STRIKES_MAX:
                way = Way(Route.HTTP, f"PEKAT {version} never answered to frames in shared memory")
            self._known[url] = _Known(way, version, strikes=strikes)
        log.info("%s: camera frames go by %s", url, way)

    def forget(self, url: str) -> None:
        """The endpoint was lost: who comes back may be another one."""
        with self._lock:
            if (known := self._known.get(url)) is not None:
                self._known[url] = replace(known, way=None, proved=False)

    def proved(self, url: str) -> None:
        """A frame in shared memory was judged."""
        known = self._known.get(url, _Known())
        if known.proved:
            return
        with self._lock:
            self._known[url] = replace(self._known.get(url, _Known()), proved=True, strikes=0)

    def refused(self, url: str, because: str, *, certain: bool) -> None:
        """A frame in shared memory was not judged. Not `certain`: the reason may be another one; if shared memory has
        worked here before, it is taken to be another one.
        """
        with self._lock:
            known = self._known.get(url, _Known())
            way = Way(Route.HTTP, because)
            if known.way == way or (known.proved and not certain):  # others under way may say the same
                return
            self._known[url] = replace(known, way=way)
        log.warning("%s: camera frames go by raw HTTP from now on: %s", url, because)

    def unanswered(self, url: str) -> None:
        """A frame in shared memory got no answer at all."""
        with self._lock:
            known = self._known.get(url, _Known())
            if not known.proved:
                self._known[url] = known = replace(known, strikes=known.strikes + 1)
        if known.strikes == STRIKES_MAX and not known.proved:
            self.refused(url, "PEKAT did not answer to frames in shared memory", certain=True)
