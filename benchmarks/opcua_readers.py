"""Clients that all read 100 nodes at once: `python -m benchmarks.opcua_readers GATEWAY_PORT COMMAND_PORT CLIENTS`.

Told a number of milliseconds, they wait as long, send one Read each, and answer how long each waited for its values.
"""

import selectors
import sys
import time
from contextlib import ExitStack

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from benchmarks.opcua_tags import HUNDRED, status_node
from benchmarks.opcua_wire import WAIT_S, WireClient
from benchmarks.plc import PlcError
from benchmarks.remote import obey


class Readers:
    """Connected clients with their requests at hand."""

    def __init__(self, clients: list[WireClient]) -> None:
        self._clients = clients
        self._requests = [client.encoded(read_request()) for client in clients]
        self._selector = selectors.DefaultSelector()
        for client in clients:
            self._selector.register(client.socket, selectors.EVENT_READ, client)
        for client, request in zip(clients, self._requests, strict=True):
            client.send(request)
            check(client, client.message())

    def burst(self, command: str) -> list[float]:
        """Milliseconds from the first request sent to each client's answer, in the order of their coming."""
        time.sleep(float(command) / 1000)
        began = time.perf_counter()
        for client, request in zip(self._clients, self._requests, strict=True):
            client.send(request)
        took: list[float] = []
        while len(took) < len(self._clients):
            ready = self._selector.select(WAIT_S)
            if not ready:
                raise PlcError(f"{len(self._clients) - len(took)} clients got no answer to their Read")
            for key, _ in ready:
                key.data.receive()
                if key.data.taken() is not None:
                    took.append(round((time.perf_counter() - began) * 1000, 3))
        return took


def read_request() -> ua.ReadRequest:
    """The values of 100 nodes."""
    request = ua.ReadRequest()
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.NodesToRead = [ua.ReadValueId(status_node(tag), AttributeIds.Value) for tag in HUNDRED]
    return request


def check(client: WireClient, message: bytes) -> None:
    """Raises PlcError where a value is missing."""
    values = client.decoded(message, ua.ReadResponse).Results
    if len(values) != len(HUNDRED) or any(not value.StatusCode.is_good() for value in values):
        raise PlcError("a Read of 100 nodes did not give 100 good values")


def main() -> None:
    """Connect, then do as told."""
    gateway, commands, count = (int(given) for given in sys.argv[1:4])
    with ExitStack() as stack:
        readers = Readers([stack.enter_context(WireClient(gateway)) for _ in range(count)])
        obey(commands, readers.burst)


if __name__ == "__main__":
    main()
