"""Settings of the OPC UA link."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.core.errors import ConfigError
from gateway.plc.opcua.link import OpcUaLink
from gateway.plc.opcua.link_options import Limits, Listening, Security
from gateway.plc.opcua.machine_vision.model import ModelOptions
from gateway.plc.opcua.network.network_settings import NetworkSettings
from gateway.plc.opcua.security.access import Access
from gateway.plc.opcua.security.accounts_file import LONGEST_NAME
from gateway.plc.opcua.security.policies import MODE_NAMES, POLICY_NAMES, ModeName, Offer, PolicyName
from gateway.plc.opcua.security.rights import Role
from gateway.plc.opcua.security.trust_folder import TrustFolder
from gateway.plc.opcua.security.trust_store import TrustStore
from gateway.plc.opcua.security.user_book import UserBook
from gateway.plc.opcua.security.users import LONGEST_PASSWORD, Account, Doorman
from gateway.ports import Identity, StationView
from gateway.records import Records

RoleName = Literal["viewer", "operator", "engineer"]
AnonymousName = Literal["none", "read", "operate"]

_ANONYMOUS: Mapping[AnonymousName, Role | None] = {"none": None, "read": Role.VIEWER, "operate": Role.OPERATOR}


class OpcUaUserSettings(BaseModel):
    """Somebody who may log in over OPC UA. The password stands in the environment or in a file, never here."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="User name")
    role: RoleName = Field(
        description="viewer: reads; operator: also writes control tags and calls Inspect; engineer: also reset, "
        "set_offline and recipe changes, as a PLC needs that plays the whole handshake"
    )
    password_env: str = Field("", description="Environment variable with the password")
    password_file: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="File with the password, instead of password_env"
    )

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if bool(self.password_env) == (self.password_file is not None):
            raise ValueError("give one of password_env and password_file")
        return self

    def account(self) -> Account:
        """Name, role and password. Raises ConfigError where the password cannot be had."""
        where, key, password = self._password()
        if not 0 < len(password.encode()) <= LONGEST_PASSWORD:
            instead = f"put a password of 1 to {LONGEST_PASSWORD} bytes there"
            raise ConfigError(where, key, f"holds no usable password for the OPC UA user {self.name!r}", instead)
        return Account(self.name, Role[self.role.upper()], password)

    def _password(self) -> tuple[str, str, str]:
        """Where it stands (two words for an error), and the password itself."""
        if self.password_file is None:
            name = self.password_env
            if name not in os.environ:
                wrong = f"is not set, but password_env of the OPC UA user {self.name!r} names it"
                raise ConfigError("environment", name, wrong, f"set {name} to the password")
            return "environment", name, os.environ[name]
        file = str(self.password_file)
        try:
            return file, "password_file", self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            wrong = f"cannot be read: {error}"
            raise ConfigError(file, "password_file", wrong, "name a readable text file") from error


