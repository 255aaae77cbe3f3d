"""Whether a server still listens."""

import socket
from typing import Any


def listens(server: Any) -> bool:
    """Whether all sockets of an asyncio.Server, or of uvloop's, which is none, take connections.

    A socket that was shut down, or whose descriptor is another file's by now, does not, whatever the server believes.
    """
    try:
        sockets = server.sockets
        return bool(sockets) and all(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in sockets)
    except OSError:
        return False
