"""What a gateway tells systemd (sd_notify(3)): a datagram to the socket that the environment names.

Own code on purpose: the protocol is one datagram of lines; the libraries for it are not kept, or have to be compiled.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Notifier:
    """Without NOTIFY_SOCKET, or where nobody takes it, nothing is said. It never blocks and never raises."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # Linux' abstract names
            self._address = f"\0{self._address[1:]}"

    @property
    def heard(self) -> bool:
        """Somebody wants to know."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Started, or through with reloading."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """Feeds the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """`ready` has to follow. systemd compares the moment with its own of the signal that it sent."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=finishing what is in flight")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
                datagram.setblocking(False)
                datagram.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.debug("systemd was not told %s: %s", lines[0], error)


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float:
    """How long systemd waits for a sign of life, in seconds; 0: it does not wait for any of this process."""
    whose, limit = environment.get("WATCHDOG_PID", ""), environment.get("WATCHDOG_USEC", "")
    if whose not in ("", str(os.getpid())) or not limit.isdecimal():
        return 0.0
    return int(limit) / 1e6
