"""The reports as a table: in colour in a terminal, plain when piped, as Markdown for the README."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Report

BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"
_STYLES = {"pass": "green", "short": "bold red", "": "dim"}


def print_reports(reports: list[Report], console: Console) -> None:
    """One row for each figure."""
    table = Table(box=None if not console.is_terminal else box.ROUNDED)
    for column in ("benchmark", "figure", "target", "measured", ""):
        table.add_column(column, justify="right" if column in {"target", "measured"} else "left")
    for report in reports:
        for index, figure in enumerate(report.figures):
            outcome = figure.outcome
            table.add_row(
                report.name if index == 0 else "",
                figure.name,
                figure.target_text,
                figure.value_text,
                outcome,
                style=None if outcome == "pass" else _STYLES[outcome],
                end_section=index == len(report.figures) - 1,
            )
    console.print(table)
    for report in reports:
        for note in report.notes:
            console.print(f"{report.name}: {note}", style="dim", highlight=False, soft_wrap=True)


def markdown_table(results: dict[str, Any]) -> str:
    """The README's part: a table of all figures, how each came about, and the machine. Ends with a newline."""
    lines = ["| | figure | target | measured | |", "|---|---|---:|---:|---|"]
    reports = [Report.from_json(report) for report in results["reports"]]
    for report in reports:
        for index, figure in enumerate(report.figures):
            title = f"**{report.title}**" if index == 0 else ""
            row = (title, figure.name, figure.target_text, figure.value_text, figure.outcome)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    lines += ["", *(f"- {report.title}: {note}" for report in reports for note in report.notes), ""]
    return "\n".join([*lines, machine_line(results), ""])


def machine_line(results: dict[str, Any]) -> str:
    """The machine in one sentence."""
    facts = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    load = facts["load_before"][0]
    return (
        f"Measured {facts['date']} on {facts['cores']} cores ({facts['processor']}), {facts['memory_gib']} GiB, "
        f"{facts['system']}, {facts['python']}, {packages}; load before the run {load}"
        f"{', quick run' if results['quick'] else ''}."
    )


def put_between_markers(text: str, table: str) -> str:
    """The text with the table between its markers. Raises ValueError where it has none."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} .. {END} in the text")
    return f"{head}{BEGIN}\n{table}{END}{tail}"
