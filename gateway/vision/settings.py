"""What gateway.toml says of the inspection side: the inspector, its recipes, and the values taken from the context."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.core.errors import ConfigError
from gateway.ports import Picture, RecipeInfo
from gateway.vision.breaker import BreakerRule
from gateway.vision.inspector import PekatInspector, ReadyRule
from gateway.vision.pekat import ClientOptions
from gateway.vision.pekat_reply import ReplyRules, ResponseType
from gateway.vision.program import Program
from gateway.vision.projects_settings import ManagerSettings, ProjectPath
from gateway.vision.recipe_rules import DATA_FIELDS, ClassNumber, ContextPath, DataText, ProjectUrls, compiled
from gateway.vision.recipe_views import RecipeViewSettings
from gateway.vision.urls import check_url
from gateway.vision.user_value_settings import UserValueSettings
from gateway.vision.verdict_settings import VerdictRuleSettings
from gateway.vision.warm_up import warm_up_picture
from gateway.vision.way import WaySetting

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)

OWN_END_S = 0.25
"""A recipe that is not ready in time fails by so much before the handshake's own end: the error then says why."""


class RecipeSettings(BaseModel):
    """A recipe: a PEKAT project that runs at an address, and how its replies are read."""

    model_config = _STRICT

    number: int = Field(ge=1, le=65535, description="The recipe's number, as the PLC requests it")
    name: str = Field(min_length=1, max_length=64, description="Name for people")
    product: str = Field("", max_length=64, description="What is made with it, for lines that ask by product")
    views: Annotated[tuple[RecipeViewSettings, ...], Field(strict=False)] = Field(
        (), description="What differs for one of several views of the station: another project, other classes"
    )
    urls: ProjectUrls = Field(
        (), description="Instead of `url`: up to 16 addresses where the same project runs; the images are shared out"
    )
    url: str = Field("", validate_default=True, description="Where the PEKAT project listens, as http://127.0.0.1:8000")
    project: ProjectPath = Field(
        "", description="The project's path in PEKAT's Projects Manager, which has it started: see inspector.manager"
    )
    warm_up: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="Picture that PEKAT is given while the recipe is made ready; what it says goes nowhere"
    )
    warm_up_times: int = Field(1, ge=1, le=20, description="How often it is given that picture")
    classes: dict[str, ClassNumber] = Field(
        default_factory=dict, description="Number in the PLC for each label; a label that is not here gets 0"
    )
    rules: VerdictRuleSettings = Field(
        VerdictRuleSettings(), description="What makes a part that PEKAT found good NOK, or one to be looked at"
    )
    timeout_ms: int = Field(
        0,
        ge=0,
        le=3_600_000,
        description="From the accepted trigger to the answer at the latest, by this recipe: in place of the station's "
        "handshake.inspection_timeout_ms, longer or shorter; 0: as the station's",
    )
    data: DataText = Field("{part_id}", description=f"Text for the flow's `data`; may hold {DATA_FIELDS}")
    result_path: ContextPath = Field("", description="JMESPath to the deciding boolean, where it is not `result`")
    response_type: ResponseType = Field(
        "context", description="What PEKAT sends back; every image type costs time and shows in no tag"
    )
    context_in_body: bool = Field(True, description="Image types: context behind the image, not in a header of 64 KiB")
    api_key_env: str = Field("", description="Environment variable with the API key of 'Secure image analyze'")
    api_key_file: Annotated[Path, Field(strict=False)] | None = Field(None, description="File with that key")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str, info: ValidationInfo) -> str:
        several = info.data.get("urls", (url,))  # not there where they are wrong themselves
        if url and several and "urls" in info.data:
            raise PydanticCustomError("twice", "is there beside urls", {"instead": "keep one: url, or urls"})
        if not url and not several and not info.data.get("views"):  # with views, each of them is asked
            raise PydanticCustomError(
                "missing_url",
                "is missing",
                {"instead": 'add it: url = "http://127.0.0.1:8000", or urls = ["..", ".."]'},
            )
        if url:
            check_url(url)
        return url

    def for_view(self, view: str) -> "RecipeSettings":
        """The recipe as it judges one view of the station; itself where nothing differs there."""
        own = next((one for one in self.views if one.view == view), None)
        return self if own is None else self.model_copy(update=own.changes())

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every address of the project."""
        return self.urls or (self.url,)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key_env and self.api_key_file is not None:
            raise ValueError("give api_key_env or api_key_file, not both")
        return self

    @model_validator(mode="after")
    def _known_labels(self) -> Self:
        as_judged: list[RecipeSettings] = [self, *(self.for_view(own.view) for own in self.views)]
        for recipe in as_judged:
            recipe.rules.check_labels(recipe.classes)
        return self

    def api_key(self) -> str:
        """The key, "" where none is configured. Raises ConfigError where it cannot be had."""
        if self.api_key_env:
            return _key_from_environment(self.api_key_env)
        return _key_from_file(self.api_key_file) if self.api_key_file is not None else ""

    def warm_up_picture(self) -> Picture | None:
        """The picture, None where none is configured. Raises ConfigError where it cannot be had."""
        if self.warm_up is None:
            return None
        try:
            return warm_up_picture(self.warm_up)
        except ValueError as error:
            raise ConfigError(str(self.warm_up), "warm_up", str(error), "name a whole PNG, JPEG or BMP") from error

    def info(self) -> RecipeInfo:
        """As links show it."""
        return RecipeInfo(self.number, self.name, self.product)

    def reply_rules(self, user_values: Sequence[UserValueSettings]) -> ReplyRules:
        """How replies are read."""
        return ReplyRules(
            classes=dict(self.classes),
            user_values=tuple(value.rule() for value in user_values),
            response_type=self.response_type,
            result_path=compiled(self.result_path) if self.result_path else None,
            verdict=self.rules.rules(),
        )


def _key_from_environment(name: str) -> str:
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError("environment", name, "is not set, but api_key_env names it", f"set {name} to the API key")
    return key


def _key_from_file(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "api_key_file", f"cannot be read: {error}", "name a readable text file") from error
    if not key:
        raise ConfigError(str(path), "api_key_file", "is empty", "put the API key into it")
    return key


class PekatSettings(BaseModel):
    """PEKAT VISION as a station's inspector."""

    model_config = _STRICT

    kind: Literal["pekat"] = Field("pekat", description="PEKAT VISION over its REST API")
    connect_timeout_ms: int = Field(
        1000, ge=10, le=20000, description="Longest wait for a connection; a LAN needs far less than a second"
    )
    ping_timeout_ms: int = Field(
        2000, ge=10, le=20000, description="Longest wait for a ping, by which health checks and recipe changes go"
    )
    keep_alive_ms: int = Field(
        4000, ge=0, le=3600000, description="Age from which an idle connection is opened anew; many servers drop at 5 s"
    )
    max_reply_bytes: int = Field(
        64 << 20, ge=1024, le=1 << 30, description="Longest reply that is read; a 5 megapixel colour PNG has 15 MB"
    )
    retries: int = Field(
        0, ge=0, le=10, description="Further attempts to connect, only while nothing of the image was sent"
    )
    workers: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Images at a time at each address; if not given, as many as may be in flight "
        "(handshake.max_in_flight). Fewer: the others wait their turn within their own deadline",
    )
    way: WaySetting = Field(
        "auto",
        description="How camera frames go to PEKAT: `auto` shares memory with a PEKAT 3.18 or newer on this machine, "
        "and sends raw pixels to any other; `png` is for links below about 300 Mbit/s. Files are sent as they are",
    )
    failures: int = Field(
        3, ge=1, le=100, description="Recipes with `urls`: so many failed images in a row, and an address is left out"
    )
    pause_max_ms: int = Field(
        60_000,
        ge=5_000,
        le=3_600_000,
        description="Recipes with `urls`: longest pause before an address whose images failed gets one again",
    )

    manager: ManagerSettings | None = Field(
        None, description="PEKAT's Projects Manager, where recipes have their projects started by it"
    )

    def create(
        self,
        station_name: str,
        recipes: Sequence[RecipeSettings],
        user_values: Sequence[UserValueSettings],
        in_flight: int = 1,
        *,
        recipe_timeout_ms: int = 30_000,
        warm_at_start: bool = True,
    ) -> PekatInspector:
        """The inspector of a station with at most `in_flight` inspections; the first recipe is the one in force.

        Raises ConfigError where an API key or a warm-up picture cannot be had.
        """
        manager, seconds = self.manager, recipe_timeout_ms / 1000
        ready_rule = ReadyRule(
            projects=manager.projects() if manager is not None else None,
            limit_s=max(seconds - OWN_END_S, seconds * 0.8),
            warm_at_start=warm_at_start,
            keep_running=manager is not None and manager.keep_running,
        )
        return PekatInspector(
            station_name,
            [self._program(recipe, user_values) for recipe in recipes],
            workers=self.workers or in_flight,
            in_flight=in_flight,
            way=self.way,
            ping_timeout_s=self.ping_timeout_ms / 1000,
            breaker_rule=BreakerRule(self.failures, pause_max_us=self.pause_max_ms * 1000),
            ready_rule=ready_rule,
        )

    def _program(self, recipe: RecipeSettings, user_values: Sequence[UserValueSettings]) -> Program:
        options = ClientOptions(
            connect_timeout_s=self.connect_timeout_ms / 1000,
            keep_alive_s=self.keep_alive_ms / 1000,
            max_reply_bytes=self.max_reply_bytes,
            retries=self.retries,
            api_key=recipe.api_key(),
        )
        rules = recipe.reply_rules(user_values)
        return Program(
            recipe.number,
            recipe.name,
            recipe.endpoints,
            rules,
            options,
            recipe.data,
            recipe.context_in_body,
            recipe.project,
            recipe.warm_up_picture(),
            recipe.warm_up_times,
        )
