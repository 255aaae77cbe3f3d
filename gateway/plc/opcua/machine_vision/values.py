"""What the gateway knows, as the structures of OPC 40100-1 say it.

`ResultContent` has always the same order; OPC 40100-1 leaves it to the vision system:

| place | type     | content                                                                        |
|-------|----------|--------------------------------------------------------------------------------|
| 0     | UInt16   | verdict: 1 OK, 2 NOK, 3 no decision                                            |
| 1     | String   | the verdict in words: `OK`, `NOK`, `NO DECISION`                               |
| 2     | UInt16   | reason why there was no decision; 0 with OK and NOK                            |
| 3     | String   | the reason in words, with what is known of it                                  |
| 4     | Double   | score of the project; NaN where it gave none                                   |
| 5     | UInt32   | number of detections                                                           |
| 6     | String   | JSON array of {label, class, confidence, x, y, width, height}, as in `Inspect` |
| 7     | String[] | names of the user values                                                       |
| 8..   | any      | the user values, in this order: Boolean, Int64, Double or String               |
| last  | String   | only of several views: JSON array of {view, name, verdict, reason, ..}         |
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntEnum

from asyncua import ua

from gateway.core.result import REASON_TEXTS, Judgement, Reason, UserValue, Verdict
from gateway.plc.opcua.machine_vision import data_types as types
from gateway.ports import RecipeInfo, StationPort, StoredResult

WORDS: Mapping[Verdict, str] = {
    Verdict.NONE: "NONE",
    Verdict.OK: "OK",
    Verdict.NOK: "NOK",
    Verdict.NO_DECISION: "NO DECISION",
}


class ResultState(IntEnum):
    """How far the evaluation got (ResultStateDataType). It says nothing of the part."""

    UNDEFINED = 0
    COMPLETED = 1
    PROCESSING = 2
    ABORTED = 3
    FAILED = 4


_ABORTED = frozenset({Reason.CANCELLED, Reason.RESET, Reason.SHUTDOWN})
_INT64 = range(-(2**63), 2**63)


def result_state(judgement: Judgement) -> ResultState:
    """Completed with a decision, aborted by a command, failed by a fault."""
    if judgement.reason in (Reason.NONE, Reason.BY_OPERATOR):
        return ResultState.COMPLETED
    return ResultState.ABORTED if judgement.reason in _ABORTED else ResultState.FAILED


# ---- ids ------------------------------------------------------------------------------------------------------


def internal_recipe(number: int, name: str = "") -> types.RecipeIdInternalDataType:
    """The number of a recipe; its name is the description."""
    return types.RecipeIdInternalDataType(Id=ua.String(str(number)), Description=_description(name))


def external_recipe(name: str) -> types.RecipeIdExternalDataType:
    """The name of a recipe."""
    return types.RecipeIdExternalDataType(Id=ua.String(name))


def job(name: str) -> types.JobIdDataType:
    """A job's id."""
    return types.JobIdDataType(ua.String(name))


def measurement(name: str) -> types.MeasIdDataType:
    """A measurement's id."""
    return types.MeasIdDataType(Id=ua.String(name))


def part(name: str) -> types.PartIdDataType:
    """A part's id."""
    return types.PartIdDataType(Id=ua.String(sendable(name)))


def product(name: str) -> types.ProductIdDataType:
    """A product's id."""
    return types.ProductIdDataType(Id=ua.String(name))


def _description(words: str) -> ua.LocalizedText | None:
    return ua.LocalizedText(words) if words else None


def utc(moment: datetime) -> ua.DateTime:
    """A moment as asyncua wants it in a structure."""
    return ua.DateTime.fromtimestamp(moment.timestamp(), moment.tzinfo)


# ---- one station ----------------------------------------------------------------------------------------------


class StationRecipes(Mapping[int, RecipeInfo]):
    """A station's recipes by number, as they are now: a reload can change them."""

    def __init__(self, station: StationPort) -> None:
        self._station = station

    def __getitem__(self, number: int) -> RecipeInfo:
        for one in self._station.recipes:
            if one.number == number:
                return one
        raise KeyError(number)

    def __iter__(self) -> Iterator[int]:
        return (one.number for one in self._station.recipes)

    def __len__(self) -> int:
        return len(self._station.recipes)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a station's recipes and its configuration are called.

    A station has one configuration, its part of the gateway's: `configuration.InternalId.Hash` changes with it.
    """

    recipes: Mapping[int, RecipeInfo]
    configuration: types.ConfigurationDataType

    @classmethod
    def of(cls, station: StationPort, version: str, since: datetime) -> "Catalogue":
        """`version` is the gateway's, `since` when it was started: it reads its configuration only then."""
        recipes = StationRecipes(station)
        content = repr([*recipes.values(), *((tag.name, tag.type.value, tag.unit) for tag in station.user_tags)])
        if several := station.state.options.views:
            content += repr(several)
        made = types.ConfigurationDataType(
            HasTransferableDataOnFile=False,
            ExternalId=_configuration(station.name, version, content),
            InternalId=_configuration(station.name, version, content),
            LastModified=utc(since),
        )
        return cls(recipes, made)

    def internal(self, number: int) -> types.RecipeIdInternalDataType:
        """The internal id of a recipe, also of one that is configured no more."""
        known = self.recipes.get(number)
        return internal_recipe(number, known.name if known is not None else "")

    def external(self, number: int) -> types.RecipeIdExternalDataType:
        """The external id of a recipe; its number where it is configured no more."""
        known = self.recipes.get(number)
        return external_recipe(known.name if known is not None else str(number))

    def product_of(self, number: int) -> types.ProductIdDataType:
        """What a recipe is for; empty where the configuration does not say."""
        known = self.recipes.get(number)
        return product(known.product if known is not None else "")


