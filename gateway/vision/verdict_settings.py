"""What gateway.toml says of a recipe's verdict rules: counts and scores beyond PEKAT's own result."""

from collections.abc import Collection
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.core.rules import VerdictRules

_Count = Annotated[int, Field(ge=0, le=65535)]
_Score = Annotated[float, Field(allow_inf_nan=False)]


class VerdictRuleSettings(BaseModel):
    """Rules that make a verdict stricter, or leave it to somebody who looks; none of them makes a part good."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_detections: _Count | None = Field(None, description="More objects than this are NOK")
    min_detections: _Count = Field(0, description="Fewer objects than this are NOK")
    at_most: dict[str, _Count] = Field(
        default_factory=dict, description="More objects of a label than this are NOK, as { Scratch = 2 }"
    )
    at_least: dict[str, _Count] = Field(
        default_factory=dict, description="Fewer objects of a label than this are NOK, as { Cap = 1 }"
    )
    ok_below: _Score | None = Field(
        None, description="A part with this score or a greater one is not OK: no decision, reason 23 (review)"
    )
    nok_above: _Score | None = Field(None, description="A part with a greater score than this is NOK")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.ok_below is not None and self.nok_above is not None and self.ok_below > self.nok_above:
            raise ValueError(f"ok_below {self.ok_below:g} is over nok_above {self.nok_above:g}")
        if self.max_detections is not None and self.min_detections > self.max_detections:
            raise ValueError(f"min_detections {self.min_detections} is over max_detections {self.max_detections}")
        for label, fewest in self.at_least.items():
            if fewest > self.at_most.get(label, fewest):
                raise ValueError(f"at_least of {label} is over its at_most")
        return self

    def check_labels(self, known: Collection[str]) -> None:
        """Raises ValueError where a rule goes by a label that is not in the class table: it would never be broken."""
        for label in [*self.at_most, *self.at_least]:
            if known and label not in known:
                raise ValueError(f"rules name the label {label!r}, which is not in classes ({', '.join(known)})")

    def rules(self) -> VerdictRules:
        """As the core takes them."""
        return VerdictRules(
            self.max_detections, self.min_detections, self.at_most, self.at_least, self.ok_below, self.nok_above
        )
