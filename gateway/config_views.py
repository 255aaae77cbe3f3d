"""Several views of one station in gateway.toml."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from gateway.sources import SourceSettings

VIEW_NAME = r"^[a-z][a-z0-9_]*$"
"""As a station's name: it stands in the names of threads and of files."""


class ViewSettings(BaseModel):
    """One of several views of the part: a camera of its own, or another PEKAT project for a camera's picture."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(max_length=32, pattern=VIEW_NAME, description="Name of the view, as `top`")
    source: SourceSettings | None = Field(None, description="Where its images come from")
    same_image_as: str = Field(
        "", description="Instead of `source`: the view whose image this one judges in a project of its own"
    )
    simulation: SourceSettings | None = Field(
        None, description="Where its images come from in simulation mode; all views with a source have one, or none"
    )


def image_of(views: Sequence[ViewSettings], view: ViewSettings) -> ViewSettings | None:
    """The view whose source takes this one's images; None where `same_image_as` leads to none."""
    names, seen = {one.name: one for one in views}, [view]
    while seen[-1].source is None:
        following = names.get(seen[-1].same_image_as)
        if following is None or following in seen:
            return None
        seen.append(following)
    return seen[-1]


def sources_of(
    source: SourceSettings | None, simulation: SourceSettings | None, views: Sequence[ViewSettings]
) -> Mapping[str, SourceSettings]:
    """Every source of a station, by the key of its table: `source`, `views[1].simulation`."""
    sources = {"source": source, "simulation": simulation}
    for at, view in enumerate(views):
        sources |= {f"views[{at}].source": view.source, f"views[{at}].simulation": view.simulation}
    return {key: source for key, source in sources.items() if source is not None}
