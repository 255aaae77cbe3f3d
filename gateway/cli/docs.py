"""The generated parts of the documents: `python -m gateway.cli.docs` writes them, with --check it only looks.

A generated part stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`, where NAME is one of SECTIONS; whatever
stands outside is written by hand. A part can be in any of the documents, and in several.
"""

import re
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

from gateway.cli import breaker_docs, doctor_docs, pixel_docs, reliability_docs
from gateway.cli.conformance import events_table, facets_table, nodes_table
from gateway.cli.diagrams import DRAWINGS
from gateway.cli.reference import config_reference
from gateway.cli.rights_table import opcua_rights
from gateway.cli.tags import (
    TagRow,
    as_markdown,
    enumeration_tables,
    escaped,
    markdown_table,
    tag_rows,
)
from gateway.core.errors import Cause, ErrorCode, OfflineReason, RejectReason
from gateway.core.registers import WordOrder, split32
from gateway.core.result import REASON_TEXTS, Reason, Verdict
from gateway.core.state import StationState
from gateway.core.tags import TEST_UINT32
from gateway.tagmap import load_map, read_map, shipped_maps

ROOT = Path(__file__).parents[2]
"""The source checkout: documents do not come with the wheel."""

_MARKED = re.compile(r"<!-- (?P<name>[a-z-]+):begin -->\n(?P<old>.*?)<!-- (?P=name):end -->", re.DOTALL)


def readme_tags() -> str:
    """The standard map, with the first row of each table for all eight."""
    short = [row for row in _all_rows() if "[" not in row.name or "[1]" in row.name]
    parts = [
        f"**{title}**\n\n{markdown_table([row for row in short if row.direction == direction])}"
        for direction, title in (("status", "Status: the gateway writes"), ("control", "Control: the PLC writes"))
    ]
    rest = "Rows 2 to 8 of `detections` and of `views` follow the first one, six registers each."
    return "\n".join(parts) + f"\n{rest} Only a station with several views has the block from `views_result_seq` on.\n"


def _all_rows() -> list[TagRow]:
    """With the tags that only a station with several views has."""
    return tag_rows(load_map("standard", several_views=True))


def all_tags() -> str:
    """The standard map, every tag, with node ids' form and the numbers of enumerations."""
    rows = _all_rows()
    return as_markdown(rows) + f"\n### Node ids\n\n{_node_ids(rows)}"


def _node_ids(rows: Sequence[TagRow]) -> str:
    wanted = ("verdict", "detections[1].class", "views[1].verdict", "trigger")
    lines = [f"- `{row.node_id}`" for row in rows if row.name in wanted]
    return "\n".join([*lines, "- `ns=2;s=station1.status.user.NAME` (a user value)"]) + "\n"


def maps_table() -> str:
    """The shipped maps with what they differ in."""
    lines = ["| Map | Word order | First character of a register | String of the PLC ends |", "|---|---|---|---|"]
    for name in sorted(shipped_maps(), key=lambda name: (name != "standard", name)):
        registers = read_map(name).registers
        end = registers.string_end.value.replace("length_word", "by its length word").replace("nul", "at the first NUL")
        byte = registers.string_order.value.removesuffix("_first")
        lines.append(f"| `{name}` | {registers.word_order.value} | {byte} byte | {end} |")
    return "\n".join(lines) + "\n"


def maps_reasons() -> str:
    """Each shipped map's `why`."""
    return "\n".join(f"### {name}\n\n{read_map(name).why}\n" for name in shipped_maps())


def word_orders() -> str:
    """The test value's two registers in each word order, as a PLC would show them."""
    lines = [f"| Word order | First register | Second register | of {TEST_UINT32:#010x} |", "|---|---:|---:|---|"]
    for order in WordOrder:
        first, second = split32(TEST_UINT32, order)
        lines.append(f"| {order.value} | {first:#06x} = {first} | {second:#06x} = {second} | {_seen(first, second)} |")
    return "\n".join(lines) + "\n"


def _seen(first: int, second: int) -> str:
    """What a PLC that puts the first register into the high half makes of it."""
    return f"read as ABCD: {first << 16 | second:#010x}"


def numbers_table(enum: type[IntEnum], texts: Callable[[int], str] | None = None) -> str:
    """An enumeration's numbers and meanings."""
    lines = ["| Number | Meaning |", "|---:|---|"]
    for member in enum:
        text = texts(member) if texts else member.name.lower().replace("_", " ")
        lines.append(f"| {int(member)} | {escaped(text)} |")
    return "\n".join(lines) + "\n"


SECTIONS: dict[str, Callable[[], str]] = {
    "opcua-rights": opcua_rights,
    "vision-facets": facets_table,
    "vision-nodes": nodes_table,
    "vision-events": events_table,
    **DRAWINGS,
    **breaker_docs.DRAWINGS,
    **pixel_docs.TABLES,
    **reliability_docs.TABLES,
    "doctor-checks": doctor_docs.checks_table,
    "tags": readme_tags,
    "all-tags": all_tags,
    "config-reference": config_reference,
    "maps": maps_table,
    "maps-why": maps_reasons,
    "word-orders": word_orders,
    "verdicts": lambda: numbers_table(Verdict),
    "reasons": lambda: numbers_table(Reason, lambda number: REASON_TEXTS[Reason(number)]),
    "station-states": lambda: numbers_table(StationState),
    "offline-reasons": lambda: numbers_table(OfflineReason),
    "reject-reasons": lambda: numbers_table(RejectReason),
    "error-codes": lambda: numbers_table(ErrorCode),
    "error-causes": lambda: numbers_table(Cause),
    "enumerations": lambda: enumeration_tables(tag_rows(load_map("standard"))),
}
"""What can be generated, by the name in the markers. Another part: one line here."""

WRITTEN_ELSEWHERE = frozenset({"benchmarks"})
"""Marked parts that other programs fill in: measured figures come from `python -m benchmarks`."""


def documents(root: Path = ROOT) -> list[Path]:
    """The Markdown files that may have generated parts."""
    places = [root / "README.md", root / "mappings" / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [path for path in places if path.is_file()]


def render_all(root: Path = ROOT) -> dict[Path, str]:
    """The whole text, as it should be, of each document that has generated parts. Raises KeyError for a wrong name."""
    texts = {path: path.read_text(encoding="utf-8") for path in documents(root)}
    return {path: rendered(text) for path, text in texts.items() if _MARKED.search(text)}


def rendered(text: str) -> str:
    """The document with its generated parts as they should be. Raises KeyError for a name that nobody fills in."""

    def fresh(part: re.Match[str]) -> str:
        name = part["name"]
        if name in WRITTEN_ELSEWHERE:
            return part[0]
        return f"<!-- {name}:begin -->\n{SECTIONS[name]()}<!-- {name}:end -->"

    return _MARKED.sub(fresh, text)


def outdated(root: Path = ROOT) -> list[Path]:
    """The documents that are not as they should be."""
    return [path for path, text in render_all(root).items() if path.read_text(encoding="utf-8") != text]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the documents, or with --check say which are out of date. The exit code."""
    stale = outdated(root)
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path}: out of date; run python -m gateway.cli.docs\n")
        return 1 if stale else 0
    for path, text in render_all(root).items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
