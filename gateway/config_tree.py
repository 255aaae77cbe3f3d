"""The tables of gateway.toml as one frozen tree. What a part needs to know is defined beside that part."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from gateway.config_views import ViewSettings, sources_of
from gateway.core.registers import RegisterMap
from gateway.core.state import Options, WatchdogAction
from gateway.core.tags import Tag
from gateway.metrics.settings import MetricsSettings
from gateway.plc.modbus.settings import ModbusSettings
from gateway.plc.opcua.settings import OpcUaSettings
from gateway.sinks.archive_settings import ArchiveSettings
from gateway.sinks.history_settings import HistorySettings
from gateway.sources import SourceSettings
from gateway.sources.drop_settings import FileDropSettings
from gateway.tagmap import load_map
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.user_value_settings import UserValueSettings

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_Path = Annotated[Path, Field(strict=False)]

STATION_NAME = r"^[a-z][a-z0-9_]*$"
"""A station's name stands in node ids and thread names, and is a variable's name in PLC programs."""

InspectorSettings = PekatSettings
"""One kind as yet; a second one makes this a union, as SourceSettings is one."""

DownAction = Literal["answer", "offline"]
Start = Literal["fail", "retry", "ignore"]


class GatewaySettings(BaseModel):
    """The gateway as a whole."""

    model_config = _STRICT

    name: str = Field("PEKAT PLC gateway", min_length=1, max_length=64, description="Name for people")
    data: _Path | None = Field(
        None, description="Folder for what outlives a restart, as the boot id; without it the clock stands in"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged")
    log_format: Literal["text", "json"] = Field(
        "text",
        description="text: for people. json: one object a line, with station, inspection and part_id where it is about "
        "an inspection",
    )
    stop_timeout_ms: int = Field(
        1_000,
        ge=0,
        le=600_000,
        description="How long a gateway that is told to stop finishes what is in flight; the rest is then answered "
        "with reason 14",
    )


class LinkSettings(BaseModel):
    """The faces to the PLC. A link that is not here is not served."""

    model_config = _STRICT

    modbus: ModbusSettings | None = Field(None, description="The Modbus TCP slave")
    opcua: OpcUaSettings | None = Field(None, description="The OPC UA server")

    @property
    def names(self) -> tuple[str, ...]:
        """The links that are configured."""
        return tuple(name for name in ("modbus", "opcua") if getattr(self, name) is not None)


class ModbusPlace(BaseModel):
    """Where a station stands in the Modbus address space."""

    model_config = _STRICT

    unit: int | None = Field(
        None, ge=0, le=255, description="Unit id that the station answers to; without it, to any unit id"
    )
    offset: int = Field(
        0,
        ge=0,
        le=65520,
        multiple_of=16,
        description="Added to every register; a 16th of it to every coil and discrete input. Stations that share a "
        "unit id stand 256 apart with the standard map",
    )


class HandshakeSettings(BaseModel):
    """The handshake's options. Times in milliseconds."""

    model_config = _STRICT

    max_in_flight: int = Field(
        1, ge=1, le=64, description="Inspections at a time; above 1 the next part may come early"
    )
    result_depth: int = Field(
        16, ge=1, le=1024, description="Results that can wait with buffer_results; at least max_in_flight"
    )
    inspection_timeout_ms: int = Field(
        5_000, ge=1, le=3_600_000, description="From the accepted trigger to the answer at the latest"
    )
    decision_deadline_ms: int = Field(
        0,
        ge=0,
        le=3_600_000,
        description="When the PLC has its answer at the latest, where PEKAT may take longer: what it says then is "
        "journaled as late; 0: inspection_timeout_ms",
    )
    late_is: Literal["no_decision", "nok"] = Field(
        "no_decision", description="What a part without an answer at decision_deadline_ms is; nok with reason 25"
    )
    review_wait_ms: int = Field(
        0,
        ge=0,
        le=3_600_000,
        description="How long an operator is asked about a part whose score lies between good and bad, and the PLC "
        "waits for its answer; 0: it has it at once, no decision, reason 23",
    )
    ack_timeout_ms: int = Field(
        10_000, ge=0, le=3_600_000, description="Longest wait for the PLC's acknowledgement or falling trigger; 0: none"
    )
    recipe_timeout_ms: int = Field(30_000, ge=1, le=3_600_000, description="Longest recipe change")
    watchdog_ms: int = Field(
        0, ge=0, le=3_600_000, description="How long plc_heartbeat may stand still; 0: it is not watched"
    )
    watchdog_action: Literal["nothing", "offline", "cancel"] = Field(
        "nothing", description="What a silent PLC leads to: a status bit only, the station offline, or cancelled work"
    )
    stop_after_nok: int = Field(
        0, ge=0, le=1000, description="So many parts NOK in a row set stop_line until it is acknowledged; 0: never"
    )

    @field_validator("decision_deadline_ms")
    @classmethod
    def _before_the_time_out(cls, deadline: int, info: ValidationInfo) -> int:
        limit = info.data.get("inspection_timeout_ms", deadline)
        if deadline > limit:
            what = {"deadline": deadline, "limit": limit, "instead": f"write {limit} or less, or a longer time-out"}
            raise PydanticCustomError("deadline", "{deadline} is over inspection_timeout_ms ({limit})", what)
        return deadline

    @field_validator("late_is")
    @classmethod
    def _has_a_deadline(cls, late_is: str, info: ValidationInfo) -> str:
        if late_is == "nok" and info.data.get("decision_deadline_ms", 1) == 0:
            what = {"instead": "add decision_deadline_ms = 500, or the like"}
            raise PydanticCustomError("no_deadline", "goes by decision_deadline_ms, which is not there", what)
        return late_is

    @field_validator("review_wait_ms")
    @classmethod
    def _ends_with_the_inspection(cls, wait: int, info: ValidationInfo) -> int:
        """Both end the wait, whatever it says."""
        times = [info.data.get(key, 0) for key in ("inspection_timeout_ms", "decision_deadline_ms")]
        limit = min((time for time in times if time), default=wait)
        if wait >= limit:
            what = {"wait": wait, "limit": limit, "instead": f"write less than {limit}, or give the inspection longer"}
            raise PydanticCustomError("review", "{wait} is not less than the inspection's time ({limit})", what)
        return wait

    @field_validator("result_depth")
    @classmethod
    def _holds_the_flight(cls, depth: int, info: ValidationInfo) -> int:
        flight = info.data.get("max_in_flight", 1)
        if depth < flight:
            what = {"flight": flight, "depth": depth, "instead": f"write result_depth = {flight} or more"}
            raise PydanticCustomError("depth", "{depth} is less than max_in_flight ({flight})", what)
        return depth

    def options(self, views: tuple[str, ...] = (), own_timeouts_ms: Mapping[int, int] | None = None) -> Options:
        """As the core takes them, with the names of several views, and the time-outs of recipes that have their own."""
        return Options(
            max_in_flight=self.max_in_flight,
            result_depth=self.result_depth,
            inspection_timeout_ms=self.inspection_timeout_ms,
            ack_timeout_ms=self.ack_timeout_ms,
            recipe_timeout_ms=self.recipe_timeout_ms,
            watchdog_ms=self.watchdog_ms,
            watchdog_action=WatchdogAction[self.watchdog_action.upper()],
            views=views,
            stop_after_nok=self.stop_after_nok,
            decision_deadline_ms=self.decision_deadline_ms,
            late_is_nok=self.late_is == "nok",
            review_wait_ms=self.review_wait_ms,
            own_timeouts_ms=own_timeouts_ms or {},
        )


