"""One station as its nodes show it: the newest image goes into the address space as a whole, commands come out of it.

Writing through asyncua's own write service would cost a coroutine for each node. The values are put into their
places directly instead, in one go without any suspension, so that no read and no publishing sees half an image.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AttributeValue
from asyncua.ua.uaerrors import UaError

from gateway.core.commands import Commands
from gateway.core.image import TagImage
from gateway.core.tags import CONTROL_TAGS, STATUS_TAGS, Direction, Tag, TagValue, view_tags
from gateway.plc.opcua.nodes import VARIANT_TYPES, NodeWriter, TagNode
from gateway.plc.opcua.traffic.right_of_way import SHORTEST_S, RightOfWay
from gateway.plc.opcua.traffic.shown import Shown
from gateway.ports import StationView

log = logging.getLogger(__name__)

FLUSH_DELAY_S = 0.001
"""Images of one millisecond go out together: a trigger's answer on Modbus and the request to PEKAT come first, and no
subscription publishes faster than that. A read never waits for it: it flushes before it reads. While an inspection
has the right of way, they wait for that too."""

_LAST = ("result_seq", "result_valid")
"""Put in place after all others, in this order."""

_GOOD = ua.StatusCode()
_COMMANDS = tuple(field.name for field in fields(Commands))


@dataclass(slots=True)
class _Cell:
    """One tag's place, and what was put there last."""

    name: str
    place: AttributeValue
    kind: ua.VariantType
    value: TagValue
    text: AttributeValue | None
    meanings: Mapping[TagValue, str]

    def put(self, value: TagValue, at: ua.DateTime, now: ua.DateTime) -> None:
        """Show `value`, which changed `at`, and tell those who subscribed."""
        self.value = value
        put(self.place, ua.Variant(value, self.kind, None, False), at, now)
        if self.text is not None:
            words = self.meanings.get(value, str(value))
            put(self.text, ua.Variant(ua.LocalizedText(words), ua.VariantType.LocalizedText, None, False), at, now)


class StationFace:
    """The nodes of one station. `attach` it to follow the station's images, `detach` it at the end."""

    def __init__(self, view: StationView, writer: NodeWriter, right_of_way: RightOfWay) -> None:
        self.view = view
        self._right_of_way = right_of_way
        self.station = view.station
        writer.station(self.station.name, writable=view.controls)
        several = self.station.state.options.views
        self.nodes = {
            tag.name: writer.tag(self.station.name, tag, writable=view.controls)
            for tag in (*CONTROL_TAGS, *STATUS_TAGS, *view_tags(several), *self.station.user_tags)
        }
        self._status = [_cell(node) for node in _in_order(self.nodes.values())]
        self._control = [_cell(self.nodes[tag.name]) for tag in CONTROL_TAGS]
        self.version = 0
        """Grows with each change of what the tags show."""
        self._shown: TagImage | None = None
        self._stamps: dict[str, ua.DateTime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._waits_since = 0.0
        self._end_watch = _nothing
        self._also: list[Callable[[], None]] = []

    def attach(self) -> None:
        """Show the station as it is now, and from now on."""
        self.flush()
        self._end_watch = self.station.watch(self._changed)

    def detach(self) -> None:
        self._end_watch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def also(self, show: Callable[[], None]) -> None:
        """Show something else together with the tags, each time after them."""
        self._also.append(show)

    def flush(self) -> int:
        """Show the newest image now; the number of tags that changed."""
        changed = self._flush_tags()
        for show in self._also:
            show()
        return changed

    def _flush_tags(self) -> int:
        image, shown = self.station.image, self._shown
        if image is shown and not self._stamps:
            return 0
        stamps, self._stamps, self._shown = self._stamps, {}, image
        now = ua.DateTime.now(UTC)
        commands = {name: getattr(image.commands, name) for name in _COMMANDS}
        changed = _put_changed(self._control, commands, stamps, now)
        if shown is None or image.values is not shown.values:  # else only commands are new, as with a heartbeat
            changed += _put_changed(self._status, image.values, {}, now)
        self.version += changed
        return changed

    def write(self, values: Mapping[str, TagValue], stamps: Mapping[str, ua.DateTime], client: str) -> None:
        """One Write request of a client: these control tags together, one event. `stamps` are its source times."""
        changes: dict[str, Any] = dict(values)
        self._stamps.update(stamps)
        self.station.write(replace(self.station.image.commands, **changes), client)
        self.schedule()

    def _changed(self, image: TagImage) -> None:
        self.schedule()

    def schedule(self) -> None:
        """See to it that what is new is shown soon."""
        if self._timer is None:
            self._waits_since = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(FLUSH_DELAY_S, self._flush_due)

    def _flush_due(self) -> None:
        now = time.monotonic()
        if (due := self._right_of_way.due(self._waits_since)) > now:
            self._timer = asyncio.get_running_loop().call_later(max(due - now, SHORTEST_S), self._flush_due)
            return
        self._timer = None
        self.flush()


def _nothing() -> None:
    """What ends a watch that never began."""


def _in_order(nodes: Iterable[TagNode]) -> list[TagNode]:
    """Status nodes, those that announce a result last."""
    status = [node for node in nodes if node.tag.direction is Direction.STATUS]
    return sorted(status, key=lambda node: _LAST.index(node.tag.name) if node.tag.name in _LAST else -1)


def _cell(node: TagNode) -> _Cell:
    tag: Tag = node.tag
    cell = _Cell(tag.name, node.place, VARIANT_TYPES[tag.type], tag.default, node.text, dict(tag.texts))
    now = ua.DateTime.now(UTC)
    cell.put(tag.default, now, now)
    return cell


def _put_changed(
    cells: Iterable[_Cell], values: Mapping[str, TagValue], stamps: Mapping[str, ua.DateTime], now: ua.DateTime
) -> int:
    changed = 0
    for cell in cells:
        value = values[cell.name]
        if value != cell.value or cell.name in stamps:
            cell.put(value, stamps.get(cell.name, now), now)
            changed += 1
    return changed


def put(
    place: AttributeValue, value: ua.Variant, at: ua.DateTime, now: ua.DateTime, status: ua.StatusCode = _GOOD
) -> None:
    """Show a value in its place, which changed `at`, and tell those who subscribed."""
    shown = Shown(value, status, at, now)
    place.value = shown
    for handle, tell in tuple(place.datachange_callbacks.items()):
        finish_now(tell(handle, shown))


def finish_now(telling: Coroutine[Any, Any, None]) -> None:
    """Run a subscription's callback to its end at once: it only queues, and never has to wait.

    A filter that does not fit the value must not keep others from theirs; asyncua's own write goes on as well.
    """
    try:
        telling.send(None)
    except StopIteration:
        return
    except (ArithmeticError, LookupError, TypeError, ValueError, UaError):
        log.exception("a subscription could not take a value")
        return
    telling.close()
    log.error("a subscription wanted to wait while taking a value; the value is lost to it")
