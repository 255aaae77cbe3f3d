"""What goes over the wire between the gateway and PEKAT's Projects Manager (Simple TCP, PEKAT 3.18 and newer). Pure.

A request is `start:PROJECT`, on other versions `start|PROJECT`; one a connection, UTF-8, without a line's end. The
answer is a word. Documents differ in what stands around it: `7.` (the request's number), `suc:` or `err:` before it,
a line's end behind it; all of these are understood.
"""

import re
from dataclasses import dataclass
from enum import Enum

SEPARATORS = (":", "|")
"""By the vendor's document, and as a PEKAT 3.19.3 was seen to want it."""
LONGEST = 4096
"""Bytes of an answer; the longest known one has fifteen."""
_AROUND = re.compile(r"(?:\d+[.:])?\s*(suc:|err:)?", re.IGNORECASE)


class Command(Enum):
    """SWITCH stops all other projects of this manager and starts the one it names."""

    START = "start"
    STOP = "stop"
    STATUS = "status"
    SWITCH = "switch"


class Word(Enum):
    """What an answer says."""

    RUNNING = "running"
    STOPPED = "stopped"
    STARTING = "starting"
    STOPPING = "stopping"
    DONE = "done"
    NOT_FOUND = "not-found"
    UNKNOWN_COMMAND = "unknown command"
    ERROR = "error"
    """Anything else that begins with `error:` or `err:`, as `error:port`."""


_WORDS = {word.value: word for word in Word if word is not Word.ERROR} | {
    "success": Word.DONE,
    "unknown-command": Word.UNKNOWN_COMMAND,
    "invalid-command": Word.UNKNOWN_COMMAND,
}
STATES = (Word.RUNNING, Word.STOPPED, Word.STARTING, Word.STOPPING)
"""What a project can be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is as it came, without what may stand around it."""

    word: Word
    text: str


def request(command: Command, project: str, separator: str = ":") -> bytes:
    """The bytes of a request. Raises ValueError for a project that cannot be named in one."""
    check_project(project)
    return f"{command.value}{separator}{project}".encode()


def check_project(project: str) -> None:
    """Raises ValueError for what cannot be a project's path."""
    if not project.strip() or any(ord(character) < 32 for character in project):
        raise ValueError("must be the project's path, as the Projects Manager shows it, on one line")


def answer(got: bytes, *, ended: bool = False) -> Answer | None:
    """What the bytes so far say; None while more has to come. `ended`: nothing more comes.

    Raises ValueError for what is no answer.
    """
    line, newline, _ = got.lstrip(b"\r\n").replace(b"\r", b"\n").partition(b"\n")
    whole = ended or bool(newline)
    if len(line) > LONGEST:
        raise ValueError(f"more than {LONGEST} bytes")
    text = line.decode("utf-8", "replace").strip()
    around = _AROUND.match(text)
    said = text[around.end() :].strip() if around else text
    word = _WORDS.get(said.lower())
    if word is not None:
        return Answer(word, said)
    if not whole:
        return None
    failed = around is not None and (around[1] or "").lower() == "err:"
    if failed or said.lower().startswith("error"):
        return Answer(Word.ERROR, said or "err:")
    raise ValueError(f"{text[:80]!r} is none of its answers" if text else "it closed the connection without a word")
