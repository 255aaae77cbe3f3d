"""Free TCP ports for the demo: the usual one where it is free, another where it is busy and nobody insisted."""

import socket


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Could a server listen there now?"""
    with socket.socket() as probe:
        # As a server would: a port in TIME_WAIT is free for a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Any port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def choose_port(wanted: int | None, usual: int) -> int:
    """`wanted` as it is (a busy one is the server's error to tell); else `usual`, or a free one where that is busy."""
    if wanted is not None:
        return wanted
    return usual if is_free(usual) else free_port()
