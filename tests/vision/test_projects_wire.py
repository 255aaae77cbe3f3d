"""What goes over the wire to PEKAT's Projects Manager, byte by byte."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vision.projects_wire import Answer, Command, Word, answer, request

WINDOWS = "C:\\Pekat projects\\Víčko"


@pytest.mark.parametrize(
    ("command", "project", "separator", "wire"),
    [
        (Command.START, "/projects/cap", ":", b"start:/projects/cap"),
        (Command.STOP, "/projects/cap", "|", b"stop|/projects/cap"),
        (Command.STATUS, WINDOWS, "|", b"status|C:\\Pekat projects\\V\xc3\xad\xc4\x8dko"),
        (Command.SWITCH, WINDOWS, ":", b"switch:C:\\Pekat projects\\V\xc3\xad\xc4\x8dko"),
    ],
)
def test_a_request_is_command_separator_and_project_without_a_lines_end(
    command: Command, project: str, separator: str, wire: bytes
) -> None:
    assert request(command, project, separator) == wire


@pytest.mark.parametrize("project", ["", "  ", "one\nstop:two", "a\0b"])
def test_what_cannot_be_a_project_makes_no_request(project: str) -> None:
    with pytest.raises(ValueError, match="project's path"):
        request(Command.START, project)


WORDS = [
    (b"running", Word.RUNNING),
    (b"stopped", Word.STOPPED),
    (b"starting", Word.STARTING),
    (b"stopping", Word.STOPPING),
    (b"done", Word.DONE),
    (b"success", Word.DONE),
    (b"not-found", Word.NOT_FOUND),
    (b"Unknown command", Word.UNKNOWN_COMMAND),
    (b"invalid-command", Word.UNKNOWN_COMMAND),
]


@pytest.mark.parametrize(("said", "word"), WORDS)
@pytest.mark.parametrize("before", [b"", b"7.", b"7:", b"suc:", b"12.suc:", b"err:", b"3.err:"])
@pytest.mark.parametrize("behind", [b"", b"\n", b"\r\n", b"\r\nmore"])
def test_a_word_is_known_as_soon_as_it_is_whole_whatever_stands_around_it(
    said: bytes, word: Word, before: bytes, behind: bytes
) -> None:
    found = answer(before + said + behind)
    assert found == Answer(word, said.decode())


@pytest.mark.parametrize(
    ("got", "text"),
    [(b"error:port", "error:port"), (b"9.err:licence", "licence"), (b"err:", "err:"), (b"Error: x", "Error: x")],
)
def test_an_error_of_unknown_length_needs_its_end(got: bytes, text: str) -> None:
    assert answer(got) is None
    assert answer(got, ended=True) == answer(got + b"\n") == Answer(Word.ERROR, text)


@pytest.mark.parametrize(("said", "word"), WORDS)
def test_half_a_word_is_none_yet_and_none_at_the_end(said: bytes, word: Word) -> None:
    for length in range(len(said)):
        assert answer(said[:length]) is None
        with pytest.raises(ValueError, match=r"none of its answers|without a word"):
            answer(said[:length], ended=True)


@pytest.mark.parametrize(
    "got", [b"HTTP/1.1 400 Bad Request\r\n", b"ok\n", b"running fast\n", b"\xff\xfe\n", b"x" * 5000]
)
def test_what_is_no_answer_says_so_at_once(got: bytes) -> None:
    with pytest.raises(ValueError, match=r"none of its answers|bytes"):
        answer(got)


@given(st.binary(max_size=60), st.booleans())
def test_whatever_comes_is_an_answer_or_not_yet_or_none(got: bytes, ended: bool) -> None:
    try:
        found = answer(got, ended=ended)
    except ValueError:
        return
    assert found is None or found.word in Word
    assert not (ended and found is None)


def test_mutated_answers_are_never_another_state() -> None:
    """A state with one bit wrong is that state in capitals, or none, or an error."""
    chance, known = random.Random(5), dict(WORDS)
    for _ in range(20_000):
        said = bytearray(chance.choice(list(known)))
        said[chance.randrange(len(said))] ^= 1 << chance.randrange(8)
        try:
            found = answer(bytes(said), ended=True)
        except ValueError:
            continue
        assert found is not None
        assert found.text.lower().encode() in [*map(bytes.lower, known)] or found.word is Word.ERROR
