"""Log lines as JSON, one object a line, for programs that collect logs."""

import json
import logging
from datetime import UTC, datetime

ABOUT = ("station", "inspection", "part_id")
"""What a line about an inspection carries beside its text."""


class JsonLines(logging.Formatter):
    """`time` in UTC to the millisecond, `level`, `logger`, `message`, and what the line is about.

    ASCII with escapes: standard error in another locale would make of a letter what is no JSON.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        line: dict[str, object] = {
            "time": f"{at.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((key, getattr(record, key)) for key in ABOUT if hasattr(record, key))
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