def _configuration(station: str, version: str, content: str) -> types.ConfigurationIdDataType:
    return types.ConfigurationIdDataType(
        Id=ua.String(station),
        Version=ua.String(version or "0"),
        Hash=ua.ByteString(hashlib.sha256(content.encode()).digest()),
        HashAlgorithm=ua.String("SHA-256"),
    )


# ---- results --------------------------------------------------------------------------------------------------


def job_of(stored: StoredResult) -> str:
    """The job that made a result: the client's, or, for a trigger that had no job, one named as its result."""
    return stored.result.origin.job_id or stored.result_id


def result_data(stored: StoredResult, catalogue: Catalogue) -> types.ResultDataType:
    """A result with every field filled."""
    result, configuration = stored.result, catalogue.configuration
    recipe = catalogue.recipes.get(result.recipe)
    name = stored.recipe_name or (recipe.name if recipe is not None else str(result.recipe))
    return types.ResultDataType(
        ResultId=types.ResultIdDataType(ua.String(stored.result_id)),
        HasTransferableDataOnFile=False,
        IsPartial=False,
        IsSimulated=result.origin.simulated,
        ResultState=ua.Int32(result_state(result.judgement)),
        MeasId=measurement(result.origin.meas_id),
        PartId=part(result.part_id),
        ExternalRecipeId=external_recipe(name),
        InternalRecipeId=internal_recipe(result.recipe, name),
        ProductId=product(result.origin.product_id or (recipe.product if recipe is not None else "")),
        ExternalConfigurationId=configuration.ExternalId,
        InternalConfigurationId=configuration.InternalId,
        JobId=job(job_of(stored)),
        CreationTime=utc(stored.answered),
        ProcessingTimes=processing_times(stored),
        ResultContent=result_content(result.judgement),
    )


def processing_times(stored: StoredResult) -> types.ProcessingTimesDataType:
    """From the accepted trigger to the answer; without an acquisition where no image was ever taken."""
    result = stored.result
    acquired = (result.exposed_at - result.accepted_at) / 1000 if result.exposed_at else None
    return types.ProcessingTimesDataType(
        StartTime=utc(stored.accepted),
        EndTime=utc(stored.answered),
        AcquisitionDuration=None if acquired is None else ua.Double(acquired),
        ProcessingDuration=ua.Double(result.judgement.inspector_us / 1000),
    )


def result_content(judgement: Judgement) -> list[ua.Variant]:
    """The content of a result, in the order of the table above."""
    kinds = ua.VariantType
    reason = "" if judgement.reason is Reason.NONE else judgement.detail or REASON_TEXTS[judgement.reason]
    return [
        ua.Variant(int(judgement.verdict), kinds.UInt16),
        ua.Variant(WORDS[judgement.verdict], kinds.String),
        ua.Variant(int(judgement.reason), kinds.UInt16),
        ua.Variant(sendable(reason), kinds.String),
        ua.Variant(math.nan if judgement.score is None else judgement.score, kinds.Double),
        ua.Variant(len(judgement.detections), kinds.UInt32),
        ua.Variant(detections_text(judgement), kinds.String),
        ua.Variant([sendable(name) for name, _ in judgement.user_values], kinds.String, is_array=True),
        *(_user_value(value) for _, value in judgement.user_values),
        *([ua.Variant(views_text(judgement), kinds.String)] if judgement.views else []),
    ]


def views_text(judgement: Judgement) -> str:
    """What each view said, as a JSON array. Verdict and reason are numbers, as in the tags."""
    return sendable(json.dumps([asdict(one) for one in judgement.views], ensure_ascii=False))


def detections_text(judgement: Judgement) -> str:
    """The detections as a JSON array."""
    found: Sequence[Mapping[str, object]] = [
        {
            "label": one.label,
            "class": one.class_number,
            "confidence": one.confidence,
            "x": one.x,
            "y": one.y,
            "width": one.width,
            "height": one.height,
        }
        | ({"view": one.view} if one.view else {})
        for one in judgement.detections
    ]
    return sendable(json.dumps(found, ensure_ascii=False))


def sendable(words: str) -> str:
    """Text that can be encoded: JSON lets half a surrogate pair through, UTF-8 does not."""
    return words.encode("utf-8", "replace").decode("utf-8")


def _user_value(value: UserValue) -> ua.Variant:
    """A value in a type that holds it; a whole number that no integer holds becomes a Double."""
    if isinstance(value, bool):
        return ua.Variant(value, ua.VariantType.Boolean)
    if isinstance(value, str):
        return ua.Variant(sendable(value), ua.VariantType.String)
    if isinstance(value, int) and value in _INT64:
        return ua.Variant(value, ua.VariantType.Int64)
    return ua.Variant(_double(value), ua.VariantType.Double)


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
