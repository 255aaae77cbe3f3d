"""What the client's tests ask with."""

import time
from collections.abc import Callable

import pytest

from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.vision.pekat import Ask, HttpReply, PekatClient
from gateway.vision.wire import Call

IMAGE = b"image" * 1000


def analyze(client: PekatClient, seconds: float = 5.0, ask: Ask | None = None) -> HttpReply:
    return client.analyze_image(IMAGE, ask or Ask(), Call.within(seconds))


def reason_of(act: Callable[[], object]) -> Reason:
    with pytest.raises(InspectorError) as caught:
        act()
    return caught.value.reason


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)
