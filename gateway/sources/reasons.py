"""What people read: why there is no image, and why a file was put aside."""

import datetime

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason
from gateway.ports import Fate, Order
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.shelf import Arrival

WHAT = {Fate.REFUSED: "rejected", Fate.UNUSED: "not judged", Fate.JUDGED: "judged"}


def reason_text(name: str, order: Order, fate: Fate, judgement: Judgement) -> str:
    """The contents of a reason file: what, when, why, for which trigger; lines of `key: value`."""
    now = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
    lines = {
        "file": name,
        "what": WHAT[fate],
        "reason": f"{judgement.reason.value} {judgement.reason.name.lower().replace('_', ' ')}",
        "why": judgement.detail or judgement.reason.name.lower(),
        "when": now,
        "station": order.station,
        "trigger": str(order.trigger_seq),
        "inspection": str(order.inspection_id),
        "part id": order.part_id or "-",
        "recipe": str(order.recipe),
    }
    return "".join(f"{key}: {' '.join(value.split())}\n" for key, value in lines.items())


def no_image(settings: FileDropSettings, order: Order, earlier: Arrival | None) -> SourceError:
    """The error for a trigger that nothing came for. `earlier` is the last picture that came too early for it."""
    wanted = f" for part {order.part_id!r}" if settings.pick == "part_id" else ""
    text = f"{settings.folder}: no image came{wanted}"
    hint = "does the camera write to this folder, and do the names match `patterns`?"
    if earlier is not None:
        early_ms = (order.accepted_at - earlier.at) / 1000
        text += f"; {earlier.name} came {early_ms:.0f} ms before the trigger, window_ms is {settings.window_ms}"
        hint = "if that was this trigger's picture, make window_ms longer"
    return SourceError(text, reason=Reason.NO_IMAGE, hint=hint)
