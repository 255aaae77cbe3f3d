"""The tables of conformance to OPC 40100-1: what the specification declares, held against a running server."""

from collections.abc import Iterator, Sequence
from functools import cache

from gateway.cli.vision_facets import EVENTS, FACETS, PROFILES, REASONS, UNITS, Facet
from gateway.cli.vision_survey import surveyed
from gateway.sim.vision_survey import Survey

YES, NO = "yes", "**no**"

_survey = cache(surveyed)
"""One start of a server for all tables."""


def facets_table() -> str:
    """Each facet and profile, and what of it there is."""
    found = _survey()
    known = {facet.name: facet for facet in FACETS}
    lines = ["| Facet | Supported | Asks for | Offers besides |", "|---|---|---|---|"]
    for facet in (*FACETS, *PROFILES):
        units = list(_asked(facet, known))
        told = ", ".join(_told(found, title) for title in units)
        besides = ", ".join(_told(found, title) for title in facet.optional)
        answer = YES if all(has_unit(found, title) for title in units) else NO
        lines.append(f"| {facet.name} | {answer} | {told} | {besides} |")
    return "\n".join(lines) + "\n"


def nodes_table() -> str:
    """Each node and method that VisionSystemType declares. Raises KeyError for one that is missing without a reason."""
    found = _survey()
    lines = ["| Node | | Asked for | Supported | Why not |", "|---|---|---|---|---|"]
    for path in _shown_paths(found):
        declared = found.declared[path]
        asked = "mandatory" if declared.mandatory else "optional"
        there = path in found.present
        answer, reason = (YES, "") if there else (NO, REASONS[path])
        lines.append(f"| `{path}` | {declared.kind} | {asked} | {answer} | {reason} |")
    return "\n".join(lines) + "\n"


def events_table() -> str:
    """Each event type, and whether the server was seen to send it."""
    found = _survey()
    lines = ["| Event type | Node | Supported | Why not |", "|---|---|---|---|"]
    for number, name in EVENTS.items():
        answer, reason = (YES, "") if number in found.events else (NO, REASONS[str(number)])
        lines.append(f"| {name} | `ns=3;i={number}` | {answer} | {reason} |")
    return "\n".join(lines) + "\n"


def has_unit(found: Survey, title: str) -> bool:
    """Whether this conformance unit is there."""
    unit = UNITS[title]
    return set(unit.nodes) <= found.present and set(unit.events) <= found.events


def _told(found: Survey, title: str) -> str:
    return title if has_unit(found, title) else f"~~{title}~~"


def _asked(facet: Facet, known: dict[str, Facet]) -> Iterator[str]:
    for name in facet.facets:
        yield from _asked(known[name], known)
    yield from facet.mandatory


def _shown_paths(found: Survey) -> Sequence[str]:
    """Not what is below a node that is missing, nor the properties of state machines' states and variables."""
    missing = [path for path in found.declared if path not in found.present]
    hidden = ("Id", "StateNumber")
    return [
        path
        for path in found.declared
        if path.rpartition(".")[2] not in hidden and not any(path.startswith(f"{one}.") for one in missing)
    ]
