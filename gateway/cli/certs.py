"""`pekat-gateway certs ...`: whom the OPC UA server trusts. A running gateway sees changes within two seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from gateway.cli.config_file import ANY, Config, console, opcua_settings
from gateway.cli.runner import fail
from gateway.core.errors import GatewayError
from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE
from gateway.plc.opcua.security.own_certificate import pair_folder
from gateway.plc.opcua.security.own_certificate import renew as renew_own
from gateway.plc.opcua.security.trust_folder import (
    ISSUERS,
    REJECTED,
    TRUSTED,
    USERS,
    WARN_BEFORE,
    Found,
    TrustFolder,
    application_uris,
    common_name,
    days_left,
    read_certificate,
)

certs = typer.Typer(no_args_is_help=True)

Which = Annotated[
    list[str],
    typer.Argument(help="The start of a thumbprint, a name, or a file's name, as `certs list` shows them."),
]


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is one line on the screen and exit code 2."""
    try:
        yield
    except GatewayError as error:
        raise fail(str(error), error.hint) from error
    except OSError as error:
        raise fail(str(error), "run it as a user who may write there") from error


@certs.command("list")
def list_(config: Config = ANY) -> None:
    """Show the server's own certificate, who is trusted, and who was refused."""
    settings = opcua_settings(config)
    folder = settings.trust_folder
    table = Table(title=str(folder.root), title_justify="left")
    for title in ("", "thumbprint", "name", "application URI", "valid until", ""):
        table.add_column(title, overflow="fold")
    with _told():
        own = pair_folder(folder) / CERTIFICATE_FILE
        if own.exists():
            table.add_row("own", *_cells(Found(own, read_certificate(own))))
        for place in (TRUSTED, REJECTED, ISSUERS, USERS):
            for found in folder.found(place):
                table.add_row(place, *_cells(found))
    console().print(table)
    if settings.client_certificates == "any":
        typer.echo('client_certificates = "any": whoever comes with a certificate may open a channel')


@certs.command()
def trust(
    which: Annotated[
        list[str], typer.Argument(help="The start of a thumbprint, a name, or a certificate's file from elsewhere.")
    ],
    config: Config = ANY,
) -> None:
    """Let a client connect that was refused, or whose certificate is given as a file."""
    _move(opcua_settings(config).trust_folder, which, trusted=True)


@certs.command()
def reject(which: Which, config: Config = ANY) -> None:
    """Let a client connect no longer; its open connections end."""
    _move(opcua_settings(config).trust_folder, which, trusted=False)


@certs.command()
def renew(config: Config = ANY) -> None:
    """Make a new certificate for the server, for the same key. Clients have to trust it; the old one is kept aside."""
    settings = opcua_settings(config)
    with _told():
        made, aside = renew_own(settings.trust_folder, settings.listening.wanted_certificate())
    typer.echo(f"the new certificate is valid until {made.certificate.not_valid_after_utc:%Y-%m-%d}")
    typer.echo(f"the old one is kept as {aside}")


def _move(folder: TrustFolder, which: list[str], *, trusted: bool) -> None:
    with _told():
        for one in which:
            found = folder.trust(one) if trusted else folder.reject(one)
            word = "trusted" if trusted else "rejected"
            typer.echo(f"{word}: {common_name(found.certificate)} [{found.thumbprint}]")
            if trusted and found.certificate.not_valid_after_utc < datetime.now(UTC):
                typer.echo("it expired, so this client is refused all the same", err=True)


def _cells(found: Found) -> tuple[str, str, str, str, str]:
    certificate = found.certificate
    uris = "\n".join(application_uris(certificate))
    ends = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    return found.thumbprint, common_name(certificate), uris, ends, _hint(days_left(certificate))


def _hint(days: int) -> str:
    if days < 0:
        return "expired"
    return f"{days} days left" if days < WARN_BEFORE.days else ""
