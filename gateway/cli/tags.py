"""Tag tables: where each tag of a station stands in Modbus and in OPC UA, as text, CSV, Markdown, JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

from gateway.core.registers import Place, RegisterMap
from gateway.core.tags import Direction, TagType

COLUMNS = (
    "name",
    "direction",
    "type",
    "length",
    "unit",
    "register",
    "bit",
    "coil",
    "modicon5",
    "modicon6",
    "node_id",
    "description",
)
HOLDING5, HOLDING6 = 40001, 400001
"""Register 0 as a holding register in five-digit and six-digit notation."""
LAST5 = 49999
BITS = 16
NAMESPACE = 2


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag of one station. `coil` is a command bit's coil or a status bit's discrete input; None for words.

    `modicon5` is None where five digits do not reach the register.
    """

    name: str
    direction: str
    type: str
    length: int
    unit: str
    register: int
    bit: int | None
    coil: int | None
    modicon5: int | None
    modicon6: int
    node_id: str
    description: str
    texts: tuple[tuple[int, str], ...] = ()


def tag_rows(registers: RegisterMap, station: str = "station1", offset: int = 0) -> list[TagRow]:
    """The tags of a map, user values included, for a station at this address offset: by register and bit."""
    places = sorted(registers.places, key=lambda place: (place.register, place.bit or 0))
    return [_row(place, registers, station, offset) for place in places]


def _row(place: Place, registers: RegisterMap, station: str, offset: int) -> TagRow:
    tag, register = place.tag, place.register + offset
    in_five = HOLDING5 + register
    return TagRow(
        name=tag.name,
        direction=tag.direction.value,
        type=tag.type.value,
        length=tag.length,
        unit=tag.unit,
        register=register,
        bit=place.bit,
        coil=_coil(place, registers, offset),
        modicon5=in_five if in_five <= LAST5 else None,
        modicon6=HOLDING6 + register,
        node_id=f"ns={NAMESPACE};s={station}.{tag.direction.value}.{tag.name}",
        description=tag.description,
        texts=tag.texts,
    )


def _coil(place: Place, registers: RegisterMap, offset: int) -> int | None:
    if place.bit is None:
        return None
    first = registers.coils if place.tag.direction is Direction.CONTROL else registers.discretes
    return first + offset // BITS + place.bit


def _cells(row: TagRow) -> list[str]:
    return ["" if (cell := getattr(row, column)) is None else str(cell) for column in COLUMNS]


def as_csv(rows: Sequence[TagRow]) -> str:
    """One header line, one line a tag; empty cells where a column does not apply."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in rows)
    return out.getvalue()


def as_json(rows: Sequence[TagRow]) -> str:
    """A list of objects with the columns of the CSV; enumerations have `texts`, number to meaning."""
    items = [asdict(row) | {"texts": {str(number): text for number, text in row.texts}} for row in rows]
    return json.dumps(items, indent=2) + "\n"


def as_markdown(rows: Sequence[TagRow]) -> str:
    """One table for each direction, then the numbers of enumerations."""
    parts = []
    for direction, title in (("status", "Status: the gateway writes"), ("control", "Control: the PLC writes")):
        parts.append(f"### {title}\n\n{markdown_table([row for row in rows if row.direction == direction])}")
    texts = enumeration_tables(rows)
    return "\n".join([*parts, *([f"### Numbers and their meanings\n\n{texts}"] if texts else [])])


def markdown_table(rows: Sequence[TagRow]) -> str:
    """The columns that a PLC programmer needs, one line a tag."""
    lines = [
        "| Register | 4xxxx | Coil or input | Tag | Type | Unit | Meaning |",
        "|---:|---:|---:|---|---|---|---|",
    ]
    for row in rows:
        cells = [address_text(row), str(row.modicon5 or row.modicon6), _text(row.coil), f"`{row.name}`", type_text(row)]
        lines.append("| " + " | ".join([*cells, row.unit, escaped(row.description)]) + " |")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text for one cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def enumeration_tables(rows: Sequence[TagRow]) -> str:
    """A line for each enumeration: number = meaning. Of a table, the first row stands for all."""
    lines = []
    for row in rows:
        if row.texts and ("[" not in row.name or "[1]" in row.name):
            meanings = ", ".join(f"{number} = {text}" for number, text in row.texts)
            lines.append(f"- `{row.name}`: {meanings}")
    return "\n".join(lines) + ("\n" if lines else "")


def address_text(row: TagRow) -> str:
    """`7`, or `2.5` for bit 5 of register 2."""
    return str(row.register) if row.bit is None else f"{row.register}.{row.bit}"


def type_text(row: TagRow) -> str:
    """`uint16`, or `string[32]`."""
    return f"{row.type}[{row.length}]" if row.type == TagType.STRING.value else row.type


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def as_text(rows: Sequence[TagRow]) -> Table:
    """A table for the terminal."""
    table = Table(title="registers are 0-based PDU addresses", title_justify="left", pad_edge=False)
    for title in ("register", "4xxxx", "4xxxxx", "coil"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("tag", no_wrap=True)
    for title in ("type", "unit", "meaning"):
        table.add_column(title)
    for row in rows:
        style = "cyan" if row.direction == "control" else ""
        cells = [address_text(row), _text(row.modicon5), str(row.modicon6), _text(row.coil)]
        plain = [*cells, row.name, type_text(row), row.unit, row.description]
        table.add_row(*(cell.replace("[", "\\[") for cell in plain), style=style)
    return table
