"""What may stand in a recipe's keys, for the recipe as a whole and for one view of it."""

from string import Formatter
from typing import Annotated

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from pydantic import AfterValidator, Field

from gateway.ports import Order
from gateway.vision.program import data_text
from gateway.vision.urls import check_url, check_urls

DATA_FIELDS = "{part_id}, {station}, {inspection_id}, {trigger_seq}, {recipe}"


def compiled(path: str) -> ParsedResult:
    """Raises ValueError for what is no JMESPath."""
    try:
        return jmespath.compile(path)
    except JMESPathError as error:
        raise ValueError(f"is no JMESPath: {' '.join(str(error).split())[:120]}") from error


def _path(path: str) -> str:
    if path:
        compiled(path)
    return path


def _url(url: str) -> str:
    if url:
        check_url(url)
    return url


def _urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    check_urls(urls)
    return urls


def _template(data: str) -> str:
    try:
        if not _plain_fields(data):
            raise ValueError("a field that reaches into a value")
        data_text(data, Order("station", 1, 1, "part", 1, 0, 0, 0.0))
    except (ValueError, LookupError, AttributeError) as error:
        raise ValueError(f"may hold only {DATA_FIELDS}; a brace itself is doubled") from error
    return data


def _plain_fields(template: str) -> bool:
    """Whether no field reaches into an object: `{part_id.x}`, `{part_id[0]}` or `{part_id!r}`."""
    fields = [(name or "", conversion) for _, name, _, conversion in Formatter().parse(template)]
    return not any("." in name or "[" in name or conversion for name, conversion in fields)


ClassNumber = Annotated[int, Field(ge=1, le=65535)]
ContextPath = Annotated[str, AfterValidator(_path)]
"""JMESPath, or nothing."""
DataText = Annotated[str, Field(max_length=500), AfterValidator(_template)]
"""A template that `data_text` can fill."""
ProjectUrl = Annotated[str, AfterValidator(_url)]
"""Where a PEKAT project listens, or nothing."""
ProjectUrls = Annotated[tuple[str, ...], Field(strict=False, max_length=16), AfterValidator(_urls)]
"""Several such addresses."""
