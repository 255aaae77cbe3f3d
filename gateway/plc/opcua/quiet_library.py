"""How much asyncua may say in the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOG_LEVELS = {
    "asyncua": logging.ERROR,
    "asyncua.server.uaprocessor": logging.CRITICAL,
    "asyncua.client": logging.CRITICAL + 1,
}
"""asyncua tells of each session, subscription and call, and logs an error for each request that it refuses: any
client could fill the log with those. Its client is for discovery servers, and raises what it logs with stack traces."""


@contextmanager
def quiet_library() -> Iterator[None]:
    """asyncua's own loggers at their levels; as they were afterwards. Levels that somebody set are left alone."""
    loggers = [(logging.getLogger(name), level) for name, level in _LOG_LEVELS.items()]
    changed = [(logger, level) for logger, level in loggers if logger.level == logging.NOTSET]
    for logger, level in changed:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, _ in changed:
            logger.setLevel(logging.NOTSET)
