"""`check` says what becomes of answers, and what is promised of them."""

import pytest

from gateway.cli.check import check_lines
from tests.config.writing import settings_of, spoilt


@pytest.mark.parametrize(
    ("history", "promise"),
    [
        ({}, "kept before the PLC sees them"),
        ({"mode": "fast"}, "written right after they are shown"),
        ({"enabled": False}, "switched off"),
    ],
)
def test_the_promise_is_told(history: dict[str, object], promise: str) -> None:
    (line,) = (
        line for line in check_lines(settings_of(spoilt((("history",), history)))) if line.startswith("history:")
    )
    assert line.endswith(promise)
