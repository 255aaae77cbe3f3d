"""What gateway.toml says of the values that are taken from PEKAT's context."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.core.tags import Tag, TagType, user_tag
from gateway.vision.context import UserValueRule
from gateway.vision.recipe_rules import ContextPath, compiled


class UserValueSettings(BaseModel):
    """A value from PEKAT's context in a tag of its own, `user.NAME`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,31}$", description="Name of the tag, without 'user.'")
    path: Annotated[ContextPath, Field(min_length=1)] = Field(
        description="JMESPath to the value in PEKAT's context, as `measurement.gap`"
    )
    type: Annotated[TagType, Field(strict=False)] = Field(description="Type of the tag")
    scale: float = Field(1.0, allow_inf_nan=False, description="What a number is multiplied by")
    offset: float = Field(0.0, allow_inf_nan=False, description="What is added to a number after scaling")
    default: bool | int | float | str | None = Field(
        None, description="Value where none, or one of another type, is found; 0, false or empty if not given"
    )
    unit: str = Field("", max_length=16, description="Unit after scaling, for people")
    length: int = Field(16, ge=1, le=200, description="Characters of a string at most")
    description: str = Field("", max_length=200, description="What the value means, for people")
    view: str = Field("", description="Of several views, the one whose context it is in; if not given, the first one")
    register_: int | None = Field(
        None, ge=0, le=65535, alias="register", description="Register of the value; if not given, the next free one"
    )

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        wanted: tuple[type, ...] = {TagType.BIT: (bool,), TagType.STRING: (str,)}.get(self.type, (int, float))
        right = isinstance(self.default, wanted) and isinstance(self.default, bool) == (self.type is TagType.BIT)
        if self.default is not None and not right:
            raise ValueError(f"default {self.default!r} is no {self.type.value}")
        return self

    def tag(self) -> Tag:
        """The status tag `user.NAME`."""
        length = self.length if self.type is TagType.STRING else 1
        return user_tag(self.name, self.type, length=length, unit=self.unit, description=self.description)

    def rule(self) -> UserValueRule:
        """How the value is found and converted."""
        default = self.tag().default if self.default is None else self.default
        return UserValueRule(self.name, compiled(self.path), self.type, default, self.scale, self.offset)
