"""`pekat-gateway pekat ...`: talk to a PEKAT project by hand, while a line is being commissioned."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.projects import projects
from gateway.cli.roll_call import Asked, roll_call
from gateway.cli.runner import fail, secret
from gateway.core.errors import InspectorError
from gateway.core.result import REASON_TEXTS
from gateway.images.limits import ImageLimits
from gateway.sources.look import read
from gateway.sources.size_limits import DEFAULT_FILE_MB, DEFAULT_MEGAPIXELS, limits_of
from gateway.vision.pekat import Ask, ClientOptions, HttpReply, PekatClient
from gateway.vision.pekat_reply import Reply, ReplyRules, ResponseType, read_reply
from gateway.vision.wire import Call

pekat = typer.Typer(no_args_is_help=True)
pekat.add_typer(projects, name="projects", help="PEKAT's Projects Manager: start, stop and switch its projects.")

Url = Annotated[str, typer.Option("--url", help="The project's address, as http://127.0.0.1:8000.")]
ApiKeyEnv = Annotated[
    str, typer.Option("--api-key-env", help="Environment variable that holds the API key, where PEKAT wants one.")
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the whole answer.")]
ImageOut = Annotated[Path | None, typer.Option("--save", help="Where to save the returned image (PNG).")]
ResponseKind = Annotated[ResponseType, typer.Option("--response-type", help="What to ask for besides the context.")]


@contextmanager
def _client(url: str, api_key: str = "") -> Iterator[PekatClient]:
    """A client; what goes wrong with it is one line on the screen and exit code 2."""
    _check_scheme(url)
    try:
        with PekatClient(url, ClientOptions(api_key=api_key)) as client:
            yield client
    except InspectorError as error:
        raise fail(str(error), error.hint) from error


def _check_scheme(url: str) -> None:
    if not url.startswith("http://"):
        raise fail(f"--url {url}: PEKAT speaks plain HTTP", "write http://HOST:PORT")


@pekat.command()
def ping(
    url: Annotated[list[str], typer.Option("--url", help="The project's address; give it again for more of them.")],
    timeout: Timeout = 5.0,
) -> None:
    """Does the project's server answer? Several are asked at once; exit code 2 where one does not answer."""
    for one in url:
        _check_scheme(one)
    answers = roll_call([Asked(one, connect_timeout_s=timeout, timeout_s=timeout) for one in url])
    for answer in answers:
        if not answer.wrong:
            typer.echo(f"{answer.asked.url} {answer.text}")
    silent = [answer for answer in answers if answer.wrong]
    if silent:
        raise fail("; ".join(answer.wrong for answer in silent), "is the project running, and is the address right?")


@pekat.command()
def version(url: Url, timeout: Timeout = 5.0) -> None:
    """The version of PEKAT VISION; the request exists since 3.18."""
    with _client(url) as client:
        text = client.version(Call.within(timeout))
    typer.echo(text or "no version: this PEKAT is older than 3.18")


@pekat.command()
def analyze(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The image, PNG at best.")],
    url: Url,
    data: Annotated[str, typer.Option(help="Text for the flow, as the part id.")] = "",
    response_type: ResponseKind = "context",
    save: ImageOut = None,
    timeout: Timeout = 20.0,
    api_key_env: ApiKeyEnv = "",
    max_file_mb: Annotated[int, typer.Option(min=1, help="Larger files are refused (MB).")] = DEFAULT_FILE_MB,
    max_megapixels: Annotated[int, typer.Option(min=1, help="Larger images are refused.")] = DEFAULT_MEGAPIXELS,
) -> None:
    """Have an image judged, and show what the gateway makes of the answer.

    A file that a station's source would refuse is refused here too, with the same words and reason.
    """
    image = _image(file, limits_of(max_file_mb, max_megapixels))
    with _client(url, secret(api_key_env)) as client:
        reply = client.analyze_image(image, Ask(response_type, data), Call.within(timeout))
    _show(reply, response_type, save)


@pekat.command("last-image")
def last_image(
    url: Url,
    response_type: ResponseKind = "context",
    save: ImageOut = None,
    timeout: Timeout = 5.0,
    api_key_env: ApiKeyEnv = "",
) -> None:
    """The image that the project analysed last, whoever sent it. Nothing says which part it was."""
    with _client(url, secret(api_key_env)) as client:
        reply = client.last_image(Ask(response_type), Call.within(timeout))
    _show(reply, response_type, save)


@pekat.command()
def stop(
    url: Url,
    key: Annotated[str, typer.Option(help="The stop key, where the project was started with one.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Timeout = 5.0,
) -> None:
    """End the project's process. The line stands still until somebody starts it again, so this asks first."""
    if not yes:
        typer.confirm(
            f"Really stop the PEKAT project at {url}? Nothing is inspected until it is started again.", abort=True
        )
    with _client(url) as client:
        reply = client.stop(key, Call.within(timeout))
    if reply.status != 200:
        raise fail(
            f"{url} refused to stop: HTTP {reply.status}", "the key is known only to whoever started the project"
        )
    typer.echo("the project stops")


def _image(file: Path, limits: ImageLimits) -> bytes | memoryview:
    """The file's bytes; exit code 2 where it is no image for PEKAT."""
    try:
        contents = read(file, limits, shared=True)
    except OSError as error:
        raise fail(f"{file} cannot be read: {error.strerror}", "check the file's rights") from error
    if contents is None:
        raise fail(f"{file} is no file, or is being written", "name an image file that is finished")
    if (fault := contents.fault) is not None:
        raise fail(f"{file}: {fault}", f"reason {fault.reason.value}: {REASON_TEXTS[fault.reason]}")
    return contents.data


def _show(reply: HttpReply, response_type: ResponseType, save: Path | None) -> None:
    """A table for a person, the bare context for a pipe; exit code 1 where there is no decision."""
    read = read_reply(reply.status, reply.headers, reply.body, ReplyRules(response_type=response_type))
    if save is not None:
        _save(read, save)
    if sys.stdout.isatty():
        Console().print(_table(read, reply.elapsed_us))
    else:
        typer.echo(json.dumps(read.context, ensure_ascii=False))
    if read.judgement.reason:
        typer.echo(f"no decision ({read.judgement.reason.name.lower()}): {read.judgement.detail}", err=True)
        raise typer.Exit(1)


def _save(read: Reply, file: Path) -> None:
    if read.image is None:
        typer.echo("PEKAT sent no image; nothing was saved", err=True)
        return
    file.write_bytes(read.image)
    typer.echo(f"image saved as {file}", err=True)


def _table(read: Reply, elapsed_us: int) -> Table:
    judgement = read.judgement
    table = Table(title=f"{judgement.verdict.name} in {elapsed_us / 1000:.1f} ms", title_justify="left")
    for title in ("label", "confidence", "x", "y", "width", "height"):
        table.add_column(title, justify="left" if title == "label" else "right")
    for found in judgement.detections:
        numbers = (found.confidence, found.x, found.y, found.width, found.height)
        table.add_row(found.label, f"{numbers[0]:.3f}", *(f"{number:g}" for number in numbers[1:]))
    return table
