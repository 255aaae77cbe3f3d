"""JSON as it stands in the history's database and in acceptance pages."""

import json
from typing import Any

from pydantic_core import from_json, to_json

NOTHING = "[]"
"""An empty list: what most answers have of most things."""


def as_json(value: object) -> str:
    """In the fewest characters. In an eighth of the time that json takes: an answer is written before it is shown."""
    return json_bytes(value).decode()


def json_bytes(value: object) -> bytes:
    """The same in UTF-8."""
    try:
        return to_json(value)
    except ValueError:
        return json.dumps(value, separators=(",", ":")).encode()  # half a character, which only json can write


def read_json(kept: str) -> Any:
    """What `as_json` wrote. A day's NOK are read in four fifths of the time that json takes."""
    try:
        return from_json(kept)
    except ValueError:
        return json.loads(kept)  # a label with half a character in it, which only json can read
