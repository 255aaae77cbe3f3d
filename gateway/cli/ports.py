"""Free TCP ports for the demo: the usual one where it is free, another where it is busy and nobody insisted."""

import random
import socket
import sys

QUIET_PORTS = range(10_000, 32_000)
"""Below those that systems give to outgoing connections (from 32768 on Linux): none takes one of these by chance."""
TRIES = 100


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Could a server listen there now?"""
    return bind_error(port, host) is None


def bind_error(port: int, host: str) -> OSError | None:
    """Why no server could listen there now; None where one could. A server that starts meanwhile is not in its way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if sys.platform == "win32":  # there REUSEADDR would take the port from whoever has it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # as a server would: a port in TIME_WAIT is free for a listener
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def free_port(host: str = "127.0.0.1") -> int:
    """Any port that is free now, and that no outgoing connection gets before its server listens."""
    for port in random.sample(QUIET_PORTS, TRIES):
        if is_free(port, host):
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def choose_port(wanted: int | None, usual: int) -> int:
    """`wanted` as it is (a busy one is the server's error to tell); else `usual`, or a free one where that is busy."""
    if wanted is not None:
        return wanted
    return usual if is_free(usual) else free_port()
