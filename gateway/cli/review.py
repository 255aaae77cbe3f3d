"""`pekat-gateway review ...`: parts in doubt that an operator of the running gateway is asked about (H38)."""

import base64
import getpass
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.config_file import console, settings_or_exit
from gateway.cli.results_file import whole
from gateway.cli.review_answers import DECIDE, LIST, PICTURE
from gateway.cli.runner import fail
from gateway.control.client import ask
from gateway.control.place import JsonTable, place_of
from gateway.core.errors import ControlError

review = typer.Typer(no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", help="The gateway.toml of the running gateway.", metavar="CONFIG")]
ReviewId = Annotated[str, typer.Argument(help="As `review list` shows it.", metavar="ID")]
Operator = Annotated[str, typer.Option(help="Who decides [default: the login name]; it is kept with the result.")]
DEFAULT = Path("gateway.toml")


@review.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    config: Config = DEFAULT,
) -> None:
    """Show the parts that wait for a decision, the oldest first."""
    answer: Any = _ask(config, LIST, {})
    waiting: list[Mapping[str, Any]] = answer["reviews"]
    if as_json:
        typer.echo(json.dumps(waiting, indent=2, ensure_ascii=False))
    elif waiting:
        console().print(_table(waiting))
    else:
        typer.echo("no part waits for a decision", err=True)


@review.command()
def show(
    review_id: ReviewId,
    picture: Annotated[Path, typer.Option(help="Where the picture goes; raw pixels become a PNG.", metavar="FILE")],
    view: Annotated[str, typer.Option(help="Of several views this one [default: the first one in doubt].")] = "",
    original: Annotated[bool, typer.Option("--original", help="As it was taken, also where PEKAT drew one.")] = False,
    config: Config = DEFAULT,
) -> None:
    """Write the picture of a part to a file: what PEKAT drew, where it draws, else as it was taken."""
    answer: JsonTable = {}
    try:
        with whole(picture) as place, place.open("wb") as file:
            while not answer or file.tell() < int(str(answer["size"])):
                wanted = {"id": review_id, "view": view, "original": original, "offset": file.tell()}
                answer = _ask(config, PICTURE, wanted)
                file.write(base64.b64decode(str(answer["data"])))
    except OSError as error:
        raise fail(f"{picture} cannot be written: {error.strerror or error}", "name a file elsewhere") from error
    typer.echo(f"{picture}: {answer['form']}, {'as PEKAT drew it' if answer['drawn'] else 'as it was taken'}", err=True)


@review.command()
def ok(review_id: ReviewId, operator: Operator = "", config: Config = DEFAULT) -> None:
    """The part is good: the PLC gets OK, with reason 26, which says that an operator decided."""
    _decide(config, review_id, "ok", operator)


@review.command()
def nok(review_id: ReviewId, operator: Operator = "", config: Config = DEFAULT) -> None:
    """The part is bad: the PLC gets NOK, with reason 26."""
    _decide(config, review_id, "nok", operator)


@review.command()
def undecided(review_id: ReviewId, operator: Operator = "", config: Config = DEFAULT) -> None:
    """Nobody can tell: the PLC gets no decision, reason 23, without waiting any longer."""
    _decide(config, review_id, "undecided", operator)


def _decide(config: Path, review_id: str, decision: str, operator: str) -> None:
    who = operator or _login_name()
    answer = _ask(config, DECIDE, {"id": review_id, "decision": decision, "operator": who})
    typer.echo(f"part {answer['part_id']!r}: {decision}, by {who}")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:  # a user without an entry, as in many a container
        raise fail("this user has no name", "--operator NAME") from error


def _ask(config: Path, command: str, options: Mapping[str, object]) -> JsonTable:
    try:
        return ask(place_of(settings_or_exit(config).data_folder, config), command, options)
    except ControlError as error:
        raise fail(str(error), error.hint) from error


def _table(waiting: list[Mapping[str, Any]]) -> Table:
    made = Table(title=f"parts in doubt: {len(waiting)}", title_justify="left")
    for title in ("id", "part", "recipe", "score", "seconds left", "objects", "why"):
        number = title in ("recipe", "score", "seconds left", "objects")
        made.add_column(title, justify="right" if number else "left", no_wrap=title == "id", overflow="fold")
    for one in waiting:
        score = "" if one["score"] is None else f"{one['score']:.3f}"
        left, objects = f"{one['seconds_left']:.1f}", str(one["detection_count"])
        cells = (one["id"], one["part_id"], str(one["recipe"]), score, left, objects, one["why"])
        made.add_row(*(Text(cell) for cell in cells))
    return made
