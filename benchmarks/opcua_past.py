"""A client that reads the history: `python -m benchmarks.opcua_past GATEWAY_PORT COMMAND_PORT`.

Told a number of milliseconds, it waits as long, reads the next thousand verdicts, and answers how long that took.
"""

import sys
import time
from datetime import timedelta

from asyncua import ua

from benchmarks.history_rows import START
from benchmarks.opcua_tags import status_node
from benchmarks.opcua_wire import WireClient
from benchmarks.plc import PlcError
from benchmarks.remote import obey

VALUES = 1000


class Reader:
    """Goes through the history page by page, and begins again at its end."""

    def __init__(self, client: WireClient) -> None:
        self._client = client
        self._point: bytes | None = None

    def read(self, command: str) -> float:
        """Milliseconds for one page. Raises PlcError where it holds nothing."""
        time.sleep(float(command) / 1000)
        request = self._client.encoded(self._request())
        began = time.perf_counter()
        self._client.send(request)
        message = self._client.message()
        took = (time.perf_counter() - began) * 1000
        (result,) = self._client.decoded(message, ua.HistoryReadResponse).Results
        if not result.StatusCode.is_good() or not result.HistoryData.DataValues:
            raise PlcError(f"a read of the history gave {result.StatusCode}")
        self._point = result.ContinuationPoint
        return round(took, 3)

    def _request(self) -> ua.HistoryReadRequest:
        request = ua.HistoryReadRequest()
        parameters = request.Parameters
        end = START + timedelta(days=10_000)
        parameters.HistoryReadDetails = ua.ReadRawModifiedDetails(False, START, end, VALUES, False)
        parameters.ReleaseContinuationPoints = False
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        item = ua.HistoryReadValueId(status_node("verdict"))
        item.ContinuationPoint = ua.ByteString(self._point) if self._point else None
        parameters.NodesToRead = [item]
        return request


def main() -> None:
    """Connect, then do as told."""
    gateway, commands = (int(given) for given in sys.argv[1:3])
    with WireClient(gateway) as client:
        obey(commands, Reader(client).read)


if __name__ == "__main__":
    main()
