"""`pekat-gateway pekat projects ...`: PEKAT's Projects Manager by hand, while a line is being commissioned."""

import asyncio
import sys
import time
from typing import Annotated, Literal

import typer
from rich.console import Console

from gateway.cli.config_file import ConfigFile, settings_or_exit
from gateway.cli.project_states import AskedProject, ProjectState, project_states, projects_of, states_table
from gateway.cli.runner import fail
from gateway.core.errors import RecipeError
from gateway.vision.projects import POLL_S
from gateway.vision.projects_client import ManagerPlace, NoAnswerError, ProjectsClient
from gateway.vision.projects_wire import Command, Word, check_project

projects = typer.Typer(no_args_is_help=True)

Path_ = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's path, as the Projects Manager shows it.")]
Host = Annotated[str, typer.Option(help="The Projects Manager's address.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of its Simple TCP server.")]
SeparatorOption = Annotated[
    Literal["auto", ":", "|"], typer.Option(help="What stands between command and project; auto: what it understands.")
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait until it is done; 0: not at all.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@projects.command("list")
def list_(config: ConfigFile) -> None:
    """The projects that a configuration names, and what their managers say of them. Exit code 1 where one is wrong.

    The manager's TCP server cannot list its projects.
    """
    asked = projects_of(settings_or_exit(config))
    if not asked:
        raise fail("no recipe has a Projects Manager", "see [stations.inspector.manager] in docs/configuration.md")
    _show(project_states(asked))


@projects.command()
def status(
    project: Annotated[list[str], typer.Argument(metavar="PROJECT", help="The path of one project, or of several.")],
    host: Host = "127.0.0.1",
    port: Port = 7002,
    separator: SeparatorOption = "auto",
    timeout: Timeout = 5.0,
) -> None:
    """What the manager says of projects: running, stopped, starting or stopping. Exit code 1 where it knows one not."""
    place = _place(host, port, separator, timeout)
    _show(project_states([AskedProject(place, _checked(one)) for one in project]))


@projects.command()
def start(
    project: Path_,
    host: Host = "127.0.0.1",
    port: Port = 7002,
    separator: SeparatorOption = "auto",
    timeout: Timeout = 5.0,
    wait: Wait = 30.0,
) -> None:
    """Start a project, and wait until it runs."""
    _order(Command.START, project, _place(host, port, separator, timeout), wait)


@projects.command()
def stop(
    project: Path_,
    host: Host = "127.0.0.1",
    port: Port = 7002,
    separator: SeparatorOption = "auto",
    timeout: Timeout = 5.0,
    wait: Wait = 30.0,
    yes: Yes = False,
) -> None:
    """Stop a project, and wait until it has stopped. Asks first."""
    if not yes:
        typer.confirm(f"Really stop {project}? It judges nothing until it is started again.", abort=True)
    _order(Command.STOP, project, _place(host, port, separator, timeout), wait)


@projects.command()
def switch(
    project: Path_,
    host: Host = "127.0.0.1",
    port: Port = 7002,
    separator: SeparatorOption = "auto",
    timeout: Timeout = 5.0,
    wait: Wait = 30.0,
    yes: Yes = False,
) -> None:
    """Stop all other projects of the manager and start this one. Asks first."""
    if not yes:
        typer.confirm(f"Really stop all projects but {project}?", abort=True)
    _order(Command.SWITCH, project, _place(host, port, separator, timeout), wait)


def _place(host: str, port: int, separator: str, timeout: float) -> ManagerPlace:
    return ManagerPlace(host, port, "" if separator == "auto" else separator, timeout, timeout)


def _checked(project: str) -> str:
    try:
        check_project(project)
    except ValueError as error:
        raise fail(f"{project!r} {error}", "quote the path in the shell") from error
    return project


def _order(command: Command, project: str, place: ManagerPlace, wait: float) -> None:
    """Exit code 2 where the manager refuses, or cannot be asked; 1 where it is not done in time."""
    client = ProjectsClient(place)
    try:
        state = asyncio.run(_done(client, command, _checked(project), wait))
    except RecipeError as error:
        raise fail(str(error), error.hint) from error
    wanted = Word.STOPPED if command is Command.STOP else Word.RUNNING
    _show([ProjectState(AskedProject(place, project), state.value)])
    if wait and state is not wanted:
        typer.echo(f"{project} is not {wanted.value} after {wait:g} s", err=True)
        raise typer.Exit(1)


async def _done(client: ProjectsClient, command: Command, project: str, wait: float) -> Word:
    """The project's state when it is as it was ordered, or when the time is over."""
    try:
        await client.order(command, project)
    except NoAnswerError as error:
        typer.echo(f"{error}; its state will show", err=True)
    wanted, until = (Word.STOPPED if command is Command.STOP else Word.RUNNING), time.monotonic() + wait
    while True:
        state = await client.status(project)
        if state is wanted or time.monotonic() >= until:
            return state
        await asyncio.sleep(POLL_S)


def _show(states: list[ProjectState]) -> None:
    """A table for a person, lines with tabs for a pipe; exit code 1 where a project has no state."""
    if sys.stdout.isatty():
        Console().print(states_table(states))
    else:
        for one in states:
            typer.echo("\t".join(filter(None, (one.asked.project, one.state or "?", one.asked.whose))))
    wrong = [one for one in states if one.wrong]
    for one in wrong:
        typer.echo(f"{one.wrong}{f' ({one.hint})' if one.hint else ''}", err=True)
    if wrong:
        raise typer.Exit(2 if any(one.silent for one in wrong) else 1)
