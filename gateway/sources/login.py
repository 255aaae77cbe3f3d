"""The password of a camera's log-in, from where the configuration says."""

import os
from pathlib import Path

from gateway.core.errors import ConfigError


def password(variable: str, file: Path | None) -> str:
    """From the environment variable (`password_env`) or the file (`password_file`); "" where neither is named.

    Raises ConfigError where it cannot be had.
    """
    if variable:
        if not (word := os.environ.get(variable, "")):
            wrong = "is not set, but password_env names it"
            raise ConfigError("environment", variable, wrong, f"set {variable} to the password")
        return word
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        wrong = f"cannot be read: {error}"
        raise ConfigError(str(file), "password_file", wrong, "name a readable text file") from error
