"""`pekat-gateway` whose parts die on a signal, as they would by a bug: nothing of this is in the gateway itself.

SIGUSR1 takes its listening TCP sockets out of service, behind the servers' backs; SIGUSR2 has the history's writing
thread crash.
"""

import os
import signal
import socket
import threading

from gateway.cli.main import app
from gateway.sinks.history_writer import Writer

bomb = threading.Event()
_rest = Writer._rest


def deafen(*_: object) -> None:
    for entry in os.listdir("/proc/self/fd"):
        try:
            same = socket.socket(fileno=os.dup(int(entry)))
        except OSError:  # no socket, or gone by now
            continue
        with same:
            if same.family == socket.AF_INET and same.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                same.shutdown(socket.SHUT_RDWR)


def planted(writer: Writer) -> None:
    if bomb.is_set():
        bomb.clear()
        raise KeyError("planted")
    _rest(writer)


if __name__ == "__main__":
    setattr(Writer, "_rest", planted)  # noqa: B010  # mypy has it that methods stay
    signal.signal(signal.SIGUSR1, deafen)
    signal.signal(signal.SIGUSR2, lambda *_: bomb.set())
    app()
