"""What gateway.toml says of one view in a recipe: what differs there from the recipe as a whole."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.vision.pekat_reply import ResponseType
from gateway.vision.projects_settings import ProjectPath
from gateway.vision.recipe_rules import DATA_FIELDS, ClassNumber, ContextPath, DataText, ProjectUrl, ProjectUrls
from gateway.vision.verdict_settings import VerdictRuleSettings

_EXCLUSIVE: dict[str, dict[str, Any]] = {
    "url": {"urls": ()},
    "urls": {"url": ""},
    "api_key_env": {"api_key_file": None},
    "api_key_file": {"api_key_env": ""},
}
"""A key that is given here takes the place of the recipe's other one."""


class RecipeViewSettings(BaseModel):
    """How one view of the station is judged by this recipe. What is not given is as the recipe says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    view: str = Field(description="Name of the view, as in [[stations.views]]")
    url: ProjectUrl | None = Field(None, description="Where the view's PEKAT project listens")
    urls: ProjectUrls | None = Field(None, description="Instead of `url`: up to 16 addresses of the same project")
    project: ProjectPath | None = Field(None, description="The project that the Projects Manager starts for the view")
    warm_up: Annotated[Path, Field(strict=False)] | None = Field(
        None, description="Picture that the view's project is given before the first part"
    )
    classes: dict[str, ClassNumber] | None = Field(None, description="Number in the PLC for each label")
    rules: VerdictRuleSettings | None = Field(None, description="What makes a part NOK, or one to be looked at")
    data: DataText | None = Field(None, description=f"Text for the flow's `data`; may hold {DATA_FIELDS}")
    result_path: ContextPath | None = Field(None, description="JMESPath to the deciding boolean")
    response_type: ResponseType | None = Field(None, description="What PEKAT sends back")
    context_in_body: bool | None = Field(None, description="Image types: context behind the image")
    api_key_env: str | None = Field(None, description="Environment variable with the API key")
    api_key_file: Annotated[Path, Field(strict=False)] | None = Field(None, description="File with that key")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        for one, other in (("url", "urls"), ("api_key_env", "api_key_file")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"give {one} or {other}, not both")
        return self

    def changes(self) -> dict[str, Any]:
        """The recipe's keys that are others here."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name != "view"}
        own = {name: value for name, value in given.items() if value is not None}
        return {key: value for name in own for key, value in _EXCLUSIVE.get(name, {}).items()} | own
