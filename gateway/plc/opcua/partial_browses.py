"""Browse results cut to what a client takes at a time, and BrowseNext for the rest (OPC 10000-4, 5.8.2 and 5.8.3).

asyncua always answers with all references, and knows no BrowseNext.
"""

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.continuation_points import Points
from gateway.plc.opcua.requests import bad


class _Rest:
    """References that were not sent yet, and how many the client takes at a time."""

    def __init__(self, references: list[ua.ReferenceDescription], most: int) -> None:
        self.references = references
        self.most = most


class PartialBrowses:
    """Of one session."""

    def __init__(self) -> None:
        self._points: Points[_Rest] = Points()

    def cut(self, results: list[ua.BrowseResult], most: int) -> list[ua.BrowseResult]:
        """At most so many references of each; 0: all of them."""
        request: set[bytes] = set()
        return [self._begun(_Rest(one.References, most), one, request) for one in results] if most else results

    def go_on(self, params: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        """What comes next at these points, or nothing where the client only gives them back."""
        request: set[bytes] = set()
        return [
            self._next(point, request, release=params.ReleaseContinuationPoints) for point in params.ContinuationPoints
        ]

    def _next(self, point: bytes | None, request: set[bytes], *, release: bool) -> ua.BrowseResult:
        rest = self._points.take(point or b"")
        if rest is None:
            return ua.BrowseResult(StatusCode=bad(StatusCodes.BadContinuationPointInvalid))
        return ua.BrowseResult() if release else self._begun(rest, ua.BrowseResult(), request)

    def _begun(self, rest: _Rest, result: ua.BrowseResult, request: set[bytes]) -> ua.BrowseResult:
        """The first of the rest, and a point for what is left of it then."""
        result.References, left = rest.references[: rest.most], rest.references[rest.most :]
        if left:
            point = self._points.keep(_Rest(left, rest.most), request)
            if point is None:
                return ua.BrowseResult(StatusCode=bad(StatusCodes.BadNoContinuationPoints))
            result.ContinuationPoint = ua.ByteString(point)
        return result
