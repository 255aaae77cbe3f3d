"""What differs between two configurations, and what of it a running gateway can take over."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from gateway.config_tree import Settings, StationSettings

LIVE_IN_THE_HANDSHAKE = (
    "inspection_timeout_ms",
    "ack_timeout_ms",
    "recipe_timeout_ms",
    "decision_deadline_ms",
    "late_is",
    "review_wait_ms",
    "stop_after_nok",
)
"""Its depths size queues and threads, and its watchdog a PLC's program."""


LIVE_IN_THE_ARCHIVE = ("keep", "every_nth_ok", "original", "drawn", "overrides")
"""Its limits and its folder are its thread's."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`settings` is what can be in force without a restart: the old configuration with the keys in `made` changed.

    `left` are the keys that need a restart.
    """

    settings: Settings
    made: tuple[str, ...]
    left: tuple[str, ...]


def changes(now: Settings, new: Settings) -> Changes:
    """From what is in force to what the file says."""
    by_name = {station.name: station for station in new.stations}
    archive = now.archive
    if archive is not None and new.archive is not None:
        archive = archive.model_copy(update={name: getattr(new.archive, name) for name in LIVE_IN_THE_ARCHIVE})
    told = {"log_level": new.gateway.log_level, "stop_timeout_ms": new.gateway.stop_timeout_ms}
    wanted = now.model_copy(
        update={
            "gateway": now.gateway.model_copy(update=told),
            "archive": archive,
            "stations": tuple(_station(one, by_name.get(one.name)) for one in now.stations),
        }
    )
    return Changes(wanted, tuple(differences(now, wanted)), tuple(differences(wanted, new)))


def _station(now: StationSettings, new: StationSettings | None) -> StationSettings:
    if new is None:
        return now
    handshake = {name: getattr(new.handshake, name) for name in LIVE_IN_THE_HANDSHAKE}
    live: dict[str, object] = {
        "recipes": new.recipes,
        "initial_recipe": new.initial_recipe,
        "inspector": new.inspector,
        "handshake": now.handshake.model_copy(update=handshake),
    }
    if now.user_tags == new.user_tags:  # else tags would come or go: OPC UA's nodes are made at the start
        live |= {"user_values": new.user_values, "map": new.map, "modbus": new.modbus}
    made = now.model_copy(update=live)
    made.__dict__.pop("registers", None)  # what a cached property made of the old map was copied too
    return made


def differences(before: object, after: object, key: str = "") -> Iterator[str]:
    """The keys that differ, as `stations[station1].recipes[2].url`; where a table is new or gone, the table's."""
    if before == after:
        return
    if isinstance(before, BaseModel) and type(before) is type(after):
        for name in type(before).model_fields:
            yield from differences(getattr(before, name), getattr(after, name), f"{key}.{name}".lstrip("."))
    elif _tables(before) and _tables(after):
        old, new = _labelled(before), _labelled(after)
        for label in [*old, *(label for label in new if label not in old)]:
            yield from differences(old.get(label), new.get(label), f"{key}[{label}]")
        if list(old) != list(new) and old.keys() == new.keys():
            yield key  # their order
    else:
        yield key


def _tables(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, BaseModel) for one in value)


def _labelled(tables: object) -> dict[str, object]:
    """Tables by their number or name, else by their place."""
    assert isinstance(tables, Iterable)
    return {str(getattr(one, "number", getattr(one, "name", at))): one for at, one in enumerate(tables)}
