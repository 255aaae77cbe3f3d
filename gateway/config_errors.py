"""Reading TOML, and turning what is wrong in it into errors that name file, key, what is wrong, what to write."""

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gateway.core.errors import ConfigError

TomlTable = dict[str, Any]
KeyPath = tuple[str | int, ...]


class ConfigErrors(ConfigError):  # noqa: N818  # plural on purpose: it holds several
    """Several errors of one configuration, all found in one go. `file`, `key`, `wrong` are those of the first."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.file, first.key, first.wrong, "")
        self.errors = tuple(errors)
        lines = [f"{error}\n    -> {error.hint}" for error in errors]
        self.args = ("\n".join([f"{len(errors)} errors in the configuration", *(f"  {line}" for line in lines)]),)


def raise_all(errors: Sequence[ConfigError]) -> None:
    """Raise the one error, or all of them as ConfigErrors; return where there is none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigErrors(errors)


def flat(error: ConfigError) -> Sequence[ConfigError]:
    """The single errors in an error."""
    return error.errors if isinstance(error, ConfigErrors) else (error,)


def key_text(path: KeyPath) -> str:
    """`("stations", 1, "source")` as `stations[1].source`; list places count from 0."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(the whole file)"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_small = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(word.lower(), list(by_small), n=1, cutoff=0.6)
    return by_small[close[0]] if close else None


def parse_toml(file: str, text: str) -> TomlTable:
    """The tables of a TOML text. Raises ConfigError with line and column where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        wrong, _, place = str(error).partition(" (at ")
        place = place.removesuffix(")") or "somewhere"
        raise ConfigError(file, place, f"not valid TOML: {wrong}", _toml_advice(wrong)) from error


def _toml_advice(wrong: str) -> str:
    if "overwrite" in wrong or "twice" in wrong:
        return "each key and table may stand only once; remove one of the two"
    if "Invalid value" in wrong:
        return 'write text in quotes ("text"), numbers without, truth as true or false, lists as [a, b]'
    return 'write lines of the form key = value; text in quotes: name = "station1"'


def read_toml(path: Path) -> TomlTable:
    """The tables of a TOML file. Raises ConfigError where it cannot be read or is no TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(str(path), "(file)", "there is no such file", "name a file that exists") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "(file)", "the file is not UTF-8 text", "save it as UTF-8") from error
    except OSError as error:
        wrong = f"the file cannot be read: {error.strerror}"
        raise ConfigError(str(path), "(file)", wrong, "name a file that this user may read") from error
    return parse_toml(str(path), text)