class OpcUaSettings(NetworkSettings):
    """Where the OPC UA server listens, what it calls itself, who may do what, and how much clients may take."""

    start: Literal["fail", "retry", "ignore"] = Field(
        "fail", description="Where it cannot be served at the start; as for links.modbus"
    )
    server_name: str = Field("PEKAT PLC gateway", min_length=1, description="Name that clients show for the server")
    application_uri: str | None = Field(
        None,
        min_length=1,
        description="URI of this one server, unique in the plant; without it the one in its certificate, which is "
        "urn:HOSTNAME:pekat-plc-gateway as it was at the first start",
    )
    certificates: Annotated[Path, Field(strict=False)] = Field(
        Path("certificates"),
        description="Folder of certificates: `own` has the server's certificate and private key, made at the first "
        "start and never overwritten; `trusted`, `rejected`, `issuers`, `crl` say which clients may connect, `users` "
        "has those that users log in by. `pekat-gateway certs` shows and moves them while the gateway runs",
    )
    client_certificates: Literal["trusted", "any"] = Field(
        "trusted",
        description="Which clients may open an encrypted connection: trusted, those whose certificate (or its issuer) "
        "lies in the folder `trusted`; a client that comes for the first time is refused, and its certificate waits "
        "in `rejected` for `pekat-gateway certs trust`. any: every certificate will do, and proves nothing",
    )
    security_policies: Annotated[tuple[PolicyName, ...], Field(strict=False, min_length=1)] = Field(
        POLICY_NAMES, description="Security policies that are offered; the best one always comes first"
    )
    security_modes: Annotated[tuple[ModeName, ...], Field(strict=False, min_length=1)] = Field(
        MODE_NAMES,
        description="Security modes that are offered with each of them; what is only signed can be read on its way",
    )
    allow_unencrypted: bool = Field(
        False,
        description="Also offer connections without encryption (security policy None), for clients that can do "
        "nothing else; passwords are encrypted even there",
    )
    anonymous: AnonymousName = Field(
        "read",
        description="What clients without a user name may do: none (no entry), read, or operate (as an operator)",
    )
    users: Annotated[tuple[OpcUaUserSettings, ...], Field(strict=False)] = Field(
        (), max_length=100, description="Who may log in by name and password"
    )
    users_file: Annotated[Path, Field(strict=False)] | None = Field(
        None,
        description="File of further users, with hashes of their passwords; made and changed by `pekat-gateway users`, "
        "and read again when it changes, without a restart",
    )
    machine_vision: bool = Field(
        True,
        description="Show each station as a vision system of OPC 40100-1 too, beside its tags: state machine, methods, "
        "results, events and conditions",
    )
    machine_vision_results: int = Field(
        10, ge=0, le=100, description="Last results shown in the folder Results of each vision system"
    )
    max_connections: int = Field(50, ge=1, le=1000, description="TCP connections served at once")
    max_sessions: int = Field(50, ge=1, le=1000, description="Sessions at once, those of lost connections included")
    max_subscriptions: int = Field(100, ge=1, le=10_000, description="Subscriptions of all clients together")
    session_timeout_s: int = Field(
        60,
        ge=5,
        le=3600,
        description="A session without a message for so long is closed, its subscriptions with it; clients that ask "
        "for less get less (5 s at least), those that ask for hours get this",
    )
    fastest_publishing_ms: int = Field(
        10, ge=1, le=60_000, description="Shortest publishing interval given to a client that asks for a shorter one"
    )

    @model_validator(mode="after")
    def _somebody_may_enter(self) -> Self:
        names = [user.name for user in self.users]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"there are two users named {double!r}")
        if self.anonymous == "none" and not names and self.users_file is None:
            raise ValueError(
                'anonymous = "none" without users lets nobody in: name a users_file, or add [[links.opcua.users]]'
            )
        return self

    def create(self, views: Sequence[StationView], identity: Identity, records: Records | None = None) -> OpcUaLink:
        """The link that serves these stations; it listens once it is entered. Without `records` it has no past.

        Raises ConfigError where a password cannot be had.
        """
        limits = Limits(
            self.max_connections,
            self.max_sessions,
            self.max_subscriptions,
            self.fastest_publishing_ms,
            self.session_timeout_s,
        )
        model = ModelOptions(self.machine_vision_results) if self.machine_vision else None
        return OpcUaLink(views, identity, self.listening, self._security(), limits, records, model)

    @property
    def listening(self) -> Listening:
        """Where it listens and what it says of itself."""
        return Listening(self.addresses, self.server_name, self.application_uri, self.announcing)

    @property
    def trust_folder(self) -> TrustFolder:
        """The folder of certificates."""
        return TrustFolder(self.certificates)

    def _security(self) -> Security:
        book = UserBook(self.users_file, [user.name for user in self.users]) if self.users_file is not None else None
        doorman = Doorman(_ANONYMOUS[self.anonymous], [user.account() for user in self.users], book)
        offer = Offer(self.security_policies, self.security_modes, self.allow_unencrypted)
        folder = self.trust_folder
        known = self.client_certificates == "trusted"
        return Security(Access(doorman, offer, TrustStore(folder), clients_known=known), folder)
