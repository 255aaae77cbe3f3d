"""`pekat-gateway users ...`: who may log in over OPC UA. A running gateway sees changes within two seconds."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError
from rich.table import Table

from gateway.cli.config_file import ANY, Config, console, opcua_settings
from gateway.cli.runner import fail
from gateway.core.errors import GatewayError
from gateway.plc.opcua.security.accounts_file import FileUser, read_users, write_users
from gateway.plc.opcua.security.trust_folder import USERS, Found, days_left, fingerprint, read_certificate
from gateway.plc.opcua.security.user_book import hash_password
from gateway.plc.opcua.security.users import LONGEST_PASSWORD
from gateway.plc.opcua.settings import OpcUaSettings

users = typer.Typer(no_args_is_help=True)

SHORTEST_PASSWORD = 8

Name = Annotated[str, typer.Argument(help="The user's name.")]


class _Book:
    """The users file of a configuration, as this command found it."""

    def __init__(self, config: Path) -> None:
        self.settings: OpcUaSettings = opcua_settings(config)
        if self.settings.users_file is None:
            raise fail(f"{config} names no users file", 'write users_file = "users.toml" below [links.opcua]')
        self.file = self.settings.users_file
        try:
            self.users = {user.name: user for user in read_users(self.file)} if self.file.exists() else {}
        except GatewayError as error:
            raise fail(str(error), error.hint) from error

    def known(self, name: str) -> FileUser:
        if name not in self.users:
            raise fail(f"there is no user {name!r} in {self.file}", "pekat-gateway users list shows them")
        return self.users[name]

    def put(self, user: FileUser | None, name: str) -> None:
        """Write the file with this user; None takes him out."""
        self.users.pop(name, None)
        if user is not None:
            self.users[name] = user
        try:
            write_users(self.file, self.users.values())
        except OSError as error:
            hint = "run it as a user who may write there"
            raise fail(f"{self.file} cannot be written: {error.strerror or error}", hint) from error
        except ValidationError as error:
            raise fail(_first(error), "one certificate is for one user") from error

    def certificates(self) -> dict[str, Found]:
        """The users' certificates, by fingerprint."""
        return {fingerprint(one.certificate): one for one in self.settings.trust_folder.found(USERS)}


@users.command()
def add(
    name: Name,
    role: Annotated[
        Literal["viewer", "operator", "engineer"],
        typer.Option(
            help="viewer reads; operator triggers and acknowledges; engineer also resets and changes recipes."
        ),
    ],
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Log in by this certificate (DER or PEM), without a password."),
    ] = None,
    config: Config = ANY,
) -> None:
    """Add a user. The password is asked for, or read from standard input; it is never an argument."""
    book = _Book(config)
    if name in book.users or name in {user.name for user in book.settings.users}:
        raise fail(f"there is a user {name!r} already", "users passwd gives another password, users remove takes out")
    proof = {"password_hash": "$"} if certificate is None else {"certificate": _fingerprint(certificate, book)}
    try:
        if certificate is None:
            FileUser(name=name, role=role, certificate="0" * 64)  # a wrong name is told of before a password is asked
            proof = {"password_hash": hash_password(_new_password())}
        user = FileUser(name=name, role=role, **proof)
    except ValidationError as error:
        raise fail(_first(error), "give another name") from error
    book.put(user, name)
    typer.echo(f"added {name} ({role}) to {book.file}")


@users.command("list")
def list_(config: Config = ANY) -> None:
    """Show who may log in, and by what."""
    book = _Book(config)
    certificates = book.certificates()
    table = Table()
    for title in ("name", "role", "logs in by"):
        table.add_column(title)
    for configured in book.settings.users:
        table.add_row(configured.name, configured.role, "password named in the configuration")
    for user in sorted(book.users.values(), key=lambda user: user.name):
        table.add_row(user.name, user.role, _proof(user, certificates))
    console().print(table)


@users.command()
def remove(name: Name, config: Config = ANY) -> None:
    """Take a user out; where he is logged in, his sessions end."""
    book = _Book(config)
    user = book.known(name)
    book.put(None, name)
    found = book.certificates().get(user.certificate)
    if found is not None:
        found.file.unlink(missing_ok=True)
    typer.echo(f"removed {name} from {book.file}")


@users.command()
def passwd(name: Name, config: Config = ANY) -> None:
    """Give a user another password; where he is logged in, his sessions end."""
    book = _Book(config)
    user = book.known(name)
    if user.certificate:
        raise fail(f"{name} logs in by a certificate", "remove the user and add him again to change that")
    book.put(user.model_copy(update={"password_hash": hash_password(_new_password())}), name)
    typer.echo(f"{name} has a new password")


def _new_password() -> str:
    """Asked for twice in a terminal; else the first line of standard input."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST_PASSWORD <= len(password.encode()) <= LONGEST_PASSWORD:
        raise fail("that is no usable password", f"it takes {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} bytes")
    return password


def _fingerprint(file: Path, book: _Book) -> str:
    """The certificate is put where the gateway looks for it."""
    try:
        certificate = read_certificate(file)
        if certificate.not_valid_after_utc < datetime.now(UTC):
            raise fail(f"{file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}", "ask for a new one")
        book.settings.trust_folder.put(certificate, USERS)
    except GatewayError as error:
        raise fail(str(error), error.hint) from error
    except OSError as error:
        raise fail(f"{book.settings.trust_folder.place(USERS)}: {error.strerror or error}") from error
    return fingerprint(certificate)


def _proof(user: FileUser, certificates: dict[str, Found]) -> str:
    if not user.certificate:
        return "password"
    found = certificates.get(user.certificate)
    if found is None:
        return "certificate, which is missing in the folder users: he cannot log in"
    days = days_left(found.certificate)
    ends = f"until {found.certificate.not_valid_after_utc:%Y-%m-%d}"
    return f"certificate {found.thumbprint[:12]} {ends}" + (f", {days} days left" if days < 30 else "")


def _first(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc']) or 'users'}: {problem['msg']}"
