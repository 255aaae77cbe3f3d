"""Where the archive is whose images belong to results: in a data folder, or where a gateway.toml says."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from gateway.cli.config_file import ANY, settings_or_exit
from gateway.cli.runner import fail
from gateway.config_errors import read_toml
from gateway.config_paths import rooted
from gateway.core.errors import ConfigError
from gateway.ports import StoredResult
from gateway.sinks.archive_lookup import ArchiveLookup
from gateway.sinks.archive_settings import FOLDER_NAME, ArchiveSettings


def with_images(
    pages: Iterable[Sequence[StoredResult]], config: Path | None, data: Path | None
) -> Iterator[Sequence[StoredResult]]:
    """Results with the paths of their images. Exits where the configuration is wrong."""
    folder = data / FOLDER_NAME if data is not None else _configured(config or ANY)
    if folder is None:
        yield from pages
        return
    lookup = ArchiveLookup(folder)
    for page in pages:
        yield [replace(stored, images=lookup.images_of(stored)) for stored in page]


def _configured(config: Path) -> Path | None:
    """Goes by [archive] and gateway.data alone, as the history does; None where no images are kept."""
    try:
        tables = read_toml(config)
        table, gateway = tables.get("archive"), tables.get("gateway")
        if not isinstance(table, dict):
            return None
        settings = ArchiveSettings.model_validate_json(json.dumps(table, default=str))
    except ConfigError as error:
        raise fail(str(error), error.hint) from error
    except ValidationError as error:
        settings_or_exit(config)
        raise fail(f"{config}: [archive] is wrong", "pekat-gateway check says what is") from error
    data = gateway.get("data") if isinstance(gateway, dict) else None
    place = settings.place(Path(data) if isinstance(data, str) else None)
    return rooted(settings.model_copy(update={"folder": place}), config.absolute().parent).folder
