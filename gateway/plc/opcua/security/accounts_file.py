"""The users file: who may log in over OPC UA, with the hash of a password or the fingerprint of a certificate each.

TOML, mode 600, written by `pekat-gateway users`. A password is never in it, only what argon2id makes of it.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

import tomli_w
from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gateway.core.errors import ConfigError
from gateway.plc.opcua.security.private_files import PRIVATE, keep_private, replace

RoleName = Literal["viewer", "operator", "engineer"]

LONGEST_NAME = 64
MOST_USERS = 1000
LARGEST_FILE = 1024 * 1024
MOST_MEMORY_KIB = 256 * 1024
"""A hash that takes more memory to check is none that this program made, and could bring the machine down."""

_HEAD = "# Made by `pekat-gateway users`: add, remove, passwd and list. Passwords are argon2id hashes.\n\n"


class FileUser(BaseModel):
    """One user: a password's hash or a certificate's SHA-256 fingerprint, never both."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    role: RoleName
    password_hash: str = Field("", max_length=512, repr=False)
    certificate: str = Field("", pattern=r"^([0-9a-f]{64})?$")

    @field_validator("name")
    @classmethod
    def _readable(cls, name: str) -> str:
        if not name.isprintable() or name != name.strip():
            raise ValueError("has characters that cannot be seen")
        return name

    @field_validator("password_hash")
    @classmethod
    def _sound(cls, text: str) -> str:
        if text:
            check_hash(text)
        return text

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if bool(self.password_hash) == bool(self.certificate):
            raise ValueError("give one of password_hash and certificate")
        return self


class UsersFile(BaseModel):
    """The whole file. One without `users` is none, and takes nobody's log-in away: it may be half written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    users: Annotated[tuple[FileUser, ...], Field(strict=False, max_length=MOST_USERS)]

    @model_validator(mode="after")
    def _different(self) -> Self:
        for kind in ("name", "certificate"):
            given = [value for user in self.users if (value := getattr(user, kind))]
            double = next((value for value in given if given.count(value) > 1), None)
            if double is not None:
                raise ValueError(f"two users have the {kind} {double!r}")
        return self


def check_hash(text: str) -> None:
    """Raises ValueError for what is no argon2id hash that can be checked here."""
    try:
        found = extract_parameters(text)
    except InvalidHashError as error:
        raise ValueError("is no argon2 hash") from error
    if found.type is not Type.ID or not 0 < found.memory_cost <= MOST_MEMORY_KIB or found.time_cost > 100:
        raise ValueError("is no argon2id hash of a usual cost")


def read_users(file: Path) -> tuple[FileUser, ...]:
    """The users in this file. Raises ConfigError where it cannot be read or is wrong, LinkError where others can read
    it and that cannot be mended.
    """
    try:
        keep_private(file, "the users file")
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ConfigError(str(file), "users", "is too large for a users file", "name the right file")
        return UsersFile.model_validate(tomllib.loads(content.decode())).users
    except OSError as error:
        wrong, instead = f"cannot be read: {error.strerror or error}", "make it: pekat-gateway users add"
        raise ConfigError(str(file), "users_file", wrong, instead) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "users"
        raise ConfigError(str(file), where, first["msg"], "mend it with pekat-gateway users") from error
    except ValueError as error:  # no TOML, no UTF-8
        raise ConfigError(str(file), "users", f"is no TOML: {error}", "mend it with pekat-gateway users") from error


def write_users(file: Path, users: Iterable[FileUser]) -> None:
    """Put these users into the file, in the order of their names. Raises OSError."""
    whole = UsersFile(users=tuple(sorted(users, key=lambda user: user.name)))
    table = {"users": [user.model_dump(exclude_defaults=True) for user in whole.users]}
    replace(file, (_HEAD + tomli_w.dumps(table)).encode(), PRIVATE)
