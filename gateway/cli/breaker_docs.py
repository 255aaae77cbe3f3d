"""What docs/pool.md says of the circuit breaker, made by running it: the state diagram, and what each outcome means."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace

from gateway.core.result import REASON_TEXTS, Reason
from gateway.vision.breaker import USUAL_RULE, WELL, Breaker, Sign, Standing, after, sign_of

_NAMES = {
    Standing.CLOSED: "closed",
    Standing.DOUBTFUL: "doubtful",
    Standing.HALF_OPEN: "half_open",
    Standing.OPEN: "open",
}
_MAY_BE_UNSENT = (Reason.BAD_IMAGE, Reason.TIMEOUT, Reason.INSPECTOR_OFFLINE)
"""Every other outcome is an answer, so that something was sent."""


def _named(before: Breaker, sign: Sign) -> str:
    """The sign, with what more has to be for this change."""
    if sign is Sign.PING_ANSWERED and before.standing is Standing.OPEN:
        return "a ping is answered after the pause"
    if sign is Sign.FAILED and before.standing is not Standing.HALF_OPEN:
        last = before.failures + 1 == USUAL_RULE.failures
        return f"image {USUAL_RULE.failures} in a row fails" if last else "an image fails"
    return sign.value


def breaker_diagram() -> str:
    """Every change of standing that one sign can make, found by walking from a new breaker, as Mermaid."""
    edges: dict[tuple[Standing, Standing], set[str]] = defaultdict(set)
    seen, todo = {WELL}, deque([WELL])
    while todo:
        before = todo.popleft()
        for sign in Sign:
            then = replace(after(before, sign, before.pause_ends, USUAL_RULE), openings=0, pause_ends=0)
            if then.standing is not before.standing:
                edges[before.standing, then.standing].add(_named(before, sign))
            if then not in seen and then.failures <= USUAL_RULE.failures:
                seen.add(then)
                todo.append(then)
    order = list(Standing)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> closed"]
    for (one, other), names in sorted(edges.items(), key=lambda edge: [order.index(end) for end in edge[0]]):
        lines.append(f"    {_NAMES[one]} --> {_NAMES[other]}: {', '.join(sorted(names))}")
    return "\n".join([*lines, "```"]) + "\n"


_MEANING: dict[Sign | None, str] = {
    Sign.ANSWERED: "well: closed",
    Sign.FAILED: "failed: doubtful, or open",
    Sign.UNREACHABLE: "open; the image goes to another one",
    None: "nothing",
}


def outcomes_table() -> str:
    """What each outcome of an image says of its endpoint."""
    lines = ["| Outcome | | Nothing of it was sent | Something was sent |", "|---|---|---|---|"]
    for reason in Reason:
        unsent, sent = sign_of(reason, sent=False), sign_of(reason, sent=True)
        if unsent is None and sent is None:
            continue
        before = _MEANING[unsent] if reason in _MAY_BE_UNSENT else ""
        text = "OK or NOK" if reason is Reason.NONE else REASON_TEXTS[reason]
        lines.append(f"| {int(reason)} | {text} | {before} | {_MEANING[sent]} |")
    return "\n".join(lines) + "\n"


DRAWINGS: dict[str, Callable[[], str]] = {"breaker-states": breaker_diagram, "breaker-outcomes": outcomes_table}
"""By the name in the document's markers."""
