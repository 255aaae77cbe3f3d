"""The doctor's report: a table for people, JSON for programs."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.doctor.examination import Examined, count
from gateway.cli.doctor.finding import Finding, Grade

_STYLES = {Grade.OK: "green", Grade.UNSEEN: "cyan", Grade.WARNING: "yellow", Grade.DEFECT: "bold red"}


def report(examined: Examined) -> RenderableType:
    """One line for each finding; what to do stands below it."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for width in (8, 12):
        table.add_column(min_width=width, no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_column(overflow="fold", ratio=2)
    for name, findings in examined:
        for finding in findings:
            told = Text(finding.text)
            if finding.cure and finding.grade is not Grade.OK:
                told.append(f"\n-> {finding.cure}", style="bold")
            table.add_row(Text(finding.grade, style=_STYLES[finding.grade]), name, Text(finding.subject), told)
    return Group(table, Text(f"\n{summary(examined)}", style="bold"))


def summary(examined: Examined) -> str:
    defects, warnings, hidden = (count(examined, one) for one in (Grade.DEFECT, Grade.WARNING, Grade.UNSEEN))
    return f"{defects} defects, {warnings} warnings, {hidden} things not seen"


def as_json(examined: Examined) -> dict[str, object]:
    """The same for programs: `findings` in the order of the report."""
    return {
        "defects": count(examined, Grade.DEFECT),
        "warnings": count(examined, Grade.WARNING),
        "not_seen": count(examined, Grade.UNSEEN),
        "findings": [_row(name, finding) for name, findings in examined for finding in findings],
    }


def _row(check: str, finding: Finding) -> dict[str, str]:
    return {
        "check": check,
        "grade": finding.grade.value,
        "subject": finding.subject,
        "text": finding.text,
        "cure": finding.cure,
    }
