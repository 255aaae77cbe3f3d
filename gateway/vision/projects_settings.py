"""What gateway.toml says of PEKAT's Projects Manager."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.vision.projects import Projects
from gateway.vision.projects_client import ManagerPlace, ProjectsClient
from gateway.vision.projects_wire import Command, check_project


def _project(project: str) -> str:
    if project:
        check_project(project)
    return project


ProjectPath = Annotated[str, Field(max_length=500), AfterValidator(_project)]
"""A project as the Projects Manager names it, or nothing."""


class ManagerSettings(BaseModel):
    """PEKAT's Projects Manager: it has each recipe's project started by the gateway."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    host: str = Field("127.0.0.1", min_length=1, description="Its host; an address resolves faster than a name")
    port: int = Field(7002, ge=1, le=65535, description="Port of its Simple TCP server")
    change: Literal["switch", "start"] = Field(
        "switch",
        description="How a recipe's project comes to run: `switch` has all other projects of this manager stopped, "
        "`start` leaves them running",
    )
    separator: Literal["auto", ":", "|"] = Field(
        "auto", description="What stands between command and project; auto: the one that this manager understands"
    )
    connect_timeout_ms: int = Field(1000, ge=10, le=20_000, description="Longest wait for a connection")
    reply_timeout_ms: int = Field(5000, ge=50, le=60_000, description="Longest wait for the answer to one command")
    keep_running: bool = Field(
        True, description="Have the project of the recipe in force started again where nobody listens any more"
    )

    @property
    def place(self) -> ManagerPlace:
        """Where it listens, and how it is asked."""
        separator = "" if self.separator == "auto" else self.separator
        return ManagerPlace(
            self.host, self.port, separator, self.connect_timeout_ms / 1000, self.reply_timeout_ms / 1000
        )

    def projects(self) -> Projects:
        """What has projects run there."""
        return Projects(ProjectsClient(self.place), Command(self.change))