class StationSettings(BaseModel):
    """One station: one camera position with its own tags and its own handshake."""

    model_config = _STRICT

    name: str = Field(
        max_length=32, pattern=STATION_NAME, description="Name in node ids: lower-case letters, digits, underscores"
    )
    control: Literal["modbus", "opcua"] = Field(
        "modbus", description="Which link owns the control tags; the other one mirrors them"
    )
    map: str = Field(
        "standard", min_length=1, description="Tag map: a shipped map's name, or a path to a file (./my_map.toml)"
    )
    modbus: ModbusPlace = Field(ModbusPlace(), description="Unit id and address offset")
    initial_recipe: int | None = Field(
        None, ge=1, le=65535, description="Number of the recipe in force after a start; without it, the first one"
    )
    source_down: DownAction = Field(
        "answer", description="While the source is ill: answer each trigger with verdict 3, or take the station offline"
    )
    inspector_down: DownAction = Field("answer", description="The same while PEKAT cannot be reached")
    source_start: Start = Field(
        "retry",
        description="Where the source cannot start: the gateway does not start either; or it is tried again and the "
        "station is offline meanwhile; or the station does without it until it is there (`ignore`)",
    )
    inspector_start: Start = Field("retry", description="The same for the inspector")
    source: SourceSettings | None = Field(None, description="Where images come from; with several views, see `views`")
    simulation: SourceSettings | None = Field(
        None, description="Where images come from in simulation mode; without it there is no such mode"
    )
    views: Annotated[tuple[ViewSettings, ...], Field(strict=False)] = Field(
        (), description="Instead of `source`: 2 to 8 views of the part, inspected together, with one verdict"
    )
    inspector: InspectorSettings = Field(PekatSettings(), description="Who judges them")
    handshake: HandshakeSettings = Field(HandshakeSettings(), description="Time-outs, depths, watchdog")
    recipes: Annotated[tuple[RecipeSettings, ...], Field(strict=False, min_length=1)] = Field(
        description="PEKAT projects that the PLC may ask for"
    )
    user_values: Annotated[tuple[UserValueSettings, ...], Field(strict=False)] = Field(
        (), description="Values from PEKAT's context in tags of their own"
    )

    @property
    def first_recipe(self) -> int:
        """The recipe in force after a start."""
        return self.recipes[0].number if self.initial_recipe is None else self.initial_recipe

    @property
    def own_timeouts_ms(self) -> dict[int, int]:
        """The inspection time-outs of recipes that have one of their own."""
        return {recipe.number: recipe.timeout_ms for recipe in self.recipes if recipe.timeout_ms}

    @property
    def user_tags(self) -> tuple[Tag, ...]:
        """The tags of the user values, in their order."""
        return tuple(value.tag() for value in self.user_values)

    @cached_property
    def registers(self) -> RegisterMap:
        """The tag map with the user values placed. Raises ConfigError; after load_settings it cannot."""
        given = {value.tag().name: value.register_ for value in self.user_values if value.register_ is not None}
        return load_map(self.map, self.user_tags, given, several_views=bool(self.views))

    @property
    def view_names(self) -> tuple[str, ...]:
        """The names of its views; none where it has one."""
        return tuple(view.name for view in self.views)

    @property
    def source_folder(self) -> Path | None:
        """The drop folder, where the source has one."""
        return self.drop_folders.get("source")

    @property
    def drop_folders(self) -> dict[str, Path]:
        """Every folder whose pictures are used up, by the key of the table that names it."""
        sources = sources_of(self.source, self.simulation, self.views)
        return {key: one.folder for key, one in sources.items() if isinstance(one, FileDropSettings)}


class Settings(BaseModel):
    """All of gateway.toml."""

    model_config = _STRICT

    gateway: GatewaySettings = Field(GatewaySettings(), description="The gateway as a whole")
    links: LinkSettings = Field(description="The faces to the PLC")
    history: HistorySettings = Field(HistorySettings(), description="Results that are kept to be read back later")
    archive: ArchiveSettings | None = Field(None, description="Images that are kept with their results")
    metrics: MetricsSettings | None = Field(None, description="Figures for Prometheus")
    stations: Annotated[tuple[StationSettings, ...], Field(strict=False, min_length=1)] = Field(
        description="The stations, each with its own tags"
    )

    @property
    def data_folder(self) -> Path | None:
        """Where the gateway keeps what outlives a restart."""
        return self.gateway.data
