"""Log lines as JSON: each parses, whatever it holds, and says what it is about."""

import json
import logging
import logging.handlers
import queue
from datetime import datetime
from typing import Any

import pytest

from gateway.cli.json_lines import JsonLines
from gateway.ports import Order


def line(record: logging.LogRecord) -> dict[str, Any]:
    text = JsonLines().format(record)
    assert "\n" not in text
    assert text.isascii()  # a terminal of another locale cannot spoil it
    made: dict[str, Any] = json.loads(text)
    return made


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("gateway.test").makeRecord(
        "gateway.test", logging.WARNING, "file.py", 1, message, args, None, extra=extra
    )


def test_time_level_name_and_text() -> None:
    made = line(record("%s: %d parts", "station1", 3))
    assert (made["level"], made["logger"], made["message"]) == ("warning", "gateway.test", "station1: 3 parts")
    assert datetime.fromisoformat(made["time"]).tzinfo is not None
    assert set(made) == {"time", "level", "logger", "message"}


def test_what_an_inspection_is_called() -> None:
    made = line(record("late", **Order("s1", 17, 4, "lot 7/č", 1, 0, 1, 0.0).about))
    assert (made["station"], made["inspection"], made["part_id"]) == ("s1", 17, "lot 7/č")


@pytest.mark.parametrize("text", ['a "quote"', "two\nlines", "\x00\x1b[31m", "\ud800", "řádek"])
def test_any_text_is_one_line(text: str) -> None:
    assert line(record("%s", text))["message"] == text


def test_an_error_comes_with_its_traceback_also_through_the_queue() -> None:
    handed: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(handed)
    handler.setFormatter(logging.Formatter("%(message)s"))  # as basicConfig does
    log = logging.Logger("gateway.test")
    log.addHandler(handler)
    try:
        raise ValueError("planted")
    except ValueError:
        log.exception("%s crashed", "it", extra={"inspection": 5})
    made = line(handed.get_nowait())
    assert made["message"].startswith("it crashed")
    assert "ValueError: planted" in made["message"]
    assert made["inspection"] == 5
