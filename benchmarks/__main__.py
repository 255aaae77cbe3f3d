"""`python -m benchmarks [NAME ...]`: run, print a table, save it as JSON; `--markdown` renders what was saved."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import (
    archive,
    cameras12,
    crowded_drop,
    frames,
    history,
    idle,
    machine_vision,
    modbus_rate,
    opcua_burst,
    opcua_crowd,
    opcua_datachange,
    opcua_inspect,
    overlap,
    pool,
    stations16,
    trigger_modbus,
)
from benchmarks.children import ChildError
from benchmarks.figures import Report
from benchmarks.machine import machine_facts
from benchmarks.options import Options
from benchmarks.plc import PlcError
from benchmarks.profiling import profile_trigger
from benchmarks.progress import Progress, progress
from benchmarks.table import machine_line, markdown_table, print_reports, put_between_markers

PIPED_WIDTH = 160
"""Piped, nobody sees a window: lines as long as the table needs."""

RESULTS = Path(__file__).with_name("results.json")

BENCHMARKS: dict[str, Callable[[Options, Progress], Report]] = {
    "trigger_modbus": trigger_modbus.measure,
    "modbus_rate": modbus_rate.measure,
    "opcua_inspect": opcua_inspect.measure,
    "opcua_datachange": opcua_datachange.measure,
    "opcua_crowd": opcua_crowd.measure,
    "opcua_burst": opcua_burst.measure,
    "machine_vision": machine_vision.measure,
    "frames": frames.measure,
    "history": history.measure,
    "archive": archive.measure,
    "crowded_drop": crowded_drop.measure,
    "stations16": stations16.measure,
    "cameras12": cameras12.measure,
    "overlap": overlap.measure,
    "pool": pool.measure,
    "idle": idle.measure,
}

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


def _chosen(names: list[str]) -> list[str]:
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(BENCHMARKS)}")
    return [name for name in BENCHMARKS if name in names or not names]


def run_benchmarks(names: list[str], options: Options, console: Console) -> dict[str, Any]:
    """What `results.json` holds."""
    results: dict[str, Any] = {"machine": machine_facts(), "quick": options.quick, "reports": []}
    for name in names:
        with progress(console, name) as shown:
            results["reports"].append(BENCHMARKS[name](options, shown).as_json())
    return results


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Which ones; all without.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer samples: under a minute.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where to save the results [default for a full run: results.json].")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the saved results for the README.")] = False,
    readme: Annotated[Path | None, typer.Option(help="With --markdown: put it between this file's markers.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Where the time of a trigger goes.")] = False,
) -> None:
    """Measure the gateway beside its rivals. Exit code 1 where a target is missed."""
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    if markdown:
        _render(json_file or RESULTS, readme)
        return
    chosen = _chosen(names or [])
    try:
        if profile:
            profile_trigger(Options(quick=quick), console)
            return
        results = run_benchmarks(chosen, Options(quick=quick), console)
    except (ChildError, PlcError) as error:
        console.print(f"error: {error}", style="bold red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    if target := json_file or (RESULTS if len(chosen) == len(BENCHMARKS) and not quick else None):
        target.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    reports = [Report.from_json(report) for report in results["reports"]]
    print_reports(reports, console)
    console.print(machine_line(results), style="dim", highlight=False, soft_wrap=True)
    if any(figure.outcome == "short" for report in reports for figure in report.figures):
        raise typer.Exit(1)


def _render(json_file: Path, readme: Path | None) -> None:
    table = markdown_table(json.loads(json_file.read_text(encoding="utf-8")))
    if readme is None:
        sys.stdout.write(table)
    else:
        readme.write_text(put_between_markers(readme.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    app()
