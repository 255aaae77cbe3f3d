"""PEKAT's recorded replies, mutated; and when a reply may be an OK, written anew from PEKAT's documents."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.vision.pekat_reply import ResponseType

CASES = Path(__file__).parent.parent / "data" / "pekat"
TOKENS = (
    b"true", b"false", b"null", b'"result"', b'"processing"', b'"error"', b'"errors"', b"{", b"}", b"[", b"]", b",",
    b":", b'"', b"\\u0000", b"NaN", b"1e999", b"-1", b"\xff", b"\r\n", b'"result": true', b'"result": false',
    b'"error": true',
)  # fmt: skip
"""What makes another reply out of one more often than chance bytes do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One reply as PEKAT gave it."""

    name: str
    status: int
    headers: dict[str, str]
    response_type: ResponseType
    result_path: str
    body: bytes


def recordings() -> list[Recording]:
    found = []
    for folder in sorted(CASES.iterdir()):
        case = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        body = next(folder.glob("reply.*")).read_bytes()
        path = case.get("result_path", "")
        found.append(Recording(folder.name, case["status"], case["headers"], case["response_type"], path, body))
    return found


def mutated(data: bytes, source: random.Random) -> bytes:
    """One to three changes: bits, bytes, words of JSON, pieces lost, doubled or moved."""
    out = bytearray(data)
    for _ in range(source.randint(1, 3)):
        at, size = source.randrange(len(out) + 1), source.randint(1, 24)
        match source.randrange(6):
            case 0 if out:
                out[at % len(out)] ^= 1 << source.randrange(8)
            case 1:
                token = source.choice(TOKENS)
                out[at : at + source.choice((0, len(token)))] = token
            case 2:
                del out[at : at + size]
            case 3:
                out[at:at] = out[at : at + size]
            case 4:
                del out[at:]
            case _:
                out[at : at + size] = source.randbytes(size)
    return bytes(out)


def may_be_ok(context: Any, path: str) -> bool:
    """Whether a context says OK: nothing but a boolean true, in a reply that reports neither error nor pause."""
    if not isinstance(context, dict) or context.get("processing", True) is not True:
        return False
    if context.get("error") or context.get("errors"):
        return False
    at: Any = context
    for word in (path or "result").split("."):
        at = at.get(word) if isinstance(at, dict) else None
    return at is True


def context_of(body: bytes) -> Any:
    """The JSON object that a body ends with; None where it ends with none. An image may stand before it."""
    for at in (index for index, byte in enumerate(body) if byte == ord("{")):
        try:
            return json.loads(body[at:])
        except (ValueError, RecursionError):
            continue
    return None
